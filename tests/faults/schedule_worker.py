"""A process that runs random schedules: ``python -m tests.faults.schedule_worker OPTIONS``.

It has an AWS and servers of its own, so that several of them share nothing but the machine. It
prints each schedule's result as a line of JSON.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from datetime import timedelta
from itertools import count
from unittest.mock import patch

from eventdrain.drain import subscription as reading
from tests.faults.cloud import Cloud
from tests.faults.schedules import run_schedule


def main() -> None:
    """Run every n-th schedule until there are enough, or the time is over."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--first-seed", type=int, required=True)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--last-seed", type=int)
    parser.add_argument("--seconds", type=float)
    options = parser.parse_args()
    logging.lastResort = None  # what the engine logs is looked at, not printed
    # Ten seconds after each authentication error would be most of what a schedule takes.
    short = timedelta(milliseconds=200)
    end = None if options.seconds is None else time.monotonic() + options.seconds
    with Cloud() as cloud, patch.object(reading, "_AFTER_AUTHENTICATION_ERROR", short):
        for seed in count(options.first_seed, options.every):
            is_over = end is not None and time.monotonic() >= end
            if is_over or (options.last_seed is not None and seed > options.last_seed):
                break
            sys.stdout.write(f"{json.dumps(run_schedule(cloud, seed).as_json())}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()

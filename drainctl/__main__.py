"""Run ``python -m drainctl``. From the project's folder it needs no installation or settings."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from drainctl.group import drainctl

if __name__ == "__main__":
    layers = Path(__file__).parents[1] / "layers"
    sys.path[:0] = [str(layers / name) for name in ("wgtwo", "eventdrain")]
    # The Makefile sets this, so that usage lines and errors show what was typed.
    drainctl(prog_name=os.environ.get("DRAINCTL_NAME", "python -m drainctl"))

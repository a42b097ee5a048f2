"""Runs ministack with the extensions of this package: ``python simulator/ministack/server.py``."""

import sys
from pathlib import Path

from ministack.app import main

sys.path.append(str(Path(__file__).resolve().parents[2]))

from simulator.ministack import athena, cloudformation, functions, rights, scheduler, step_functions

for service in (athena, cloudformation, functions, rights, scheduler, step_functions):
    service.apply()

if __name__ == "__main__":
    sys.exit(main())

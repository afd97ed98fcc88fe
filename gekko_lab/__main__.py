"""`python -m gekko_lab` is `gekko-lab`."""

from __future__ import annotations

import sys

from gekko_lab.cli import main

if __name__ == "__main__":
    sys.exit(main())

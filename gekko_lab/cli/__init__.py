"""`gekko-lab`: market data on the command line."""

from __future__ import annotations

from gekko_lab.cli.commands import main

__all__ = ["main"]

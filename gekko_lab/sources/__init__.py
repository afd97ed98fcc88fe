"""Where market data come from: exchanges by name, each answering one page at a time."""

from __future__ import annotations

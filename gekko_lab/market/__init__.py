"""The nouns of a market: timeframes, ranges of time, symbols and their rules. No dependencies."""

from __future__ import annotations

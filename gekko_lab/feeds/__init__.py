"""Streams of market events, live, simulated or replayed, through one interface."""

from __future__ import annotations

"""Gekko Lab: crypto market data for notebooks, real and simulated, through one call."""

from __future__ import annotations

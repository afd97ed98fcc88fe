"""Typed events of markets, the emitter that hands them to listeners, and the loop thread."""

from __future__ import annotations

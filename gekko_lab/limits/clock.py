"""The time that budgets are counted by, and how they wait for it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SECOND = 1_000_000_000
"""Times are whole nanoseconds since 1970, which floats of that size would round."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Where the time comes from.

    Attributes
    ----------
    now : callable
        Gives nanoseconds since 1970. The wall clock, as all processes and reboots share it.
    sleep : callable
        Waits for so many seconds.
    """

    now: Callable[[], int] = time.time_ns
    sleep: Callable[[float], None] = time.sleep


WALL = Clock()

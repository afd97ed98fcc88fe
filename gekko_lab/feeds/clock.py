"""The time that feeds run on, which tests replace."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@dataclass(frozen=True, slots=True)
class Clock:
    """Where the time comes from, and how it is waited for.

    Attributes
    ----------
    now_us : callable
        Gives microseconds UTC, by the clock of this machine.
    monotonic : callable
        Gives seconds that never jump.
    sleep : callable
        Waits for so many seconds, in a loop.
    """

    now_us: Callable[[], int] = lambda: time.time_ns() // 1000
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


WALL = Clock()

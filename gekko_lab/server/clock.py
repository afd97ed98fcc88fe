"""The time of a served exchange: the wall clock, another moment, slower, faster or standing."""

from __future__ import annotations

import threading
import time
from operator import index
from typing import TYPE_CHECKING, SupportsIndex

from gekko_lab.errors import InvalidArgument, InvalidType
from gekko_lab.market.length import read_length
from gekko_lab.market.moments import read_time, show_time
from gekko_lab.server.schedule import BEGINNING, ENDING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

from gekko_lab.market.moments import TimeLike

_SPEEDS = (0.001, 1_000_000.0)
_NANOSECONDS = 1_000_000  # in a millisecond


class Clock:
    """A clock that can be started anywhere, sped up, stopped and set forward; it never goes back.

    Calling it gives milliseconds UTC. It may be changed from any thread. It is set to nothing but
    the time of markets, 2010 until 2200; where it runs on by itself, they stand still.

    Parameters
    ----------
    start
        Where it begins, such as "2024-01-01" or "30d" (back from now); by default now.
    speed
        Seconds of it in a second, 0.001 to 1,000,000.
    paused
        Whether it stands until `resume` or `step`.
    real
        The time that goes by meanwhile, in nanoseconds.

    Raises
    ------
    InvalidArgument
        When `start` is no time of markets or `speed` is out of range.

    Examples
    --------
    >>> clock = Clock("2024-01-01", paused=True)
    >>> clock.step("1m")
    >>> clock()
    1704067260000
    """

    def __init__(
        self,
        start: TimeLike | None = None,
        *,
        speed: float = 1.0,
        paused: bool = False,
        real: Callable[[], int] = time.time_ns,
    ) -> None:
        self._real = real
        self._lock = threading.Lock()
        self._speed = check_speed(speed)
        self._paused = paused
        self._since = real()  # the real moment from which it runs like this
        now = self._since // _NANOSECONDS
        self._time = now if start is None else _read_moment(start, now, "start")
        self._told = self._time
        if start is None:
            self._since -= self._since % _NANOSECONDS

    def __call__(self) -> int:
        """Give the time, milliseconds UTC."""
        with self._lock:
            return self._now()

    def __repr__(self) -> str:
        state = "paused" if self._paused else f"at speed {self._speed:g}"
        return f"<Clock {show_time(self())} {state}>"

    @property
    def speed(self) -> float:
        """Seconds of this clock in a second while it isn't paused."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        checked = check_speed(speed)
        with self._lock:
            self._anchor(self._now())
            self._speed = checked

    @property
    def paused(self) -> bool:
        """Whether it stands."""
        return self._paused

    def pause(self) -> None:
        """Stand still."""
        with self._lock:
            self._anchor(self._now())
            self._paused = True

    def resume(self) -> None:
        """Go on from where it stands."""
        with self._lock:
            self._anchor(self._now())
            self._paused = False

    def step(self, length: int | str | timedelta) -> None:
        """Leap forward.

        Parameters
        ----------
        length
            How far: milliseconds, text such as "1h", or a timedelta.

        Raises
        ------
        InvalidArgument
            When that goes back, is no length, or leads beyond 2200.
        """
        leap = read_step(length)
        with self._lock:
            self._leap(self._now(), leap)

    def go_to(self, moment: TimeLike, *, step: int | str | timedelta = 0) -> None:
        """Leap forward to a moment.

        Parameters
        ----------
        moment
            Where to.
        step
            How much farther, as `step` takes it.

        Raises
        ------
        InvalidArgument
            When it is over already, no time, or not between 2010 and 2200.
        """
        leap = read_step(step)
        wanted = _read_moment(moment, self._real() // _NANOSECONDS, "time")
        with self._lock:
            now = self._now()
            if wanted < now:
                raise InvalidArgument(
                    f"time={show_time(wanted)} is over: the clock is at {show_time(now)} and never "
                    "goes back; serve anew to begin earlier"
                )
            self._leap(wanted, leap)

    def _leap(self, moment: int, leap: int) -> None:
        if leap:  # a clock that has run out of the range can still be paused
            _check_moment(moment + leap, f"step={leap} from {show_time(moment)} leads to ")
        self._anchor(moment + leap)

    def _now(self) -> int:
        if not self._paused:
            gone = (self._real() - self._since) * self._speed
            # the real clock may be set back, this one isn't
            self._told = max(self._told, self._time + int(gone // _NANOSECONDS))
        return self._told

    def _anchor(self, moment: int) -> None:
        self._time = self._told = moment
        self._since = self._real()


def _read_moment(moment: TimeLike, now: int, name: str) -> int:
    return _check_moment(read_time(moment, now=now, name=name), f"{name}=")


def _check_moment(moment: int, told: str) -> int:
    if not BEGINNING <= moment <= ENDING:
        raise InvalidArgument(
            f"{told}{show_time(moment)}: markets have the time from {show_time(BEGINNING)} until "
            f"{show_time(ENDING)}"
        )
    return moment


def read_step(length: object) -> int:
    """Read a step of a clock as milliseconds, 0 or more; a number is milliseconds already."""
    if isinstance(length, bool) or not isinstance(length, SupportsIndex):
        return read_length(length, name="step")
    milliseconds = index(length)
    if milliseconds < 0:
        raise InvalidArgument(f"step={milliseconds} goes back: give 0 milliseconds or more")
    return milliseconds


def check_speed(speed: float) -> float:
    """Give a speed back that a clock can have, or raise `InvalidArgument`."""
    if isinstance(speed, bool) or not isinstance(speed, int | float):
        raise InvalidType(f"speed={speed!r} is a {type(speed).__name__}: give a number such as 60")
    least, most = _SPEEDS
    if not least <= speed <= most:
        raise InvalidArgument(f"speed={speed}: give {least:g} to {most:,.0f}, or pause the clock")
    return float(speed)

"""Failures that the server commits on demand, and when."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from gekko_lab.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal[
    "rate_limited",
    "banned",
    "status",
    "status_html",
    "status_empty",
    "delay",
    "hang",
    "slow_body",
    "reset",
    "reset_body",
    "early_fin",
    "truncated",
    "html",
    "empty",
    "null",
    "empty_page",
    "drop_rows",
    "short_page",
    "double_rows",
    "shuffle_rows",
    "reverse_rows",
    "shift_rows",
    "nan_rows",
    "clock_skew",
]

_TIME = "/api/v3/time"


@dataclass(frozen=True, slots=True)
class Fault:
    """A failure and the requests that meet it.

    ============= =================================================== ====================
    kind          what happens                                        value (default)
    ============= =================================================== ====================
    rate_limited  429 with Retry-After                                seconds (1)
    banned        418 with Retry-After                                seconds (120)
    status        that status with a JSON error                       status (503)
    status_html   that status with a page of HTML                     status (503)
    status_empty  that status without a body                          status (503)
    delay         the answer comes later                              seconds (0.1)
    hang          nothing comes; the connection stays open            seconds (until left)
    slow_body     the body drips in twenty parts                      seconds in all (1)
    reset         the connection is reset before the answer           none
    reset_body    the connection is reset inside the body             none
    early_fin     the connection is closed inside the body            none
    truncated     200 with half of the JSON, complete as HTTP         none
    html          200 with a page of HTML                             none
    empty         200 without a body                                  none
    null          200 with `null`                                     none
    empty_page    200 with `[]`                                       none
    drop_rows     rows are missing inside the page                    rows (5)
    short_page    rows are missing at the end of the page             rows (100)
    double_rows   rows come twice                                     rows (5)
    shuffle_rows  rows are in no order                                none
    reverse_rows  newest first                                        none
    shift_rows    all times are later; negative is earlier            milliseconds (1)
    nan_rows      prices are "NaN"                                    rows (5)
    clock_skew    the exchange's time differs; touches time only      milliseconds (5000)
    ============= =================================================== ====================

    Parameters
    ----------
    kind
        What happens.
    path
        Requests whose path begins so; None for all.
    symbol
        Requests for this symbol, `BTC/USDT` or `BTCUSDT`; None for all.
    every
        Of the requests that fit, every n-th meets it.
    skip
        The first so many requests that fit are spared.
    count
        After so many hits the fault is over; None for never.
    value
        What the table says; None for the default.
    """

    kind: Kind
    path: str | None = "/api/v3/klines"
    symbol: str | None = None
    every: int = 1
    skip: int = 0
    count: int | None = None
    value: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise InvalidArgument(f"{self.kind!r} is no fault: choose one of {get_args(Kind)}")
        if self.every < 1 or self.skip < 0 or (self.count is not None and self.count < 0):
            raise InvalidArgument("a fault needs every ≥ 1, skip ≥ 0 and count ≥ 0")

    def fits(self, path: str, query: Mapping[str, str]) -> bool:
        """Tell whether a request is of the kind that meets this fault."""
        wanted = _TIME if self.kind == "clock_skew" else self.path
        if wanted is not None and not path.startswith(wanted):
            return False
        return self.symbol is None or query.get("symbol") == self.symbol.replace("/", "")

    def amount(self, default: float) -> float:
        """Give the value or that default."""
        return default if self.value is None else self.value


@dataclass(slots=True)
class _Entry:
    fault: Fault
    seen: int = 0
    hits: int = 0

    def meets(self, path: str, query: Mapping[str, str]) -> bool:
        if not self.fault.fits(path, query):
            return False
        self.seen += 1
        place = self.seen - self.fault.skip
        spent = self.fault.count is not None and self.hits >= self.fault.count
        if place < 1 or place % self.fault.every or spent:
            return False
        self.hits += 1
        return True


class Faults:
    """The faults of a server; may be changed at any time from any thread.

    Parameters
    ----------
    seed
        Decides which rows are lost, doubled or shuffled.
    """

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._entries: list[_Entry] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Commit this failure from the next request on."""
        with self._lock:
            self._entries.append(_Entry(fault))

    def clear(self) -> None:
        """Commit no failures any more."""
        with self._lock:
            self._entries.clear()

    def meet(self, path: str, query: Mapping[str, str]) -> list[tuple[Fault, random.Random]]:
        """Count a request and give the faults that it meets, each with its own chance."""
        with self._lock:
            return [
                (entry.fault, random.Random(f"{self._seed}:{place}:{entry.hits}"))  # noqa: S311 (no secret)
                for place, entry in enumerate(self._entries)
                if entry.meets(path, query)
            ]

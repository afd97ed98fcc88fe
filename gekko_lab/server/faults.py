"""Failures that the server commits on demand, and when."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

from gekko_lab.errors import InvalidArgument
from gekko_lab.server.channels import ChannelSubject
from gekko_lab.server.dialect import Subject
from gekko_lab.server.fault_values import check_value

if TYPE_CHECKING:
    from gekko_lab.server.channels import Channel
    from gekko_lab.server.dialect import Asked

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
"""What may happen to a request."""

StreamKind = Literal[
    "stream_close",
    "stream_abort",
    "stream_garbage",
    "stream_silence",
    "stream_skip",
    "stream_shutdown",
    "stream_restart",
]
"""What may happen to a message on a WebSocket connection."""

_SUBJECTS = get_args(Subject)
_CHANNELS = get_args(ChannelSubject)
_STREAM_KINDS = frozenset(get_args(StreamKind))


@dataclass(frozen=True, slots=True)
class Fault:
    """A failure and the requests that meet it.

    ============= =================================================== ====================
    kind          what happens                                        value (default)
    ============= =================================================== ====================
    rate_limited  asked too often, as the exchange says it            seconds (1)
    banned        shut out for a while, as the exchange says it       seconds (120)
    status        that status with the exchange's JSON error          status (503)
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
    empty_page    200 without rows                                    none
    drop_rows     rows are missing inside the page                    rows (5)
    short_page    rows are missing at the end of the page             rows (100)
    double_rows   rows come twice                                     rows (5)
    shuffle_rows  rows are in no order                                none
    reverse_rows  rows are in the opposite order                      none
    shift_rows    all times are later; negative is earlier            milliseconds (1)
    nan_rows      prices are "NaN"                                    rows (5)
    clock_skew    the exchange's time differs; touches time only      milliseconds (5000)
    ============= =================================================== ====================

    On WebSocket connections, each message that is about to be sent to a client counts as what a
    request is elsewhere, and `stream` chooses among them:

    =============== ================================================= ====================
    kind            what happens instead of the message               value (default)
    =============== ================================================= ====================
    stream_skip     nothing: the message is lost                      none
    stream_garbage  half of its JSON comes                            none
    stream_close    the connection is closed in good order            close code (1001)
    stream_abort    the connection is reset                           none
    stream_silence  it stays open and nothing comes, no ping either   seconds (until left)
    stream_shutdown the message and a serverShutdown event come, and  seconds (10)
                    later the connection is closed
    stream_restart  the server stops and starts again on its port     seconds between (0)
    =============== ================================================= ====================

    Silence and shutdown last seconds of the exchange's clock, a restart seconds of real time.

    ============= =============================== ==================== ======================
    as it is said Binance                         Coinbase Exchange    Kraken
    ============= =============================== ==================== ======================
    rate_limited  429, Retry-After, code -1003    429, its message     200, a list of errors
    banned        418, Retry-After, code -1003    403, its message     200, a list of errors
    ============= =============================== ==================== ======================

    A `value` that is given is told by Retry-After on all of them. For Kraken's rate limit as an
    HTTP status use `Fault("status", value=429)`. Faults of rows touch candles and trades alone, in
    the format of the exchange; cursors (`CB-AFTER`, `CB-BEFORE`, `last`) stay those of the whole
    page. Where times are told in whole seconds, rows shift by one at least.

    Parameters
    ----------
    kind
        What happens.
    path
        Requests about "candles", "trades", "order_book", "ticker", "markets" or "time", whatever
        the exchange calls them, or whose path begins so, such as "/api/v3/klines"; None for all.
    symbol
        Requests for this symbol, `BTC/USDT` or the exchange's own name, such as `BTCUSDT`,
        `BTC-USDT`, `XBTUSDT`; None for all.
    every
        Of the requests that fit, every n-th meets it.
    skip
        The first so many requests that fit are spared.
    count
        After so many hits the fault is over; None for never.
    value
        What the table says; None for the default. Seconds are 0 to a billion, rows whole numbers
        from 0 on, statuses 200 to 599, milliseconds whole, close codes those that may be sent.
    stream
        For faults of streams: "trades", "candles", "order_book" or "ticker", whatever the exchange
        calls them, or how the name of the stream begins behind its symbol, such as "@depth" or
        "@kline_1m", or the whole name, such as "btcusdt@trade"; None for all.

    Raises
    ------
    InvalidArgument
        When a setting is impossible, or the value is for that kind.
    """

    kind: Kind | StreamKind
    path: str | None = "candles"
    symbol: str | None = None
    every: int = 1
    skip: int = 0
    count: int | None = None
    value: float | None = None
    stream: str | None = None

    def __post_init__(self) -> None:
        kinds = (*get_args(Kind), *get_args(StreamKind))
        if self.kind not in kinds:
            raise InvalidArgument(f"{self.kind!r} is no fault: choose one of {kinds}")
        if not (self.path is None or self.path.startswith("/") or self.path in _SUBJECTS):
            raise InvalidArgument(
                f"path={self.path!r} is neither one of {_SUBJECTS} nor a path, which begins with /"
            )
        stream = self.stream
        if stream is not None and "@" not in stream and stream not in _CHANNELS:
            raise InvalidArgument(
                f"stream={stream!r} is neither one of {_CHANNELS} nor a stream's name, such as "
                "btcusdt@trade or @trade"
            )
        if stream is not None and not self.streams:
            raise InvalidArgument(f"{self.kind!r} is no fault of streams: give `path` instead")
        if self.every < 1 or self.skip < 0 or (self.count is not None and self.count < 0):
            raise InvalidArgument("a fault needs every ≥ 1, skip ≥ 0 and count ≥ 0")
        check_value(self.kind, self.value)

    @property
    def streams(self) -> bool:
        """Whether it is a fault of streams, which no request meets."""
        return self.kind in _STREAM_KINDS

    def fits(self, path: str, asked: Asked) -> bool:
        """Tell whether a request is of the kind that meets this fault."""
        if self.streams:
            return False
        wanted = "time" if self.kind == "clock_skew" else self.path
        if wanted is not None and wanted != asked.subject and not path.startswith(wanted):
            return False
        if self.symbol is None:
            return True
        return not asked.symbols.isdisjoint({self.symbol, self.symbol.replace("/", "")})

    def fits_message(self, name: str, channel: Channel) -> bool:
        """Tell whether a message of a stream is of the kind that meets this fault."""
        if not self.streams:
            return False
        if self.symbol is not None and self.symbol not in channel.symbols:
            return False
        wanted = self.stream
        if wanted is None or wanted in {name, channel.subject}:
            return True
        return wanted.startswith("@") and name[name.find("@") :].startswith(wanted)

    def amount(self, default: float) -> float:
        """Give the value or that default."""
        return default if self.value is None else self.value


@dataclass(slots=True)
class Entry:
    """A fault that is being committed.

    Attributes
    ----------
    id : int
        Its number, counted from 0 since all were cleared.
    fault : Fault
        The failure.
    seen : int
        How many requests or messages fitted.
    hits : int
        How many of them met it.
    """

    id: int
    fault: Fault
    seen: int = 0
    hits: int = 0

    def meets(self, *, fits: bool) -> bool:
        """Count one that fits, or doesn't, and tell whether the fault is committed on it."""
        if not fits:
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
        self._entries: list[Entry] = []
        self._next = 0
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Commit this failure from the next request on."""
        self.enter(fault)

    def enter(self, *faults: Fault) -> list[Entry]:
        """Commit these failures from the next request on, and give how they are kept."""
        with self._lock:
            added = [Entry(id_, fault) for id_, fault in enumerate(faults, self._next)]
            self._entries += added
            self._next += len(added)
            return [replace(entry) for entry in added]

    @property
    def entries(self) -> list[Entry]:
        """All that are being committed, and how often each has been met."""
        with self._lock:
            return [replace(entry) for entry in self._entries]

    def remove(self, id_: int) -> bool:
        """Commit one of them no longer; tell whether there was one of that number."""
        with self._lock:
            kept = [entry for entry in self._entries if entry.id != id_]
            found = len(kept) < len(self._entries)
            self._entries = kept
            return found

    def clear(self) -> None:
        """Commit no failures any more."""
        with self._lock:
            self._entries.clear()
            self._next = 0

    def meet(self, path: str, asked: Asked) -> list[tuple[Fault, random.Random]]:
        """Count a request and give the faults that it meets, each with its own chance."""
        with self._lock:
            return [
                (entry.fault, random.Random(f"{self._seed}:{entry.id}:{entry.hits}"))  # noqa: S311 (no secret)
                for entry in self._entries
                if entry.meets(fits=entry.fault.fits(path, asked))
            ]

    @property
    def streaming(self) -> bool:
        """Whether there are faults of streams."""
        with self._lock:
            return any(entry.fault.streams for entry in self._entries)

    def meet_message(self, name: str, channel: Channel) -> list[Fault]:
        """Count a message to one connection and give the faults that it meets."""
        with self._lock:
            return [
                entry.fault
                for entry in self._entries
                if entry.meets(fits=entry.fault.fits_message(name, channel))
            ]

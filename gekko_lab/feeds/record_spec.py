"""What is recorded, as other processes are told of it too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gekko_lab.datalog.series import Series
from gekko_lab.errors import InvalidArgument
from gekko_lab.feeds.opening import open_channel
from gekko_lab.feeds.recorded import LOGGED
from gekko_lab.market.spans import Span
from gekko_lab.simulation import HORIZON
from gekko_lab.sources.exchange_replay import ExchangeReplay
from gekko_lab.sources.log_replay import LogReplay
from gekko_lab.sources.registry import find_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gekko_lab.events.types import MarketKind
    from gekko_lab.feeds.channel import Channel
    from gekko_lab.feeds.checking import Wanted
    from gekko_lab.feeds.clock import Clock
    from gekko_lab.feeds.live import Transport
    from gekko_lab.sources.source import Source


@dataclass(frozen=True, slots=True)
class Spec:
    """What is recorded of one exchange.

    Attributes
    ----------
    exchange : str or Source
        Whose markets.
    named : str
        Its name in tables.
    symbols : tuple of str
        The markets.
    wanted : Wanted
        What of them.
    transport : str
        As in `stream`.
    since, until : int or None
        The range, in milliseconds; None for now, and for no end.
    deadline : float or None
        When to end by the clock of this machine, in seconds; for live markets.
    arrivals : bool
        Whether events are also kept as they came.
    began : int
        When it was asked for, in milliseconds.
    """

    exchange: str | Source
    named: str
    symbols: tuple[str, ...]
    wanted: Wanted
    transport: Transport
    since: int | None = None
    until: int | None = None
    deadline: float | None = None
    arrivals: bool = False
    began: int = 0

    @property
    def kinds(self) -> tuple[MarketKind, ...]:
        """What is recorded."""
        return self.wanted.kinds

    @property
    def interval_ms(self) -> int:
        """How far order books are apart."""
        return self.wanted.interval_ms

    def open(self, clock: Clock, *, resume: bool = False) -> tuple[Source, Channel, int | None]:
        """Give the source, its channel, and when that begins; None where nobody knows before.

        Parameters
        ----------
        clock
            What it runs on.
        resume
            Whether to begin with what the data log doesn't hold of the range.
        """
        source = find_source(self.exchange)
        check_recordable(source)
        begin = self.since
        if not is_live(source):
            if begin is None and source.foresees:
                begin = self._goes_on_at(source, clock) if resume else clock.now_us() // 1000
            elif begin is None:
                begin = min(source.oldest_trade(symbol, 0) or 0 for symbol in self.symbols)
            elif resume:
                begin = self._first_missing(source, begin)
        channel = open_channel(
            source,
            self.symbols,
            self.wanted,
            since=begin,
            until=self.until,
            clock=clock,
            transport=self.transport,
        )
        return source, channel, None if channel.live else begin

    def _goes_on_at(self, source: Source, clock: Clock) -> int:
        """Give the time that a simulated market has reached that went on without us."""
        speed = self.wanted.speed
        if speed is None:
            return self._first_missing(source, self.began)
        return self.began + int((clock.now_us() // 1000 - self.began) * speed)

    def _first_missing(self, source: Source, since: int) -> int:
        until = self.until if self.until is not None else HORIZON
        missing = [
            span.since
            for series in self.series(source)
            for span in series.missing(Span(since, max(until, since + 1)))
        ]
        return min(missing, default=max(since, until - 1))

    def series(self, source: Source) -> Iterator[Series]:
        """Give the series that it writes."""
        for symbol in self.symbols:
            for kind in self.kinds:
                width = self.wanted.width if kind == "candle" else None
                yield Series(LOGGED[kind], source, symbol, width)


def is_live(source: Source) -> bool:
    """Tell whether a source goes on without us."""
    return not (source.foresees or isinstance(source, ExchangeReplay | LogReplay))


def check_recordable(source: Source) -> None:
    """Raise where there is nothing to record."""
    if isinstance(source, LogReplay):
        raise InvalidArgument(
            f"{source.exchange} is the data log itself: record an exchange or a simulator"
        )

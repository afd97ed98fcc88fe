"""From a source to the channel that tells what happens in its markets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from gekko_lab.errors import (
    InvalidArgument,
    InvalidRange,
    NotInLog,
    UnknownTimeframe,
    UnsupportedBySource,
)
from gekko_lab.feeds.live import LiveChannel
from gekko_lab.feeds.played import Played
from gekko_lab.feeds.recorded import LogTimeline
from gekko_lab.feeds.simulated import BookSource, SourceTimeline
from gekko_lab.fetching.asking import ask
from gekko_lab.market.moments import check_order, read_time, show_time
from gekko_lab.simulation import HORIZON
from gekko_lab.sources.capabilities import capability
from gekko_lab.sources.exchange_replay import ExchangeReplay
from gekko_lab.sources.log_replay import LogReplay
from gekko_lab.sources.source import REPLAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gekko_lab.feeds.channel import Channel
    from gekko_lab.feeds.checking import Wanted
    from gekko_lab.feeds.clock import Clock
    from gekko_lab.feeds.live import Transport
    from gekko_lab.market.moments import TimeLike
    from gekko_lab.sources.source import Source

_SIMULATOR: Final = "simulator"


def open_channel(
    source: Source,
    symbols: Sequence[str],
    wanted: Wanted,
    *,
    since: TimeLike | None,
    until: TimeLike | None,
    clock: Clock,
    transport: Transport = "auto",
) -> Channel:
    """Give the channel of some markets; what can't be had is told now.

    Raises
    ------
    RequestError
        When the source has no such market, timeframe, kind or time.
    """
    for symbol in symbols:
        ask(lambda symbol=symbol: source.market(symbol))  # type: ignore[misc]
    if isinstance(source, LogReplay):
        return _logged(source, symbols, wanted, (since, until), clock)
    if source.foresees or isinstance(source, ExchangeReplay):
        return _known(source, symbols, wanted, (since, until), clock)
    _check_live(source, wanted, since, until)
    return LiveChannel(
        source,
        symbols,
        wanted.kinds,
        width=wanted.width,
        depth=wanted.depth,
        transport=transport,
    )


def _check_live(
    source: Source, wanted: Wanted, since: TimeLike | None, until: TimeLike | None
) -> None:
    """Raise where more is asked of an exchange than to listen to it from now on."""
    if since is not None or until is not None or wanted.speed != 1:
        raise InvalidArgument(
            f"{source.exchange} is streamed as it goes on now: leave out `since`, `until` and "
            f"`speed`; 'replay:{source.exchange}' and 'simulator' have them"
        )


def _known(
    source: Source,
    symbols: Sequence[str],
    wanted: Wanted,
    bounds: tuple[TimeLike | None, TimeLike | None],
    clock: Clock,
) -> Channel:
    """Give the channel of a source that knows its market at any time."""
    names = source.timeframes()
    if wanted.width is not None and str(wanted.width) not in names:
        raise UnknownTimeframe(
            f"{source.exchange} has no candles of {str(wanted.width)!r}: choose one of "
            f"{', '.join(names)}"
        )
    if "order_book" in wanted.kinds and not isinstance(source, BookSource):
        raise UnsupportedBySource(f"{source.exchange} has no order books")
    begins = None if source.foresees else min(source.oldest_trade(s, 0) or 0 for s in symbols)
    first, last = _range(
        *bounds,
        now=clock.now_us() // 1000 if source.foresees else source.now(),
        first=begins,
        last=HORIZON if source.foresees else source.now(),
    )
    timeline = SourceTimeline(
        source,
        symbols,
        wanted.kinds,
        wanted.width,
        interval_ms=wanted.interval_ms,
        depth=wanted.depth,
    )
    return Played(timeline, since_us=first, until_us=last, speed=wanted.speed, clock=clock)


def _logged(
    source: LogReplay,
    symbols: Sequence[str],
    wanted: Wanted,
    bounds: tuple[TimeLike | None, TimeLike | None],
    clock: Clock,
) -> Channel:
    """Give the channel of what the data log holds."""
    timeline = LogTimeline(source, symbols, wanted.kinds, wanted.width, dense=_is_dense(source))
    if timeline.absent:
        raise NotInLog(
            f"the data log holds no {' and no '.join(timeline.absent)} at {source.identity}; "
            "gekko_lab.datalog.catalog() lists what it holds"
        )
    held = [time // 1000 for time in timeline.span_us()]
    first, last = _range(*bounds, now=source.now(), first=held[0], last=held[1])
    timeline.limit(first or 0, last)
    return Played(timeline, since_us=first, until_us=last, speed=wanted.speed, clock=clock)


def _is_dense(source: LogReplay) -> bool:
    """Tell whether the exchange that was logged is known to have every candle; it isn't asked."""
    exchange = re.split("[:-]", source.exchange.removeprefix(REPLAY))[0]  # of a preset, an identity
    return exchange == _SIMULATOR or capability(exchange).dense


def _range(
    since: TimeLike | None, until: TimeLike | None, *, now: int, first: int | None, last: int
) -> tuple[int | None, int]:
    """Give begin and end in microseconds; no begin means now."""
    begin = first if since is None else read_time(since, now=now)
    end = last if until is None else read_time(until, now=now, name="until")
    if begin is not None and begin >= last:
        raise InvalidRange(
            f"since ({show_time(begin)}) lies after the last event ({show_time(last)})"
        )
    if until is not None or since is not None:
        check_order(now if begin is None else begin, end)
    return None if begin is None else begin * 1000, end * 1000

"""Candles built from an exchange's trades, where its own candles don't reach.

The trades go through the data log, so that nothing is downloaded twice, or where that isn't wanted
through a folder that is gone afterwards. Candles are made of them a day at a time, so that memory
doesn't grow with the range. A time without trades has no
candle, on every exchange: nothing is invented.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from gekko_lab.errors import RequestRefused
from gekko_lab.fetching import held_trades, logged_trades
from gekko_lab.fetching.completion import Failure
from gekko_lab.fetching.walk import Collection
from gekko_lab.frames.candles import candles_from_trades
from gekko_lab.frames.checks import times_of
from gekko_lab.frames.resample import missing, resample
from gekko_lab.frames.schemas import CANDLES_FULL, TIME, empty
from gekko_lab.market.moments import show_time
from gekko_lab.market.spans import Span, merge, subtract
from gekko_lab.market.timeframe import DAY, Timeframe
from gekko_lab.sources.binance import EXCHANGES as _AGGREGATED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gekko_lab import datalog
    from gekko_lab.fetching.completion import Series
    from gekko_lab.fetching.logged_trades import TradesFound

_DAY = Timeframe(1, "d")


def collect_built(
    series: Series, span: Span, *, report: Callable[[int], None], logged: bool = True
) -> Collection:
    """Give the candles of a range that its trades make, as `collect` gives the exchange's own.

    Parameters
    ----------
    series
        Whose candles; its timeframe may have an anchor.
    span
        Where the candles open, on the timeframe's grid, and closed.
    report
        Is told for how many candles the trades are there.
    logged
        Whether the trades go through the data log.

    Returns
    -------
    Collection
        Full candles (trade_count is null where the exchange joins trades into one); `holes` are
        times in which nothing was traded; `failures` are candles that lack trades, also those that
        the exchange doesn't serve any more.
    """
    source, symbol, width = series.source, series.symbol, series.timeframe
    opened = logged_trades.open_log if logged else logged_trades.passing_log
    with opened(source, symbol) as log:
        found = logged_trades.collect_logged_trades(
            source,
            symbol,
            span,
            report=lambda _, reached: report(width.between(span.since, width.floor(reached))),
            log_series=log,
        )
        failures = _failures(series, span, found)
        lacking = merge(failure.span for failure in failures)
        frames = [
            frame for part in subtract([span], lacking) for frame in _candles(log, part, width)
        ]
    candles = pl.concat([empty(CANDLES_FULL), *frames])
    if source.exchange in _AGGREGATED:
        candles = candles.with_columns(trade_count=pl.lit(None, pl.Int64))
    holes = subtract(missing(times_of(candles), width, span), lacking)
    return Collection(span, candles, holes, failures)


def _failures(series: Series, span: Span, found: TradesFound) -> list[Failure]:
    """Give what can't be built: every candle that lacks some of its time."""
    refused = [Failure(part, _not_served(series, part)) for part in found.unserved]
    return [
        Failure(whole, failure.error)
        for failure in sorted(
            [*refused, *found.doubts, *found.failures], key=lambda failure: failure.span
        )
        if (whole := _on_grid(failure.span, series.timeframe, span))
    ]


def _not_served(series: Series, part: Span) -> RequestRefused:
    return RequestRefused(
        f"{series.source.exchange} serves trades of {series.symbol} only from "
        f"{show_time(part.until)} on: ask for a later since"
    )


def _on_grid(part: Span, width: Timeframe, span: Span) -> Span | None:
    since, until = max(span.since, width.floor(part.since)), min(span.until, width.ceil(part.until))
    return Span(since, until) if since < until else None


def _candles(log: datalog.Series, span: Span, width: Timeframe) -> Iterator[pl.DataFrame]:
    """Build the candles of a range whose trades the log holds as far as there are any."""
    if width.shortest <= DAY or width.origin % DAY:
        yield from _built(log, span, width)
        return
    days = pl.concat([empty(CANDLES_FULL), *_built(log, span, _DAY)])
    if len(days):
        offset = _offset(width)
        longer = resample(
            _shift(days, -offset),
            str(width),
            present=str(_DAY),
            since=width.floor(times_of(days)[0]) - offset,
            until=span.until - offset,
        )
        yield _shift(longer, offset)


def _built(log: datalog.Series, span: Span, width: Timeframe) -> Iterator[pl.DataFrame]:
    offset = _offset(width)
    first, last = held_trades.extent(log)
    since = max(span.since, width.floor(first))
    while since < min(span.until, last):
        until = min(span.until, max(width.next(since), width.floor(since + DAY)))
        trades = log.read(Span(since, until), ["timestamp", "price", "amount"]).frame
        since = until
        if len(trades):
            made = candles_from_trades(_shift(trades, -offset), str(width), columns="full")
            yield _shift(made, offset)


def _offset(width: Timeframe) -> int:
    """Give how far the grid lies behind the usual one of that width."""
    if width.milliseconds is None or width.anchor is None:
        return 0
    return (width.anchor - replace(width, anchor=None).origin) % width.milliseconds


def _shift(frame: pl.DataFrame, offset: int) -> pl.DataFrame:
    if not offset:
        return frame
    return frame.with_columns((pl.col("timestamp").cast(pl.Int64) + offset * 1000).cast(TIME))

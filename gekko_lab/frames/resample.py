"""Longer candles from shorter ones, and the holes between candles."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import polars as pl

from gekko_lab.errors import DataError, InvalidArgument
from gekko_lab.frames import steps
from gekko_lab.frames.checks import as_time, check_candles, milliseconds, times_of
from gekko_lab.frames.convert import like, to_candles
from gekko_lab.frames.schemas import CANDLES_FULL, GAPS, empty
from gekko_lab.market.moments import TimeLike, read_time
from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import DAY, HOUR, MINUTE, SECOND, WEEK, Timeframe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Frame = TypeVar("Frame")

_SHORTEST_MONTH = 28 * DAY
_UNITS = {"w": WEEK, "d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND}
_MOST_UNITS = 9999


def resample(
    candles: Frame,
    timeframe: str,
    *,
    present: str | None = None,
    since: TimeLike | None = None,
    until: TimeLike | None = None,
    step_size: float | None = None,
) -> Frame:
    """Give the same market in longer candles.

    Only candles that lie wholly in [since, until) are given, so none is built from a part of its
    time. A candle whose time holds no row at all is absent; one with gaps inside is built from
    what there is.

    Volumes are summed in whole steps of the market and rounded once, so that the longer candles
    are those that an exchange makes, to the last bit. Calculated volumes, which no step of ten
    goes into, are summed as floats.

    Parameters
    ----------
    candles : polars or pandas frame
        Candles in order, as `fetch` returns them.
    timeframe
        The new width, such as "1h" or "1M"; the present one must divide it.
    present
        The present width; by default the one that the spacing of the candles shows.
    since, until
        What the candles cover; by default from the first open to the last close.
    step_size
        What all volumes are whole multiples of, such as 0.001; by default the step of ten that the
        volumes show. Calculated volumes may be off by a few units in the last place.

    Returns
    -------
    polars or pandas frame, as `candles`
        The same columns; prices and volumes in the same units, in order.

    Raises
    ------
    UnknownTimeframe
        When `timeframe` can't be read.
    InvalidArgument
        When the candles are longer than `timeframe` or straddle its grid.
    DataError
        When the candles aren't sound, or too few to see their width and it isn't given; names the
        first volume that isn't a whole number of `step_size`.

    Examples
    --------
    >>> import gekko_lab
    >>> minutes = gekko_lab.fetch("simulator", "BTC/USDT", "1m", since="2024-01-01", limit=120)
    >>> gekko_lab.resample(minutes, "1h")["timestamp"].dt.strftime("%H:%M").to_list()
    ['00:00', '01:00']
    """
    target = Timeframe.parse(timeframe)
    step = None if step_size is None else steps.read_step(step_size)
    table = check_candles(to_candles(candles))
    if step is not None:
        steps.check_steps(table["volume"], step, noun="candle")
    columns = [name for name in table.columns if name in CANDLES_FULL]
    schema = pl.Schema({name: CANDLES_FULL[name] for name in columns})
    if table.is_empty():
        return like(empty(schema), candles)  # type: ignore[no-any-return]
    spacing = _seen_timeframe(table, present)
    opens = times_of(table)
    _check_divides(spacing, target)
    start = opens[0] if since is None else read_time(since, now=opens[-1])
    end = spacing.next(opens[-1])
    if until is not None:
        end = read_time(until, now=opens[-1], name="until")
    first, last = target.ceil(start), target.floor(end)
    decimals = _decimals(table, step)
    grouped = (
        table.with_columns(_bucket(target), *_halves(table, decimals))
        .filter((milliseconds() >= first) & (milliseconds() < last))
        .group_by("timestamp", maintain_order=True)
        .agg(*aggregates(columns), pl.col("^.*_(high|low)_steps$").sum())
    )
    summed = grouped.with_columns(_sums(grouped, decimals)).select(columns).cast(schema)
    return like(summed, candles)  # type: ignore[no-any-return]


def gaps(
    candles: object,
    timeframe: str | None = None,
    *,
    since: TimeLike | None = None,
    until: TimeLike | None = None,
) -> pl.DataFrame:
    """Give the ranges of open times that have no candle.

    Parameters
    ----------
    candles : polars or pandas frame
        Candles in order.
    timeframe
        Their width; by default the one that their spacing shows.
    since, until
        What they should cover; by default from the first to the last of them.

    Returns
    -------
    polars.DataFrame
        since, until (UTC, half-open), missing (candles), reason and error (null here), in order.

    Raises
    ------
    DataError
        When the width is neither given nor to be seen, or the candles aren't sound.

    Examples
    --------
    >>> import gekko_lab
    >>> hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", since="2024-01-01", limit=24)
    >>> gekko_lab.gaps(hours[[*range(5), *range(8, 24)]])["missing"].to_list()
    [3]
    """
    table = to_candles(candles)
    width = _seen_timeframe(table, timeframe)
    check_candles(table, width)
    opens = times_of(table)
    now = opens[-1] if len(opens) else 0
    start = _edge(since, "since", now, width, opens[0] if len(opens) else 0)
    end = _edge(until, "until", now, width, width.next(now) if len(opens) else 0)
    return gap_frame((span, width, None, None) for span in missing(opens, width, Span(start, end)))


def _seen_timeframe(table: pl.DataFrame, name: str | None) -> Timeframe:
    width = find_timeframe(table) if name is None else Timeframe.parse(name)
    if width is None:
        raise DataError("too few candles to see their timeframe: name it, such as '1h'")
    return width


def missing(opens: pl.Series, timeframe: Timeframe, span: Span) -> list[Span]:
    """Find the ranges of `span` that have no open time; `opens` are sorted milliseconds."""
    inside = opens.filter((opens >= span.since) & (opens < span.until))
    if len(inside) == timeframe.between(span.since, span.until):
        return []
    if inside.is_empty():
        return [span] if span.since < span.until else []
    holes = []
    if inside[0] > span.since:
        holes.append(Span(span.since, inside[0]))
    steps = inside.diff().fill_null(0)
    for place in (steps > timeframe.shortest).arg_true():
        after = timeframe.next(inside[place - 1])
        if after < inside[place]:
            holes.append(Span(after, inside[place]))
    end = timeframe.next(inside[-1])
    if end < span.until:
        holes.append(Span(end, span.until))
    return holes


def gap_frame(
    rows: Iterable[tuple[Span, Timeframe | None, str | None, str | None]],
) -> pl.DataFrame:
    """Give the table of gaps: range, timeframe, reason and error of each."""
    table = [
        (span.since, span.until, None if width is None else width.between(*span), reason, error)
        for span, width, reason, error in rows
    ]
    schema = pl.Schema({**dict(GAPS), "since": pl.Int64(), "until": pl.Int64()})
    return pl.DataFrame(table, schema=schema, orient="row").with_columns(
        as_time("since"), as_time("until")
    )


def find_timeframe(candles: pl.DataFrame) -> Timeframe | None:
    """Find the widest timeframe that every step between candles is a multiple of.

    None with fewer than two candles, or where they are closer than a second.
    """
    times = times_of(candles)
    steps = times.diff().drop_nulls().unique().to_list()
    if not steps:
        return None
    if min(steps) >= _SHORTEST_MONTH and (months := _find_months(times)):
        return months
    shared = math.gcd(*steps)
    fits = [
        Timeframe(shared // width, unit)
        for unit, width in _UNITS.items()
        if shared % width == 0 and shared // width <= _MOST_UNITS
    ]
    on_grid = (width for width in fits if width.floor(times[0]) == times[0])
    return next(on_grid, fits[0] if fits else None)


def _find_months(times: pl.Series) -> Timeframe | None:
    month = Timeframe.parse("1M")
    if any(month.floor(time) != time for time in times):
        return None
    places = [month.between(0, time) for time in times]
    shared = math.gcd(*(later - earlier for earlier, later in pairwise(places)))
    if places[0] % shared:
        return month
    return Timeframe(shared // 12, "y") if shared % 12 == 0 else Timeframe(shared, "M")


def aggregates(columns: Iterable[str]) -> list[pl.Expr]:
    """Give what makes one candle of many, for those of its columns.

    A quiet row, without volume and at one price, repeats the last price. It is no trade of the
    longer candle, so it counts only where there is no volume at all.
    """
    quiet = (pl.col("volume") == 0) & (pl.col("high") == pl.col("low"))
    counts = ~quiet | ~(pl.col("volume") > 0).any()
    rules = {
        "open": pl.col("open").filter(counts).first(),
        "high": pl.col("high").filter(counts).max(),
        "low": pl.col("low").filter(counts).min(),
        "close": pl.col("close").last(),
        "volume": pl.col("volume").sum(),
    }
    for name in ("quote_volume", "trade_count"):
        known = pl.col(name).is_not_null().all()  # a sum over unknown parts is unknown
        rules[name] = pl.when(known).then(pl.col(name).sum())
    return [rules[name] for name in columns if name in rules]


def _decimals(table: pl.DataFrame, step: steps.Step | None) -> dict[str, int]:
    """Give the decimals of each kind of volume that can be summed in whole steps."""
    sums = [name for name in ("volume", "quote_volume") if name in table.columns]
    found = {name: steps.find_decimals(table[name].drop_nulls().to_numpy()) for name in sums}
    if step is not None:
        found["volume"] = step.decimals
    return {name: decimals for name, decimals in found.items() if decimals is not None}


def _halves(table: pl.DataFrame, decimals: dict[str, int]) -> Iterator[pl.Series]:
    """Give volumes as whole steps, in halves whose sums don't overflow."""
    for name, count in decimals.items():
        whole = steps.to_steps(table[name].fill_null(0.0).to_numpy(), count)
        yield pl.Series(f"{name}_high_steps", whole >> steps.HALF)
        yield pl.Series(f"{name}_low_steps", whole & steps.LOW)


def _sums(grouped: pl.DataFrame, decimals: dict[str, int]) -> Iterator[pl.Expr]:
    """Give sums of whole steps as volumes; unknown ones stay so."""
    for name, count in decimals.items():
        high = grouped[f"{name}_high_steps"].to_numpy()
        low = grouped[f"{name}_low_steps"].to_numpy()
        total = pl.Series(steps.wide_decimal(high, low, count))
        yield pl.when(pl.col(name).is_not_null()).then(total).alias(name)


def _edge(value: TimeLike | None, name: str, now: int, width: Timeframe, default: int) -> int:
    return default if value is None else width.ceil(read_time(value, now=now, name=name))


def _bucket(target: Timeframe) -> pl.Expr:
    time = pl.col("timestamp")
    if target.milliseconds is not None:
        passed = (time.dt.epoch("us") - target.origin * 1000) % (target.milliseconds * 1000)
        return time - pl.duration(microseconds=passed)
    return time.dt.truncate(f"{target.count}{'mo' if target.unit == 'M' else 'y'}")


def _check_divides(spacing: Timeframe, target: Timeframe) -> None:
    finer = spacing.milliseconds
    width = target.milliseconds
    if finer is None:
        fits = width is None and target.shortest >= spacing.shortest
    elif width is None:
        fits = DAY % finer == 0
    else:
        fits = width % finer == 0 and (target.origin - spacing.origin) % finer == 0
    if not fits:
        raise InvalidArgument(
            f"candles of {spacing} can't be joined into {target}: ask for a multiple of {spacing}"
        )

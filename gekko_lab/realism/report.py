"""`realism_report`: which facts of real markets a market shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import polars as pl

from gekko_lab.errors import InvalidArgument
from gekko_lab.frames.checks import check_candles
from gekko_lab.frames.convert import to_candles
from gekko_lab.frames.resample import find_timeframe
from gekko_lab.market.timeframe import MINUTE
from gekko_lab.realism import book as quotes
from gekko_lab.realism import returns, volumes
from gekko_lab.realism import trades as flows
from gekko_lab.realism.facts import FACTS, Fact, Kind, Measured, Measurements

if TYPE_CHECKING:
    from gekko_lab.market.timeframe import Timeframe

REPORT = pl.Schema(
    {
        "fact": pl.String,
        "name": pl.String,
        "value": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "passed": pl.Boolean,
        "needs": pl.String,
        "note": pl.String,
        "source": pl.String,
    }
)

_UNITS = {
    "candles": "1m candles",
    "trades": "trades",
    "book": "quotes",
    "two symbols": "minutes with a return of both",
}
_ARGUMENTS = {
    "trades": "trades=…",
    "book": "book=… (best quotes)",
    "two symbols": "other=… (candles of a second symbol)",
}


def realism_report(
    candles: object,
    trades: object = None,
    *,
    kind: Kind = "liquid",
    book: object = None,
    other: object = None,
) -> pl.DataFrame:
    """Give which facts of real markets these data show, and which they miss.

    Any candles may be judged, recorded or simulated. Returns across gaps are left out. The bands
    were set on recorded 1m candles of seven days and more; a note says where a sample is shorter
    than its band is meant for, and even a real market then misses some.

    Facts 31 (impact of large orders) and 34 (any split of a window gives the same bytes) can't be
    read off frames and aren't in the report, nor is the triangle error of 32, which takes three
    symbols.

    Parameters
    ----------
    candles : polars or pandas frame
        1m candles; of others, only what trades and book show is measured.
    trades : polars or pandas frame, optional
        Public trades of the same market; `id` and `side` may be left out.
    kind
        Which bands: "liquid" for many trades a minute, "thin" for a few.
    book : polars or pandas frame, optional
        Best quotes at each change: timestamp, bid, ask, bid_amount, ask_amount.
    other : polars or pandas frame, optional
        1m candles of a second symbol at the same times.

    Returns
    -------
    polars.DataFrame
        A row per value, always the same rows, in the order of the facts:

        ======= ======= =======================================================================
        fact    String  number of the fact, with a letter where it has several values
        name    String  what is measured
        value   Float64 null where it can't be computed
        low     Float64 least accepted value, null where there is no limit
        high    Float64 largest accepted value, null where there is no limit
        passed  Boolean null where nothing can be judged; false with a null value where what it
                        describes isn't there at all
        needs   String  candles, trades, book or two symbols
        note    String  why there is no value, or what weakens it; else empty
        source  String  author, year, title, journal
        ======= ======= =======================================================================

    Raises
    ------
    DataError
        When a frame isn't sound; names the row.
    InvalidArgument
        When `kind` is neither "liquid" nor "thin".

    Examples
    --------
    >>> import gekko_lab
    >>> candles = gekko_lab.fetch("simulator", "BTC/USDT", "1m", since="2024-01-01", limit=10_080)
    >>> report = gekko_lab.realism_report(candles)
    >>> report.filter(fact="17").select("name", "passed").row(0)
    ('leverage: mean corr(r(t), abs r(t+k)), k 1-30', True)
    """
    if kind not in get_args(Kind):
        raise InvalidArgument(f"kind={kind!r}: use 'liquid' or 'thin'")
    table = check_candles(to_candles(candles))
    width = find_timeframe(table)
    found, sizes = _of_candles(table, width), {"candles": len(table)}
    if trades is not None:
        prints = flows.read(trades)
        found |= flows.measure(flows.flow(prints))
        found |= {"33": flows.mismatches(table, prints, width)}
        sizes["trades"] = len(prints)
    if book is not None:
        rows = quotes.read(book)
        found |= quotes.measure(rows)
        sizes["book"] = len(rows)
    if other is not None:
        pair, sizes["two symbols"] = _of_two(table, check_candles(to_candles(other)), width)
        found |= pair
    return pl.DataFrame(
        [_row(fact, kind, found, sizes) for fact in FACTS], schema=REPORT, orient="row"
    )


def _of_candles(table: pl.DataFrame, width: Timeframe | None) -> Measurements:
    note = _not_minutes(width)
    if note:
        ids = [fact.id for fact in FACTS if fact.needs == "candles"]
        return dict.fromkeys(ids, Measured(None, note))
    grid = returns.on_grid(table)
    return {**returns.measure(grid), **volumes.measure(grid)}


def _of_two(
    table: pl.DataFrame, other: pl.DataFrame, width: Timeframe | None
) -> tuple[Measurements, int]:
    note = _not_minutes(width) or _not_minutes(find_timeframe(other))
    if note:
        return {"32": Measured(None, note)}, 0
    return returns.together(table, other)


def _not_minutes(width: Timeframe | None) -> str:
    if width is None:
        return "fewer than two candles"
    if width.milliseconds == MINUTE:
        return ""
    return f"the fact is known of 1m candles, and these are {width}"


def _row(fact: Fact, kind: Kind, found: Measurements, sizes: dict[str, int]) -> tuple[object, ...]:
    band = fact.band(kind)
    given = found.get(fact.id) or Measured(None, f"pass {_ARGUMENTS.get(fact.needs, fact.needs)}")
    notes = [given.note]
    if given.value is not None:
        notes.append(_short(fact, sizes[fact.needs]))
    passed = False if given.absent and band else None
    if band is None:
        notes.append("the fact is known of thin markets only")
    elif given.value is not None:
        passed = band.holds(given.value)
    return (
        fact.id,
        fact.name,
        given.value,
        band.low if band else None,
        band.high if band else None,
        passed,
        fact.needs,
        "; ".join(note for note in notes if note),
        fact.source,
    )


def _short(fact: Fact, size: int) -> str:
    if size >= fact.least:
        return ""
    return f"short sample: {size} {_UNITS[fact.needs]}, where the band is meant for {fact.least}"

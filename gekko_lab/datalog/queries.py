"""What a series holds, as tables: its rows, its coverage, its gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from gekko_lab.datalog.finding import find_store, read_window
from gekko_lab.datalog.kinds import SCHEMAS
from gekko_lab.errors import InvalidArgument
from gekko_lab.frames.checks import as_time, times_of
from gekko_lab.frames.convert import to_frame
from gekko_lab.frames.resample import gap_frame, missing
from gekko_lab.frames.schemas import CANDLES, COVERAGE
from gekko_lab.market.spans import Span, intersect, subtract
from gekko_lab.settings import reads_as

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gekko_lab.datalog.layout import Kind
    from gekko_lab.datalog.ledger import Ledger
    from gekko_lab.datalog.store import Holding
    from gekko_lab.market.moments import TimeLike
    from gekko_lab.market.timeframe import Timeframe
    from gekko_lab.settings import FrameKind

Columns = Literal["base", "full"]

NOT_HELD = "not_held"
"""Why a row is missing that nobody has asked for yet."""


def load(
    exchange: object,
    symbol: str,
    timeframe: str | None = None,
    *,
    kind: Kind = "candles",
    since: TimeLike | None = None,
    until: TimeLike | None = None,
    columns: Columns = "base",
    frame: FrameKind | None = None,
) -> Any:  # noqa: ANN401 (the frame decides)
    """Give the rows of a series that the data log holds, without asking any exchange.

    Parameters
    ----------
    exchange
        An identity as `catalog` shows it, such as "binance", or a source.
    symbol
        The market.
    timeframe
        The width of candles; leave it out for all other kinds.
    kind
        "candles", "trades", "order_book" or "ticker".
    since, until
        The range, as in `fetch`; by default all.
    columns
        "full" gives candles with quote_volume and trade_count, null where unknown.
    frame
        "polars" or "pandas"; by default `gekko_lab.options.frame`.

    Returns
    -------
    polars.DataFrame or pandas.DataFrame
        As `fetch` and `fetch_trades` give them: sorted, each row once.

    Raises
    ------
    NotInLog
        When there is no such series; what is missing inside of one tells `gaps`.

    Warns
    -----
    DamagedWarning
        When a file is damaged; it is set aside, and its rows are absent.

    Examples
    --------
    >>> import gekko_lab
    >>> hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", since="2024-01-01", limit=48)
    >>> gekko_lab.datalog.write(hours, "mine", "BTC/USDT", "1h")["rows"].item()
    48
    >>> gekko_lab.datalog.load("mine", "BTC/USDT", "1h", since="2024-01-02").shape
    (24, 6)
    """
    frame = reads_as("frame", frame)
    if columns not in {"base", "full"}:
        raise InvalidArgument(f"columns={columns!r}: choose 'base' or 'full'")
    window = read_window(since, until)
    store = find_store(kind, exchange, symbol, timeframe)
    base = kind == "candles" and columns == "base"
    rows = store.read(window, list(CANDLES if base else SCHEMAS[kind])).frame
    return to_frame(rows, frame)


def coverage(
    exchange: object,
    symbol: str,
    timeframe: str | None = None,
    *,
    kind: Kind = "candles",
    since: TimeLike | None = None,
    until: TimeLike | None = None,
    frame: FrameKind | None = None,
) -> Any:  # noqa: ANN401
    """Give what is known about the time of a series.

    Parameters
    ----------
    exchange, symbol, timeframe, kind, since, until, frame
        As in `load`.

    Returns
    -------
    polars.DataFrame or pandas.DataFrame
        since, until (UTC, half-open); state: "held", "empty" (the source confirms that there are
        no rows) or "failed"; reason: why it is empty, or the error; in order. Time that no row
        names was never asked for.

    Raises
    ------
    NotInLog
        When there is no such series.

    Examples
    --------
    >>> import gekko_lab
    >>> hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", since="2024-01-01", limit=48)
    >>> _ = gekko_lab.datalog.write(hours, "mine", "BTC/USDT", "1h")
    >>> gekko_lab.datalog.coverage("mine", "BTC/USDT", "1h")["state"].to_list()
    ['held']
    """
    frame = reads_as("frame", frame)
    window = read_window(since, until)
    ledger = find_store(kind, exchange, symbol, timeframe).ledger(window)
    rows = [(*span, state, reason) for span, state, reason in ledger.rows()]
    schema = pl.Schema({**dict(COVERAGE), "since": pl.Int64(), "until": pl.Int64()})
    table = pl.DataFrame(rows, schema=schema, orient="row")
    return to_frame(table.with_columns(as_time("since"), as_time("until")), frame)


def gaps(
    exchange: object,
    symbol: str,
    timeframe: str | None = None,
    *,
    kind: Kind = "candles",
    since: TimeLike | None = None,
    until: TimeLike | None = None,
    frame: FrameKind | None = None,
) -> Any:  # noqa: ANN401
    """Give the ranges in which a series has no rows, and why.

    Parameters
    ----------
    exchange, symbol, timeframe, kind, since, until, frame
        As in `load`; by default from the first to the last time that is known.

    Returns
    -------
    polars.DataFrame or pandas.DataFrame
        since, until (UTC, half-open); missing (candles, null for other kinds); reason: that of the
        source ("outage", "before_listing", "no_trades"), "failed" with the error, "not_held"
        where nobody has asked yet, null where the source has answered without these candles;
        error. Other kinds have no grid, so of held time they have no gaps.

    Raises
    ------
    NotInLog
        When there is no such series.

    Examples
    --------
    >>> import gekko_lab
    >>> hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", since="2024-01-01", limit=48)
    >>> _ = gekko_lab.datalog.write(hours[[0, 1, 5, 6]], "mine", "BTC/USDT", "1h")
    >>> gekko_lab.datalog.gaps("mine", "BTC/USDT", "1h")[["missing", "reason"]].rows()
    [(3, 'not_held')]
    """
    frame = reads_as("frame", frame)
    window = read_window(since, until)
    store = find_store(kind, exchange, symbol, timeframe)
    holding, width = store.read(window, ["timestamp"]), store.width()
    whole = _bounds(holding, window, width, open_ends=(since is None, until is None))
    if width is None:
        holes = subtract([whole], holding.ledger.held)
    else:
        holes = missing(times_of(holding.frame), width, whole)
    rows = [row for hole in holes for row in _classed(hole, holding.ledger)]
    table = gap_frame((span, width, reason, error) for span, reason, error in sorted(rows))
    return to_frame(table, frame)


def _bounds(
    holding: Holding, window: Span, width: Timeframe | None, *, open_ends: tuple[bool, bool]
) -> Span:
    """Give the range that should have rows, on the grid."""
    known = [span for span, _, _ in holding.ledger.rows()]
    first, last = known[0].since if known else 0, max((span.until for span in known), default=0)
    since = first if open_ends[0] else window.since
    until = last if open_ends[1] else window.until
    if width is not None:
        since, until = width.ceil(since), width.ceil(until)
    return Span(since, max(since, until))


def _classed(hole: Span, ledger: Ledger) -> Iterator[tuple[Span, str | None, str | None]]:
    left = [hole]
    for text, spans in ledger.empty.items():
        yield from ((span, text, None) for span in intersect(left, spans))
        left = subtract(left, spans)
    for text, spans in ledger.failed.items():
        yield from ((span, "failed", text) for span in intersect(left, spans))
        left = subtract(left, spans)
    yield from ((span, None, None) for span in intersect(left, ledger.held))
    yield from ((span, NOT_HELD, None) for span in subtract(left, ledger.held))

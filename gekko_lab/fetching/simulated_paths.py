"""`simulate`: many simulated markets at once, as one table."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import polars as pl

from gekko_lab.errors import GapWarning, InvalidArgument, InvalidType
from gekko_lab.fetching.missing import users_level
from gekko_lab.frames.convert import to_frame
from gekko_lab.frames.resample import gap_frame
from gekko_lab.frames.schemas import CANDLES, TRADES, empty
from gekko_lab.market.moments import TimeLike, check_order, read_time, show_time
from gekko_lab.market.spans import Span, subtract
from gekko_lab.market.timeframe import DAY, Timeframe
from gekko_lab.settings import reads_as
from gekko_lab.simulation import GENESIS, HORIZON
from gekko_lab.sources.exchange_simulator import ExchangeSimulator
from gekko_lab.sources.source import TradeCursor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gekko_lab.settings import FrameKind

Kind = Literal["candles", "trades"]
Shape = Literal["long", "wide"]
Result = Literal["frame", "lazy", "blocks"]

_SEEDS = 2**63
_BLOCK = 32 * DAY  # of candles a minute long: about 46,000 rows


def simulate(
    symbols: str | Sequence[str] = "BTC/USDT",
    timeframe: str = "1m",
    *,
    since: TimeLike,
    until: TimeLike,
    seeds: int | Iterable[int] = 1,
    kind: Kind = "candles",
    shape: Shape = "long",
    value: str = "close",
    result: Result = "frame",
    n_jobs: int = 1,
    frame: FrameKind | None = None,
    **parameters: Any,  # noqa: ANN401 (each parameter of the simulator has its own type)
) -> Any:  # noqa: ANN401 (result decides)
    """Give one or many simulated markets for research, as one table.

    Symbols of one seed are one market: their returns are correlated and triangles close. Seeds
    are independent of each other.

    Parameters
    ----------
    symbols
        One or several of `symbols("simulator")`.
    timeframe
        Width of the candles; trades have none.
    since, until
        The range, since inclusive and until exclusive; the future is allowed. Markets are traded
        from 2010 to 2200; a `GapWarning` tells of what lies outside.
    seeds
        A number of markets (seeds 0, 1, 2 …), or the seeds themselves.
    kind
        "candles" or "trades".
    shape
        "long": a row for each seed, symbol and time. "wide": a row for each time, and a column of
        `value` for each symbol and seed, named "BTC/USDT 0".
    value
        The column of candles that a wide table shows.
    result
        "frame"; or, for what doesn't fit in memory, "lazy" (a `polars.LazyFrame` that makes the
        rows when it is collected or sunk into a file) or "blocks" (an iterator of polars frames of
        about a month of one symbol and seed, in the order of the long table).
    n_jobs
        Threads; more than one helps with many seeds or symbols.
    frame
        "polars" or "pandas" for `result="frame"`; by default `options.frame`.
    **parameters
        Of `ExchangeSimulator`, such as `volatility="high"`.

    Returns
    -------
    polars.DataFrame, pandas.DataFrame, polars.LazyFrame or iterator
        Long: seed (integer), symbol (text), then the columns of `fetch` or `fetch_trades`; sorted
        by seed and symbol in the order given, then time. Wide: timestamp and the values, sorted.

    Raises
    ------
    InvalidArgument, InvalidRange, UnknownSymbol, UnknownTimeframe
        When the request can't be answered; before anything is made.

    Examples
    --------
    >>> import gekko_lab
    >>> paths = gekko_lab.simulate(
    ...     "BTC/USDT", "1d", since="2024-01-01", until="2024-03-01", seeds=3, shape="wide"
    ... )
    >>> paths.shape, paths.columns[:2]
    ((60, 4), ['timestamp', 'BTC/USDT 0'])
    """
    _check_choices(kind=kind, shape=shape, result=result)
    _check_fits(kind, shape, result, value)
    if "seed" in parameters:
        seed = parameters["seed"]
        raise InvalidArgument(f"seed={seed!r}: name the seeds of all markets, as in seeds=[{seed}]")
    made_as = reads_as("frame", frame)
    names = (symbols,) if isinstance(symbols, str) else tuple(symbols)
    markets = tuple(ExchangeSimulator(seed=seed, **parameters) for seed in _read_seeds(seeds))
    _check_names(names, markets)
    width = Timeframe.parse(timeframe)
    span = _read_span(since, until, width if kind == "candles" else None)
    request = _Request(markets, names, width, *span, kind)
    _tell_outside(span)
    if result == "blocks":
        return request.blocks()
    if result == "lazy":
        return _lazy(request)
    series = _make(request, n_jobs)
    table = pl.concat(series) if shape == "long" else _widened(request, series, value)
    return to_frame(table, made_as)


@dataclass(frozen=True, slots=True)
class _Request:
    """Which series are wanted."""

    markets: tuple[ExchangeSimulator, ...]
    symbols: tuple[str, ...]
    width: Timeframe
    since: int
    until: int
    kind: Kind

    @property
    def schema(self) -> pl.Schema:
        rows = CANDLES if self.kind == "candles" else TRADES
        return pl.Schema({"seed": pl.Int64(), "symbol": pl.String(), **dict(rows)})

    def series(self) -> list[tuple[ExchangeSimulator, str]]:
        """Give the series in the order of the long table."""
        return [(market, symbol) for market in self.markets for symbol in self.symbols]

    def blocks(self) -> Iterator[pl.DataFrame]:
        """Make the long table piece by piece."""
        for market, symbol in self.series():
            yield from self.rows(market, symbol)

    def rows(self, market: ExchangeSimulator, symbol: str) -> Iterator[pl.DataFrame]:
        """Make one series piece by piece."""
        start = self.since
        while start < self.until:
            end = min(self.until, self.width.ceil(start + _BLOCK))
            make = _candles if self.kind == "candles" else _trades
            for part in make(market, symbol, self.width, start, end):
                yield part.select(
                    pl.lit(market.parameters.seed, dtype=pl.Int64).alias("seed"),
                    pl.lit(symbol).alias("symbol"),
                    pl.all(),
                )
            start = end


def _candles(
    market: ExchangeSimulator, symbol: str, width: Timeframe, since: int, until: int
) -> Iterator[pl.DataFrame]:
    yield market.candles(symbol, width, since, until).frame.select(CANDLES.names())


def _trades(
    market: ExchangeSimulator, symbol: str, _: Timeframe, since: int, until: int
) -> Iterator[pl.DataFrame]:
    cursor: TradeCursor | None = TradeCursor(since)
    while cursor is not None:
        page = market.trades(symbol, cursor, until)
        yield page.frame
        cursor = page.following


def _read_span(since: TimeLike, until: TimeLike, width: Timeframe | None) -> Span:
    now = time.time_ns() // 1_000_000
    start, end = read_time(since, now=now), read_time(until, now=now, name="until")
    check_order(start, end)
    return Span(start, end) if width is None else Span(width.ceil(start), width.ceil(end))


def _tell_outside(span: Span) -> None:
    """Warn of the part of a range that lies before the market's begin or after its end."""
    parts = subtract([span], [Span(GENESIS, HORIZON)])
    if not parts:
        return
    gaps = gap_frame(
        (part, None, "before_listing" if part.until <= GENESIS else "ended", None) for part in parts
    )
    shown = ", ".join(f"{show_time(part.since)} to {show_time(part.until)}" for part in parts)
    warnings.warn(
        GapWarning(
            f"the simulator's markets have no rows from {shown}: they are traded from "
            f"{show_time(GENESIS)} to {show_time(HORIZON)}",
            report=gaps,
        ),
        stacklevel=users_level(),
    )


def _read_seeds(seeds: object) -> list[int]:
    if isinstance(seeds, int) and not isinstance(seeds, bool):
        if seeds < 1:
            raise InvalidArgument(f"seeds={seeds}: simulate at least one market")
        return list(range(seeds))
    if isinstance(seeds, (str, bool)) or not isinstance(seeds, Iterable):
        raise InvalidType(f"seeds={seeds!r}: give a number of markets, or the seeds themselves")
    chosen = list(seeds)
    if len(set(chosen)) < len(chosen):
        raise InvalidArgument(f"seeds={chosen!r} names a market twice")
    for seed in chosen:
        if isinstance(seed, int) and not -_SEEDS <= seed < _SEEDS:
            raise InvalidArgument(f"seed {seed} doesn't fit the column of seeds: use 64 bits")
    return chosen


def _check_names(names: tuple[str, ...], markets: tuple[ExchangeSimulator, ...]) -> None:
    if not names or not markets:
        raise InvalidArgument("name at least one symbol and one seed")
    if len(set(names)) < len(names):
        raise InvalidArgument(f"symbols={list(names)!r} names a market twice")
    for name in names:
        markets[0].market(name)


def _check_choices(**given: str) -> None:
    choices = {"kind": get_args(Kind), "shape": get_args(Shape), "result": get_args(Result)}
    for name, chosen in given.items():
        if chosen not in choices[name]:
            raise InvalidArgument(
                f"{name}={chosen!r}: choose one of {', '.join(map(repr, choices[name]))}"
            )


def _check_fits(kind: Kind, shape: Shape, result: Result, value: str) -> None:
    if shape == "long":
        return
    if kind == "trades":
        raise InvalidArgument("trades have no common times: shape='wide' is for candles")
    if result != "frame":
        raise InvalidArgument(f"shape='wide' needs every series at once: result={result!r} can't")
    if value not in CANDLES or value == "timestamp":
        raise InvalidArgument(f"value={value!r}: choose one of {', '.join(CANDLES.names()[1:])}")


def _make(request: _Request, n_jobs: int) -> list[pl.DataFrame]:
    def one(market: ExchangeSimulator, symbol: str) -> pl.DataFrame:
        return pl.concat([empty(request.schema), *request.rows(market, symbol)])

    if n_jobs == 1:
        return [one(*series) for series in request.series()]
    import joblib

    work = (joblib.delayed(one)(*series) for series in request.series())
    return list(joblib.Parallel(n_jobs=n_jobs, prefer="threads")(work))


def _widened(request: _Request, series: list[pl.DataFrame], value: str) -> pl.DataFrame:
    columns = [
        table[value].alias(f"{symbol} {market.parameters.seed}")
        for table, (market, symbol) in zip(series, request.series(), strict=True)
    ]
    return pl.DataFrame([series[0]["timestamp"], *columns])


def _lazy(request: _Request) -> pl.LazyFrame:
    from polars.io.plugins import register_io_source

    def source(
        columns: list[str] | None,
        predicate: pl.Expr | None,
        rows: int | None,
        _: int | None,
    ) -> Iterator[pl.DataFrame]:
        left = rows
        for block in request.blocks():
            part = block if left is None else block.head(left)
            left = None if left is None else left - len(part)
            part = part if predicate is None else part.filter(predicate)
            yield part if columns is None else part.select(columns)
            if left == 0:
                return

    return register_io_source(source, schema=request.schema)

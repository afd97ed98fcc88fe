"""`update`: the data log topped up to now, once or every so often."""

from __future__ import annotations

import logging
import time
from functools import cache
from typing import TYPE_CHECKING, Any

import polars as pl

from gekko_lab.errors import GekkoLabError, InvalidArgument
from gekko_lab.fetching.asked import Asked
from gekko_lab.fetching.defaults import check_rounds, check_tasks
from gekko_lab.fetching.progress import Board
from gekko_lab.fetching.stored import find_stored, listed
from gekko_lab.fetching.tasks import Task, run
from gekko_lab.fetching.watching import on_step
from gekko_lab.frames.convert import to_frame
from gekko_lab.frames.schemas import REPORT
from gekko_lab.limits import waiting
from gekko_lab.limits.clock import WALL
from gekko_lab.market.moments import show_time
from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.settings import reads_as
from gekko_lab.simulation.presets import PRESETS
from gekko_lab.sources.registry import find_source
from gekko_lab.sources.source import REPLAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gekko_lab.datalog.store import Store
    from gekko_lab.settings import FrameKind, ProgressKind
    from gekko_lab.sources.source import Source

_GRACE_MS = 3000  # behind a candle's close, so that it is final

_log = logging.getLogger("gekko_lab")


def update(
    exchanges: str | Source | Sequence[str | Source] | None = None,
    symbols: str | Sequence[str] | None = None,
    timeframes: str | Sequence[str] | None = None,
    *,
    kind: str | None = None,
    every: str | None = None,
    rounds: int | None = None,
    n_jobs: int | None = None,
    frame: FrameKind | None = None,
    progress: ProgressKind | None = None,
) -> Any:  # noqa: ANN401 (the frame decides)
    """Bring what the data log holds up to now: ask for what is missing since each series' begin.

    Parameters
    ----------
    exchanges, symbols, timeframes
        Which series; by default all candles and trades that are stored and whose exchange is known
        by name. Sources with settings of their own, such as another address, are passed themselves.
    kind
        "candles" or "trades"; by default both.
    every
        Do it again each time so much has passed, such as "1h": a few seconds after each full hour,
        when its candles have closed, until Ctrl-C or the stop button.
    rounds
        End after so many times; only with `every`.
    n_jobs
        How many series at a time; by default as in `fetch_many`.
    frame
        "polars" or "pandas"; by default `options.frame`.
    progress
        "auto", "on" or "off"; by default `options.progress`.

    Returns
    -------
    polars.DataFrame or pandas.DataFrame
        The report of `fetch_many`, of the last round: a row a series, with what was missing.

    Raises
    ------
    NotInLog
        When nothing that fits is stored, or nothing that has one of the names.
    InvalidArgument
        When `every` is no timeframe, `rounds` comes without it or is less than one, trades are to
        have a timeframe, or an exchange is a replay, which asks nobody.

    Examples
    --------
    >>> import gekko_lab
    >>> market = gekko_lab.ExchangeSimulator(seed=7)
    >>> _ = gekko_lab.fetch(market, "BTC/USDT", "1d", since="30d", until="20d", log=True)
    >>> gekko_lab.update(market)["status"].to_list()
    ['complete']
    """
    made_as = reads_as("frame", frame)
    shown = reads_as("progress", progress)
    check_tasks(n_jobs)
    if kind not in (None, "candles", "trades"):
        raise InvalidArgument(f"kind={kind!r}: choose 'candles' or 'trades', or leave it out")
    check_rounds(rounds, every)
    _check_asks(exchanges)
    width = None if every is None else Timeframe.parse(every)
    done = 0
    while True:
        known, unknown = _stored(exchanges, symbols, timeframes, kind)
        report = _round(known, unknown, n_jobs, shown)
        done += 1
        if width is None or (rounds is not None and done >= rounds):
            return to_frame(report, made_as)
        _wait(width, len(report))


def _stored(
    exchanges: object, symbols: object, timeframes: object, kind: str | None
) -> tuple[list[tuple[Source | str, Store]], list[Store]]:
    """Find the series that fit, with their sources, and those whose source nobody knows."""
    stores = find_stored(kind, exchanges, symbols, timeframes)
    given = {source.identity: source for source in _instances(exchanges)}
    known: list[tuple[Source | str, Store]] = []
    unknown: list[Store] = []
    for store in stores:
        identity = store.key.exchange
        if identity in given:
            known.append((given[identity], store))
        elif (name := _name_of(identity)) is not None:
            known.append((name, store))
        else:
            unknown.append(store)
    return known, unknown


def _check_asks(exchanges: object) -> None:
    """Raise where somebody wants more from what only reads the log."""
    for each in listed(exchanges):
        name = each if isinstance(each, str) else getattr(each, "exchange", "")
        if name.startswith(REPLAY):
            plain = name.removeprefix(REPLAY)
            raise InvalidArgument(
                f"{name!r} gives what the data log holds and asks nobody, so nothing can be added "
                f"from there: update {plain!r}, or the source that was fetched from"
            )


def _instances(exchanges: object) -> list[Source]:
    return [each for each in listed(exchanges) if not isinstance(each, str)]


@cache
def _name_of(identity: str) -> str | None:
    """Give the name that leads to the same data, if one does."""
    head = identity.partition("-")[0]
    for name in (identity, head, *(f"{head}:{preset}" for preset in PRESETS)):
        try:
            if find_source(name).identity == identity:
                return name
        except GekkoLabError:
            continue
    return None


def _round(
    known: list[tuple[Source | str, Store]],
    unknown: list[Store],
    n_jobs: int | None,
    shown: ProgressKind,
) -> pl.DataFrame:
    tasks, rows = [], [pl.DataFrame(schema=REPORT)]
    for exchange, store in known:
        since = _first_missing(store)
        if find_source(exchange).foresees and since >= find_source(exchange).now():
            rows.append(_row(store, "complete", None))  # a simulated future is there already
        else:
            key = store.key
            tasks.append(Task(Asked(exchange, key.symbol, key.timeframe, since=since, log=True)))
    with Board(len(tasks), shown) as board, on_step(board):
        for done in run(tasks, n_jobs):
            rows.append(done.row)
            board.finish(done.row)
    rows += [_skipped(store) for store in unknown]
    return pl.concat(rows)


def _first_missing(store: Store) -> int:
    """Give the time from which on something is missing, at the latest the end of what is held."""
    ledger = store.ledger()
    known = ledger.known
    if not known:
        failed = [span for spans in ledger.failed.values() for span in spans]
        return min(failed, default=Span(0, 0)).since
    return ledger.missing(Span(known[0].since, known[-1].until + 1))[0].since


def _skipped(store: Store) -> pl.DataFrame:
    why = (
        f"nothing known by name has the identity {store.key.exchange!r}: pass the source itself, "
        "as in gekko_lab.update(source)"
    )
    return _row(store, "skipped", why)


def _row(store: Store, status: str, error: str | None) -> pl.DataFrame:
    """Give the row of a series that nobody was asked for."""
    key = store.key
    row = {
        "exchange": key.exchange,
        "symbol": key.symbol,
        "timeframe": key.timeframe,
        "status": status,
        "rows": 0,
        "error": error,
    }
    return pl.DataFrame([row], schema_overrides=dict(REPORT)).select(
        pl.col(name) if name in row else pl.lit(None, dtype).alias(name)
        for name, dtype in REPORT.items()
    )


def _wait(width: Timeframe, series: int) -> None:
    now = time.time_ns() // 1_000_000
    due = width.next(width.floor(now)) + _GRACE_MS
    _log.info("updated %d series; again at %s", series, show_time(due))
    waiting.announce(
        waiting.Wait("the clock", f"next update at {show_time(due)}", (due - now) / 1000)
    )
    waiting.sleep((due - now) / 1000, WALL)

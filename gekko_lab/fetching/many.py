"""`fetch_many`: candles of many exchanges, symbols and timeframes at once."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Literal, get_args

import polars as pl

from gekko_lab.errors import (
    GapWarning,
    GekkoLabError,
    IncompleteData,
    InvalidArgument,
)
from gekko_lab.fetching.asked import all_asked
from gekko_lab.fetching.defaults import check_log, check_tasks, is_logged, resumable
from gekko_lab.fetching.missing import users_level
from gekko_lab.fetching.progress import Board
from gekko_lab.fetching.supply import check_way
from gekko_lab.fetching.tasks import Task, run
from gekko_lab.fetching.watching import on_step
from gekko_lab.frames.convert import to_frame
from gekko_lab.frames.schemas import CANDLES, CANDLES_FULL, SERIES
from gekko_lab.settings import reads_as
from gekko_lab.sources.registry import find_source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gekko_lab.fetching.asked import Asked, Columns
    from gekko_lab.fetching.supply import Way
    from gekko_lab.fetching.tasks import Done
    from gekko_lab.market.moments import TimeLike
    from gekko_lab.settings import FrameKind, ProgressKind
    from gekko_lab.sources.source import Source

Result = Literal["frame", "report"]

_SHOWN = 3


def fetch_many(
    exchanges: str | Source | Sequence[str | Source],
    symbols: str | Sequence[str],
    timeframes: str | Sequence[str] = "1h",
    *,
    since: TimeLike | None = None,
    until: TimeLike | None = None,
    limit: int | None = None,
    columns: Columns = "base",
    log: bool | None = None,
    source: Way = "auto",
    n_jobs: int | None = None,
    result: Result = "frame",
    frame: FrameKind | None = None,
    progress: ProgressKind | None = None,
) -> Any:  # noqa: ANN401 (result decides)
    """Give the closed candles of every symbol in every timeframe on every exchange.

    The series are fetched beside each other, by threads of this process or by what
    `joblib.parallel_config` says. One that fails doesn't spoil the others.

    Parameters
    ----------
    exchanges, symbols, timeframes
        One or several of each, as in `fetch`.
    since, until, limit
        As in `fetch`, for each series.
    columns
        "full" adds quote_volume and trade_count.
    log, source
        Whether to go through the data log, and where candles come from, as in `fetch`.
    n_jobs
        How many series at a time; where there are fewer, how many pages. By default what
        `joblib.parallel_config` says, else 8.
    result
        "frame", or "report" to leave the rows in the data log, for more than fits into memory.
    frame
        "polars" or "pandas"; by default `options.frame`.
    progress
        "auto", "on" or "off"; by default `options.progress`.

    Returns
    -------
    polars.DataFrame or pandas.DataFrame
        "frame": exchange, symbol and timeframe (text), then the columns of `fetch`, a series after
        the other in the order of the arguments. "report": a row a series:

        ========= ======== ====================================================================
        exchange, symbol, timeframe  the series
        status    String   complete, gaps (candles that don't exist), incomplete, or failed
        rows      Int64    that came
        first     Datetime the first open time, UTC
        last      Datetime the last one
        missing   Int64    candles that don't exist or could not be had
        gaps      String   how many of these for which reason: "outage 60, failed 100"
        pages     Int64    pages and files that were asked for and came
        retries   Int64    how often one was asked for again
        waited    Float64  seconds that requests waited for their turn or another try, added up
        source    String   where rows came from: log, archive, rest, trades, simulated ("log+rest")
        error     String   why something could not be had
        ========= ======== ====================================================================

    Raises
    ------
    InvalidArgument
        When nothing is named, something twice, `result="report"` with `log=False`, or joblib is to
        use forked processes.
    IncompleteData
        When some series could not be had as a whole, for "frame"; its `frame` holds what came, its
        `report` the table above.

    Warns
    -----
    GapWarning
        When candles don't exist, for "frame"; its report is the table above.

    Examples
    --------
    >>> import gekko_lab
    >>> day = {"since": "2024-01-01", "until": "2024-01-02"}
    >>> many = gekko_lab.fetch_many("simulator", ["BTC/USDT", "ETH/USDT"], ["1h", "4h"], **day)
    >>> many.group_by("symbol", "timeframe", maintain_order=True).len().rows()[:2]
    [('BTC/USDT', '1h', 24), ('BTC/USDT', '4h', 6)]
    """
    made_as = reads_as("frame", frame)
    shown = reads_as("progress", progress)
    _check(columns, result, log=log)
    check_way(source)
    check_tasks(n_jobs)
    if result == "report":
        log = True  # else the rows would be nowhere
    asked = all_asked(
        exchanges,
        symbols,
        timeframes,
        since=since,
        until=until,
        limit=limit,
        columns=columns,
        log=log,
        source=source,
    )
    tasks = [Task(each, rows=result == "frame") for each in asked]
    done = _run(tasks, n_jobs, shown)
    report = pl.concat([one.row for one in done])
    if result == "report":
        return to_frame(report, made_as)
    if all(one.error is not None and not one.row["rows"].item() for one in done):
        raise next(one.error for one in done if one.error is not None)
    table = to_frame(pl.concat([_labeled(one, columns) for one in done]), made_as)
    _tell(report, table)
    return table


def _check(columns: str, result: str, *, log: bool | None) -> None:
    if columns not in ("base", "full"):
        raise InvalidArgument(f"columns={columns!r}: choose 'base' or 'full'")
    if result not in get_args(Result):
        raise InvalidArgument(f"result={result!r}: choose 'frame' or 'report'")
    check_log(log)
    if result == "report" and log is False:
        raise InvalidArgument(
            "result='report' leaves the rows in the data log: leave log=False out"
        )


def _run(tasks: list[Task], n_jobs: int | None, shown: ProgressKind) -> list[Done]:
    done = []
    logged = any(_is_logged(task.asked) for task in tasks)
    with resumable(logged=logged), Board(len(tasks), shown) as board, on_step(board):
        for one in run(tasks, n_jobs):
            done.append(one)
            board.finish(one.row)
    return done


def _is_logged(asked: Asked) -> bool:
    try:
        return is_logged(find_source(asked.exchange), asked.log)
    except GekkoLabError:  # told in the series' own row
        return False


def _labeled(done: Done, columns: Columns) -> pl.DataFrame:
    schema = CANDLES_FULL if columns == "full" else CANDLES
    label = [pl.lit(done.row[name].item()).alias(name) for name in SERIES]
    rows = pl.DataFrame(schema=CANDLES_FULL) if done.frame is None else done.frame
    return rows.select(*label, *schema.names())


def _tell(report: pl.DataFrame, table: object) -> None:
    broken = report.filter(pl.col("status").is_in(["incomplete", "failed"]))
    if len(broken):
        raise IncompleteData(
            f"{len(broken)} of {len(report)} series could not be had as a whole "
            f"({_names(broken)}): {broken['error'][0]} The error's .frame holds what came, .report "
            "tells of each series",
            frame=table,
            report=report,
        )
    lacking = report.filter(status="gaps")
    if len(lacking):
        warnings.warn(
            GapWarning(
                f"{len(lacking)} of {len(report)} series lack candles that don't exist "
                f"({_names(lacking)}); the warning's .report tells of each",
                report=report,
            ),
            stacklevel=users_level(),
        )


def _names(report: pl.DataFrame) -> str:
    names = [" ".join(row) for row in report.select(SERIES.names()).head(_SHOWN).iter_rows()]
    more = len(report) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")

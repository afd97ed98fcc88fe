"""`fetch_many`: candles of many exchanges, symbols and timeframes at once."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Literal, get_args

import polars as pl

from gekko_lab.errors import (
    GapWarning,
    GekkoLabError,
    IncompleteData,
    InvalidArgument,
    InvalidType,
)
from gekko_lab.fetching.candles import Asked, fetched
from gekko_lab.fetching.missing import users_level
from gekko_lab.fetching.progress import Progress
from gekko_lab.frames.convert import to_frame
from gekko_lab.frames.schemas import CANDLES, CANDLES_FULL, SERIES, TIME
from gekko_lab.settings import options, reads_as

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gekko_lab.fetching.candles import Columns
    from gekko_lab.market.moments import TimeLike
    from gekko_lab.settings import FrameKind, ProgressKind
    from gekko_lab.sources.source import Source

Result = Literal["frame", "report"]

REPORT = pl.Schema(
    {
        **dict(SERIES),
        "status": pl.String(),
        "rows": pl.Int64(),
        "first": TIME,
        "last": TIME,
        "missing": pl.Int64(),
        "error": pl.String(),
    }
)

_SHOWN = 3
_AT_ONCE = 8


def fetch_many(
    exchanges: str | Source | Sequence[str | Source],
    symbols: str | Sequence[str],
    timeframes: str | Sequence[str] = "1h",
    *,
    since: TimeLike | None = None,
    until: TimeLike | None = None,
    limit: int | None = None,
    columns: Columns = "base",
    log: bool = False,
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
    log
        Whether to go through the data log, as in `fetch`.
    n_jobs
        How many series at a time; by default what `joblib.parallel_config` says, else 8.
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
        error     String   why something could not be had
        ========= ======== ====================================================================

    Raises
    ------
    InvalidArgument
        When nothing is named, something twice, `result="report"` without the log, or joblib is to
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
    tasks = [
        _Task(Asked(*series, since, until, limit, columns, log), rows=result == "frame")
        for series in product(
            _named("exchanges", exchanges),
            _named("symbols", symbols),
            _named("timeframes", timeframes),
        )
    ]
    done = _run(tasks, n_jobs, shown)
    report = pl.concat([one.row for one in done])
    if result == "report":
        return to_frame(report, made_as)
    if all(one.frame.is_empty() and one.error is not None for one in done):
        raise next(one.error for one in done if one.error is not None)
    table = to_frame(pl.concat([_labeled(one, columns) for one in done]), made_as)
    _tell(report, table)
    return table


@dataclass(frozen=True, slots=True)
class _Task:
    """One series, and whether its rows are wanted back."""

    asked: Asked
    rows: bool


@dataclass(frozen=True, slots=True)
class _Done:
    """What became of a series."""

    row: pl.DataFrame
    frame: pl.DataFrame
    error: Exception | None


def _check(columns: str, result: str, *, log: bool) -> None:
    if columns not in ("base", "full"):
        raise InvalidArgument(f"columns={columns!r}: choose 'base' or 'full'")
    if result not in get_args(Result):
        raise InvalidArgument(f"result={result!r}: choose 'frame' or 'report'")
    if result == "report" and not log:
        raise InvalidArgument("result='report' leaves the rows in the data log: say log=True")


def _named(what: str, given: object) -> list[Any]:
    if isinstance(given, str) or (what == "exchanges" and not isinstance(given, Iterable)):
        return [given]
    if not isinstance(given, Iterable):
        raise InvalidType(f"{what}={given!r}: give a name, or a list of names")
    found = list(given)
    if not found:
        raise InvalidArgument(f"{what} is empty: name at least one")
    if len({id(one) if not isinstance(one, str) else one for one in found}) < len(found):
        raise InvalidArgument(f"{what}={found!r} names something twice")
    return found


def _run(tasks: list[_Task], n_jobs: int | None, shown: ProgressKind) -> list[_Done]:
    import joblib

    settings = {
        "compile": options.compile,
        "data_dir": options.data_dir,
        "state_dir": options.state_dir,
        "progress": "off",
    }
    pool = _pool(n_jobs)
    done, rows = [], 0
    with Progress(f"{len(tasks)} series", None, shown) as report:
        for one in pool(joblib.delayed(_work)(task, settings) for task in tasks):
            done.append(one)
            rows += one.row["rows"].item()
            report(rows)
    return done


def _pool(n_jobs: int | None) -> Any:  # noqa: ANN401 (joblib has no types)
    """Give joblib's pool: what the caller says, else what `parallel_config` says, else threads."""
    import joblib
    from joblib.parallel import get_active_backend

    backend, chosen = get_active_backend()  # with "threads" it would say 1 whatever was chosen
    if type(backend).__name__ == "MultiprocessingBackend":  # Ray's is made of it, and forks not
        raise InvalidArgument(
            "joblib's backend 'multiprocessing' copies this process by fork, and polars hangs in "
            "the copies: choose 'threading', 'loky' or 'dask' in joblib.parallel_config"
        )
    if n_jobs is None:
        n_jobs = _AT_ONCE if chosen is None else chosen
    ordered = "generator" if backend.supports_return_generator else "list"
    return joblib.Parallel(n_jobs=n_jobs, prefer="threads", return_as=ordered)


def _work(task: _Task, settings: dict[str, Any]) -> _Done:
    """Fetch one series, wherever this runs; options don't travel to threads or processes."""
    with options(**settings):
        nothing = pl.DataFrame(schema=CANDLES_FULL)
        try:
            found = fetched(task.asked)
        except GekkoLabError as refused:
            return _Done(_row(task.asked, "failed", nothing, None, refused), nothing, refused)
        error = found.failures[0].error if found.failures else None
        status = "incomplete" if error else "gaps" if len(found.gaps) else "complete"
        if error and found.frame.is_empty():
            status = "failed"
        missing = int(found.gaps["missing"].sum())
        row = _row(task.asked, status, found.frame, missing, error)
        return _Done(row, found.frame if task.rows else nothing, error)


def _row(
    asked: Asked, status: str, frame: pl.DataFrame, missing: int | None, error: Exception | None
) -> pl.DataFrame:
    times = frame["timestamp"]
    ends = (times.first(), times.last())
    told = None if error is None else str(error)
    row = (*_label(asked), status, len(frame), *ends, missing, told)
    return pl.DataFrame([row], schema=REPORT, orient="row")


def _label(asked: Asked) -> tuple[str, str, str]:
    exchange = asked.exchange if isinstance(asked.exchange, str) else asked.exchange.exchange
    return exchange, str(asked.symbol), str(asked.timeframe)


def _labeled(done: _Done, columns: Columns) -> pl.DataFrame:
    schema = CANDLES_FULL if columns == "full" else CANDLES
    label = [pl.lit(done.row[name].item()).alias(name) for name in SERIES]
    return done.frame.select(*label, *schema.names())


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

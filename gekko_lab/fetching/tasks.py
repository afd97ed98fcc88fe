"""Many fetches under joblib: what each was asked for, and a row that tells what became of it."""

from __future__ import annotations

import threading
from contextvars import Context, copy_context
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from gekko_lab.errors import GekkoLabError, Stopped
from gekko_lab.fetching.candles import fetched
from gekko_lab.fetching.tally import Tally
from gekko_lab.fetching.watching import Watch
from gekko_lab.frames.schemas import CANDLES_FULL, REPORT
from gekko_lab.limits.waiting import check_stopped, stopped_by
from gekko_lab.settings import options

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gekko_lab.fetching.asked import Asked
    from gekko_lab.fetching.candles import Fetched


@dataclass(frozen=True, slots=True)
class Task:
    """One series, and whether its rows are wanted back."""

    asked: Asked
    rows: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a series.

    Attributes
    ----------
    row : polars.DataFrame
        Its row of the report.
    frame : polars.DataFrame
        The candles, where they were wanted.
    error : Exception or None
        Why something could not be had.
    """

    row: pl.DataFrame
    frame: pl.DataFrame
    error: Exception | None


def run(tasks: Sequence[Task], n_jobs: int) -> Iterator[Done]:
    """Give what became of each task, in their order, so many of them at a time.

    Where there are fewer tasks than jobs, each asks for several pages at a time.

    Parameters
    ----------
    tasks
        What to fetch.
    n_jobs
        How many at a time; a backend that the user chose with `joblib.parallel_config` wins.
    """
    import joblib

    settings = {name: getattr(options, name) for name in ("data_dir", "state_dir", "log")}
    inner = max(1, n_jobs // max(1, len(tasks)))
    left = threading.Event()
    with stopped_by(left):
        context = copy_context()
    pool = joblib.Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")
    try:
        yield from pool(
            joblib.delayed(_Work(settings, context.copy()))(
                replace(task, asked=replace(task.asked, n_jobs=inner))
            )
            for task in tasks
        )
    finally:
        left.set()  # threads of this process end at their next page when the caller goes


class _Work:
    """Fetches one series; in this process, in the caller's context with its listeners."""

    def __init__(self, settings: dict[str, Any], context: Context | None = None) -> None:
        self._settings = settings
        self._context = context

    def __call__(self, task: Task) -> Done:
        if self._context is None:
            return self._fetch(task)
        return self._context.run(self._fetch, task)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Work, (self._settings,)

    def _fetch(self, task: Task) -> Done:
        """Fetch, wherever this runs; options don't travel to other processes by themselves."""
        with options(**self._settings, progress="off"):
            nothing = pl.DataFrame(schema=CANDLES_FULL)
            try:
                check_stopped()
                found = fetched(task.asked)
            except GekkoLabError as refused:
                status = "stopped" if isinstance(refused, Stopped) else "failed"
                Watch(*task.asked.label, None).ended(status)
                row = _row(task, status, nothing, refused, missing=None)
                return Done(row, nothing, refused)
            error = found.failures[0].error if found.failures else None
            row = _row(task, found.status, found.frame, error, found)
            return Done(row, found.frame if task.rows else nothing, error)


def _row(
    task: Task,
    status: str,
    frame: pl.DataFrame,
    error: Exception | None,
    found: Fetched | None = None,
    *,
    missing: int | None = None,
) -> pl.DataFrame:
    times = frame["timestamp"]
    tally = Tally() if found is None else found.tally
    gaps = None if found is None else _classes(found.gaps)
    if found is not None:
        missing = int(found.gaps["missing"].sum())
    row = (
        *task.asked.label,
        status,
        len(frame),
        times.first(),
        times.last(),
        missing,
        gaps,
        tally.pages,
        tally.retries,
        round(tally.waited_s, 3),
        "+".join(sorted(tally.sources)) or None,
        None if error is None else str(error),
    )
    return pl.DataFrame([row], schema=REPORT, orient="row")


def _classes(gaps: pl.DataFrame) -> str | None:
    """Give how many candles are missing for which reason, as text that fits into a table."""
    counted = gaps.group_by("reason", maintain_order=True).agg(pl.col("missing").sum())
    return ", ".join(f"{reason} {count}" for reason, count in counted.rows()) or None

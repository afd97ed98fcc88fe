"""Many fetches under joblib: what each was asked for, and a row that tells what became of it."""

from __future__ import annotations

import secrets
import threading
from collections import deque
from contextvars import Context, copy_context
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import polars as pl

from gekko_lab.errors import GekkoLabError, InvalidArgument
from gekko_lab.fetching.candle_requests import fetched
from gekko_lab.fetching.defaults import is_logged
from gekko_lab.fetching.fetched import Extent
from gekko_lab.fetching.tally import Tally, counting
from gekko_lab.fetching.trade_requests import fetched_trades
from gekko_lab.fetching.watching import Step, Watch, on_step, status_of
from gekko_lab.frames.schemas import REPORT
from gekko_lab.limits.waiting import check_stopped, stopped_by
from gekko_lab.settings import options
from gekko_lab.sources.registry import find_source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gekko_lab.fetching.asked import Asked
    from gekko_lab.fetching.fetched import Fetched


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
    frame : polars.DataFrame or None
        The rows, where they were wanted.
    error : Exception or None
        Why something could not be had.
    """

    row: pl.DataFrame
    frame: pl.DataFrame | None
    error: Exception | None


def run(tasks: Sequence[Task], n_jobs: int | None = None) -> Iterator[Done]:
    """Give what became of each task, in their order, so many of them at a time.

    Where there are fewer tasks than jobs, each asks for several pages at a time.

    Parameters
    ----------
    tasks
        What to fetch.
    n_jobs
        How many at a time; by default what `joblib.parallel_config` says, else 8. The backend that
        it names always wins.

    Raises
    ------
    InvalidArgument
        When joblib is to use forked processes.
    """
    import joblib

    settings = {name: getattr(options, name) for name in _TRAVELLING}
    carried = {id(task.asked.exchange): _Carried.of(task.asked.exchange) for task in tasks}
    pool, at_once = _pool(n_jobs)
    inner = max(1, min(_MOST_PAGES, at_once // max(1, len(tasks))))
    left = threading.Event()
    with stopped_by(left):
        context = copy_context()
    try:
        yield from pool(
            joblib.delayed(_Work(settings, context.copy()))(
                replace(task, asked=replace(task.asked, exchange="", n_jobs=inner)),
                carried[id(task.asked.exchange)],
            )
            for task in tasks
        )
    finally:
        left.set()  # threads of this process end at their next page when the caller goes


def _pool(n_jobs: int | None) -> tuple[Any, int]:
    """Give joblib's pool and how many it works on at a time."""
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
    return joblib.Parallel(n_jobs=n_jobs, prefer="threads", return_as=ordered), n_jobs


_AT_ONCE = 8
_MOST_PAGES = 32
_TRAVELLING = ("compile", "data_dir", "log", "state_dir")
_MOST_MET = 16


_met: dict[tuple[str, object], Any] = {}


@dataclass(frozen=True, slots=True)
class _Carried:
    """A source, or its name, on its way to workers, where one object serves all its tasks.

    Its identity would not tell it, as the pace that a user sets is no part of that.
    """

    source: Any
    token: str

    @classmethod
    def of(cls, source: Any) -> _Carried:  # noqa: ANN401
        """Name a source as the same object was named before."""
        try:
            return cls(source, _tokens.setdefault(source, secrets.token_hex(16)))
        except TypeError:  # a name, or what has no hash
            return cls(source, secrets.token_hex(16))

    def met(self, state_dir: object) -> Any:  # noqa: ANN401
        """Give the one that came to this worker first, whose budget counts in that folder."""
        if isinstance(self.source, str):
            return self.source
        key = self.token, state_dir
        if key not in _met and len(_met) >= _MOST_MET:
            del _met[next(iter(_met))]
        return _met.setdefault(key, self.source)


_tokens: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


class _Work:
    """Fetches one series; in this process, in the caller's context with its listeners."""

    def __init__(self, settings: dict[str, Any], context: Context | None = None) -> None:
        self._settings = settings
        self._context = context

    def __call__(self, task: Task, carried: _Carried) -> Done:
        away = self._context is None
        exchange = carried.met(self._settings.get("state_dir")) if away else carried.source
        task = replace(task, asked=replace(task.asked, exchange=exchange))
        return self._fetch(task) if self._context is None else self._context.run(self._fetch, task)

    def __reduce__(self) -> tuple[Any, ...]:
        return _Work, (self._settings,)

    def _fetch(self, task: Task) -> Done:
        """Fetch, wherever this runs; options don't travel to other processes by themselves."""
        steps: deque[Step] = deque(maxlen=1)
        with options(**self._settings, progress="off"), counting() as tally, on_step(steps.append):
            try:
                check_stopped()
                found = self._found(task)
            except (GekkoLabError, OSError) as refused:
                status = status_of(refused)
                if not steps:
                    Watch(*task.asked.label, None).ended(status, refused)
                return Done(_ended(task.asked, status, refused, tally, steps[0]), None, refused)
            error = found.failures[0].error if found.failures else None
            row = _row(
                *(task.asked, found.status, error, found.extent, found.tally),
                missing=_missing(found.gaps),
            )
            return Done(row, found.frame if task.rows else None, error)

    def _found(self, task: Task) -> Fetched:
        if task.asked.kind == "candles":
            return fetched(task.asked, rows=task.rows)
        return fetched_trades(task.asked, rows=task.rows)


def _ended(asked: Asked, status: str, error: Exception, tally: Tally, step: Step) -> pl.DataFrame:
    """Give the row of a fetch that an error ended: its rows are those that the log kept."""
    kept = step.rows if step.rows and is_logged(find_source(asked.exchange), asked.log) else 0
    return _row(asked, status, error, Extent(kept), tally)


def _row(
    asked: Asked,
    status: str,
    error: Exception | None,
    extent: Extent,
    tally: Tally,
    *,
    missing: tuple[int | None, str | None] = (None, None),
) -> pl.DataFrame:
    row = (
        *asked.label,
        status,
        *(extent.rows, extent.first, extent.last),
        *missing,
        tally.pages,
        tally.retries,
        round(tally.waited_s, 3),
        "+".join(sorted(tally.sources)) or None,
        None if error is None else str(error),
    )
    return pl.DataFrame([row], schema=REPORT, orient="row")


def _missing(gaps: pl.DataFrame) -> tuple[int | None, str | None]:
    """Give how many rows are missing, where anybody knows, and for which reasons, as text."""
    total = None if gaps["missing"].null_count() else int(gaps["missing"].sum())
    counted = gaps.group_by("reason", maintain_order=True).agg(pl.col("missing").sum())
    told = [
        str(reason) if total is None else f"{reason} {count}" for reason, count in counted.rows()
    ]
    return total, ", ".join(told) or None

"""Job: many downloads into the data log that don't block a notebook."""

from __future__ import annotations

import logging
import math
import threading
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Self

import polars as pl

from gekko_lab.errors import InvalidArgument
from gekko_lab.fetching.asked import all_asked
from gekko_lab.fetching.defaults import check_tasks
from gekko_lab.fetching.listeners import Listeners
from gekko_lab.fetching.supply import check_way
from gekko_lab.fetching.tasks import Task, run
from gekko_lab.fetching.watching import Step, on_step
from gekko_lab.frames.convert import to_frame
from gekko_lab.frames.schemas import REPORT, STEPS
from gekko_lab.limits.waiting import GLANCE_S, stopped_by
from gekko_lab.settings import reads_as

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gekko_lab.fetching.supply import Way
    from gekko_lab.market.moments import TimeLike
    from gekko_lab.settings import FrameKind
    from gekko_lab.sources.source import Source

_log = logging.getLogger("gekko_lab")


class Job:
    """Downloads of many series into the data log, in the background.

    A job can be stopped at any time, and started again, in the same notebook or after a restart:
    what came is in the data log, and only the rest is asked for. Its threads end with the program.

    Parameters
    ----------
    exchanges, symbols, timeframes
        One or several of each, as in `fetch_many`.
    since, until
        The range, as in `fetch`. An `until` that is left out is the moment of each start.
    kind
        "candles" or "trades"; trades have no timeframe.
    source
        Where candles come from, as in `fetch`.
    n_jobs
        How many series at a time; where there are fewer, how many pages. By default as in
        `fetch_many`.

    Examples
    --------
    >>> import gekko_lab
    >>> market = gekko_lab.ExchangeSimulator(seed=7)
    >>> month = {"since": "2024-01-01", "until": "2024-02-01"}
    >>> job = gekko_lab.Job(market, ["BTC/USDT", "ETH/USDT"], "1h", **month)
    >>> job.start().wait()
    True
    >>> job.report()["rows"].to_list()
    [744, 744]
    """

    def __init__(
        self,
        exchanges: str | Source | Sequence[str | Source],
        symbols: str | Sequence[str],
        timeframes: str | Sequence[str] | None = None,
        *,
        since: TimeLike,
        until: TimeLike | None = None,
        kind: str = "candles",
        source: Way = "auto",
        n_jobs: int | None = None,
    ) -> None:
        check_way(source)
        check_tasks(n_jobs)
        if since is None:
            raise InvalidArgument("since is missing: a job downloads a range, so say its begin")
        asked = all_asked(
            *(exchanges, symbols, timeframes),
            kind=kind,
            since=since,
            until=until,
            log=True,
            source=source,
        )
        self._tasks = {each.label: Task(each) for each in asked}
        self._n_jobs = n_jobs
        self._told: Listeners[Step] = Listeners("a job")
        self._told_ends: Listeners[pl.DataFrame] = Listeners("a job")
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._over = threading.Event()
        self._stop = threading.Event()
        self._steps: dict[tuple[str, str, str], Step] = {}
        self._rows: dict[tuple[str, str, str], pl.DataFrame] = {}
        self._error: BaseException | None = None

    @property
    def state(self) -> str:
        """What it does: new, running, stopping, stopped, or done."""
        with self._lock:
            if self._thread is None:
                return "new"
            if not self._over.is_set():
                return "stopping" if self._stop.is_set() else "running"
            return "stopped" if self._is_unfinished() else "done"

    def start(self) -> Self:
        """Begin, or go on where it was stopped; come back at once.

        Raises
        ------
        InvalidArgument
            When it is running.
        """
        with self._lock:
            if self._thread is not None and not self._over.is_set():
                raise InvalidArgument("the job is running: stop() it, or wait() for its end")
            self._stop, self._over = threading.Event(), threading.Event()
            self._error = None
            self._thread = threading.Thread(
                target=copy_context().run, args=(self._run,), name="gekko-lab-job", daemon=True
            )
            self._thread.start()
        return self

    def stop(self, timeout: float | None = None) -> bool:
        """End at the next page, and wait for that.

        Parameters
        ----------
        timeout
            How many seconds to wait; None for as long as it takes, 0 for not at all.

        Returns
        -------
        bool
            Whether it has ended.
        """
        self._stop.set()
        return self.wait(timeout)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end, at most so many seconds, and tell whether it came.

        Listeners that the job's own thread calls don't wait, as its end comes after them.

        Raises
        ------
        Exception
            What ended the job, where that was no failure of a series: those stand in the report.
        """
        thread = self._thread
        if thread is None or thread is threading.current_thread():
            return False
        over, left = self._over, math.inf if timeout is None else timeout
        while not over.wait(min(left, GLANCE_S)):
            left -= GLANCE_S
            if left <= 0:
                return False
        if self._error is not None:
            raise self._error
        return True

    def on(self, listener: Callable[[Step], None]) -> Callable[[], None]:
        """Tell a function of each step: rows that came, waits and their reasons, ends of series.

        Parameters
        ----------
        listener
            Is called with a `Step` from the threads that fetch, some ten times a second for each
            series. What it raises is logged and ends nothing.

        Returns
        -------
        callable
            Ends the telling.
        """
        return self._told.add(listener)

    def on_end(self, listener: Callable[[pl.DataFrame], None]) -> None:
        """Tell a function of each series that ended: its row of the report."""
        self._told_ends.add(listener)

    def progress(self, *, frame: FrameKind | None = None) -> Any:  # noqa: ANN401 (the frame decides)
        """Give how far each series is.

        Parameters
        ----------
        frame
            "polars" or "pandas"; by default `options.frame`.

        Returns
        -------
        polars.DataFrame or pandas.DataFrame
            exchange, symbol, timeframe, status (waiting, running, or as in the report), rows, total
            (expected), seconds (since it began), eta (seconds left), wait (what for); null where
            nobody knows.
        """
        made_as = reads_as("frame", frame)
        with self._lock:
            steps = [self._steps.get(label) or Step(*label, "new") for label in self._tasks]
        rows = [
            (
                *(step.exchange, step.symbol, step.timeframe, step.status, step.rows, step.total),
                *(step.seconds, step.eta_s, None if step.wait is None else str(step.wait)),
            )
            for step in steps
        ]
        return to_frame(pl.DataFrame(rows, schema=STEPS, orient="row"), made_as)

    def report(self, *, frame: FrameKind | None = None) -> Any:  # noqa: ANN401
        """Give what became of each series that ended.

        Parameters
        ----------
        frame
            "polars" or "pandas"; by default `options.frame`.

        Returns
        -------
        polars.DataFrame or pandas.DataFrame
            The report of `fetch_many`; a status "stopped" is for series that `start` goes on with.
        """
        made_as = reads_as("frame", frame)
        with self._lock:
            rows = [self._rows[label] for label in self._tasks if label in self._rows]
        return to_frame(pl.concat([pl.DataFrame(schema=REPORT), *rows]), made_as)

    def __len__(self) -> int:
        """Give how many series it downloads."""
        return len(self._tasks)

    def __enter__(self) -> Self:
        """Start it."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    def __repr__(self) -> str:
        with self._lock:
            rows = sum(step.rows for step in self._steps.values())
            ended = len(self._rows)
        return f"<Job {self.state}: {ended} of {len(self._tasks)} series, {rows:,} rows>"

    def _run(self) -> None:
        try:
            with stopped_by(self._stop), on_step(self._tell):
                found = run(list(self._tasks.values()), self._n_jobs)
                for label, done in zip(self._tasks, found, strict=True):
                    with self._lock:
                        self._rows[label] = done.row
                    self._told_ends.tell(done.row)
        except Exception as error:  # noqa: BLE001 (raised where somebody waits for the job)
            _log.error("a job ended by an error: %s", error)
            self._error = error
        finally:
            self._over.set()

    def _tell(self, step: Step) -> None:
        with self._lock:
            self._steps[step.exchange, step.symbol, step.timeframe] = step
        self._told.tell(step)

    def _is_unfinished(self) -> bool:
        found = [row["status"].item() for row in self._rows.values()]
        return len(found) < len(self._tasks) or "stopped" in found

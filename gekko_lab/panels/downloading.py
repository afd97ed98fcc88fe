"""`download`: a job with a row for each of its series."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

import ipywidgets

from gekko_lab.fetching.asked import series_of
from gekko_lab.fetching.job import Job
from gekko_lab.frames.convert import to_frame
from gekko_lab.market.moments import read_time
from gekko_lab.market.spans import Span
from gekko_lab.panels import pictures
from gekko_lab.panels.download_rows import COLUMNS, ILL, label_of, reason, row_of, summary, told
from gekko_lab.panels.panel import Panel
from gekko_lab.panels.parts import Row, Table
from gekko_lab.panels.spelling import call
from gekko_lab.panels.strips import coverage_strip
from gekko_lab.settings import options
from gekko_lab.sources.registry import find_source

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from gekko_lab.fetching.supply import Way
    from gekko_lab.market.moments import TimeLike
    from gekko_lab.panels.pictures import Drawn
    from gekko_lab.sources.source import Source

    Label = tuple[str, str, str]

_STILL = ("symbol", "timeframe", "rows", "strip", "status")
_EVERY_S, _STRIPS_S = 0.25, 1.0

_running: dict[tuple[str, ...], DownloadPanel] = {}


def download(
    exchanges: str | Source | Sequence[str | Source],
    symbols: str | Sequence[str],
    timeframes: str | Sequence[str] | None = None,
    *,
    since: TimeLike,
    until: TimeLike | None = None,
    kind: str = "candles",
    source: Way = "auto",
    n_jobs: int | None = None,
) -> DownloadPanel:
    """Give a panel that downloads many series into the data log, from now on.

    It comes back at once. Running the cell again goes on: what came is in the data log, and while
    the same download runs, the same panel is shown again.

    Parameters
    ----------
    exchanges, symbols, timeframes, since, until, kind, source, n_jobs
        As of `Job`.

    Returns
    -------
    DownloadPanel
        Its `job` is the `Job`; `await panel.ready()` waits for its end.

    Raises
    ------
    RequestError
        When the request can't be read; nothing was begun then.

    Examples
    --------
    >>> import asyncio
    >>> import gekko_lab
    >>> month = {"since": "2024-01-01", "until": "2024-02-01"}
    >>> panel = gekko_lab.download("simulator", ["BTC/USDT", "ETH/USDT"], "1h", **month)
    >>> asyncio.run(panel.ready()).report["rows"].to_list()
    [744, 744]
    """
    asked: dict[str, Any] = {"since": since, "until": until, "kind": kind, "source": source}
    key = (
        *map(repr, (exchanges, symbols, timeframes, n_jobs)),
        *map(repr, asked.values()),
        str(options.data_dir),
    )
    before = _running.get(key)
    if before is not None and before.job.state in {"running", "stopping"}:
        return before
    job = Job(exchanges, symbols, timeframes, n_jobs=n_jobs, **asked)
    given = [exchanges, symbols, *([] if timeframes is None else [timeframes])]
    usual = {"until": None, "kind": "candles", "source": "auto", "n_jobs": None}
    told = {name: value for name, value in asked.items() if value != usual.get(name)}
    code = call("gekko_lab.Job", *given, **told, n_jobs=n_jobs)
    series = series_of(exchanges, symbols, timeframes, kind=kind)
    now = time.time_ns() // 1_000_000
    end = now if until is None else read_time(until, now=now, name="until")
    panel = DownloadPanel(job, series, Span(read_time(since, now=now), end), code)
    _running[key] = panel
    panel.on("close", lambda _: _running.pop(key, None))
    return panel.start()


class DownloadPanel(Panel):
    """A job as a panel; see `download`.

    Parameters
    ----------
    job
        What downloads.
    series
        Its series, in its order: source, symbol and timeframe.
    span
        The range that was asked for.
    code
        That makes the job.
    """

    name = "download"

    def __init__(
        self, job: Job, series: Sequence[tuple[Any, str, str]], span: Span, code: str
    ) -> None:
        super().__init__()
        self.job = job
        self._span, self._series = span, list(series)
        self._strips: dict[int, dict[str, Any]] = {}
        self._looked = 0.0
        self._rows: list[Row] = []
        self._table = Table.of("Downloads", COLUMNS, selectable=True)
        self._table.observe(lambda _: self._emit("selection"), "selected")
        self._controls = {
            name: ipywidgets.Button(description=label, tooltip=tip)
            for name, label, tip in (
                ("stop", "Stop", "End at the next page; what came is kept"),
                ("resume", "Resume", "Ask for what is missing"),
                ("retry", "Retry failed", "Ask again for what could not be had"),
            )
        }
        self._wire(self._controls["stop"], lambda: self.stop(0))
        self._wire(self._controls["resume"], self.start)
        self._wire(self._controls["retry"], self.start)
        self._code.code = f"job = {code}.start()\njob.wait()\njob.report()"
        self._lay_out(tuple(self._controls.values()), self._table)
        self._show()

    @property
    def state(self) -> str:
        """What it does: new, running, stopping, stopped, done, failed (the job itself), closed."""
        if self._closed:
            return "closed"
        return "failed" if self.error is not None else self.job.state

    @property
    def frame(self) -> Any:  # noqa: ANN401
        """How far each series is; see `Job.progress`."""
        return self.job.progress()

    @property
    def report(self) -> Any:  # noqa: ANN401
        """What became of each series that ended; see `Job.report`."""
        return self.job.report()

    @property
    def selection(self) -> Any:  # noqa: ANN401
        """The chosen rows of `frame`; None for none."""
        chosen = sorted(int(key) for key in self._table.selected)
        if not chosen:
            return None
        return to_frame(self.job.progress(frame="polars")[chosen], options.frame)

    def start(self) -> Self:
        """Begin, or go on with what is missing; come back at once."""
        if self.job.state not in {"running", "stopping"}:
            self._forgive()
            self.job.start()
            self._watch()
        return self

    def stop(self, timeout: float | None = None) -> bool:
        """End at the next page, and wait for that; see `Job.stop`."""
        ended = self.job.stop(timeout)
        self._show()
        return ended

    def _close(self) -> None:
        self.job.stop(0)

    def _watch(self) -> None:
        self._do("watch", self._follow, lambda _: self._emit("change"))

    def _follow(self) -> None:
        """Show how far the job is until it ends; raise what ended it."""
        while not self._closed:
            ended = self.job.state not in {"running", "stopping"}
            self._show()
            if ended:
                break
            time.sleep(_EVERY_S)
        self.job.wait(0)

    def _show(self) -> None:
        progress = self.job.progress(frame="polars")
        found = {row[:3]: row for row in self.job.report(frame="polars").iter_rows()}
        state = self.job.state
        self._look_at_strips(progress, last=state not in {"running", "stopping"})
        self._rows = [
            row_of(place, step, self._strips.get(place), reason(step, found.get(label_of(step))))
            for place, step in enumerate(progress.iter_rows(named=True))
        ]
        self._table.show(self._rows)
        self._header.parts = told(state, progress)
        self._header.badge = ""
        self._enable(state, {row["status"] for row in progress.iter_rows(named=True)})

    def _look_at_strips(self, progress: pl.DataFrame, *, last: bool) -> None:
        """Read from the log what is held; not at each look, and only of what moves."""
        now = time.monotonic()
        if not last and now - self._looked < _STRIPS_S:
            return
        self._looked = now
        for place, step in enumerate(progress.iter_rows(named=True)):
            if last or place not in self._strips or step["status"] in {"running", "waiting"}:
                self._strips[place] = self._strip(place)

    def _strip(self, place: int) -> dict[str, Any]:
        exchange, symbol, timeframe = self._series[place]
        source = find_source(exchange)
        kind = "candles" if timeframe else "trades"
        return coverage_strip(kind, source, symbol, timeframe or None, self._span)

    def _enable(self, state: str, statuses: set[str]) -> None:
        over = state not in {"running", "stopping"}
        self._controls["stop"].disabled = state != "running"
        self._controls["resume"].disabled = not (over and state != "done")
        self._controls["retry"].disabled = not (over and statuses & set(ILL))

    def _drawn(self) -> Sequence[Drawn]:
        columns = [each for each in COLUMNS if each.key in _STILL]
        return [pictures.table(columns, self._rows)]

    def _title(self) -> str:
        return f"{self.name}: {summary(self.job.state, self.job.progress(frame='polars'))}"

"""`record`: what happens in markets into the data log, while it happens."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import polars as pl

from gekko_lab.errors import IncompleteData, InvalidArgument
from gekko_lab.feeds.checking import read_symbols, read_wanted
from gekko_lab.feeds.clock import WALL
from gekko_lab.feeds.record_crew import Crew, Persistence
from gekko_lab.feeds.record_spec import Spec, is_live
from gekko_lab.feeds.record_status import OVER, status_frame
from gekko_lab.feeds.record_workers import Workers
from gekko_lab.fetching.asked import name_of, telling_names
from gekko_lab.fetching.defaults import check_tasks
from gekko_lab.frames.convert import to_frame
from gekko_lab.frames.schemas import NOT_RECORDED, TIME
from gekko_lab.market.length import read_length
from gekko_lab.market.moments import check_order, read_time
from gekko_lab.market.spans import Span, subtract
from gekko_lab.market.timeframe import END
from gekko_lab.settings import reads_as
from gekko_lab.sources.registry import find_source

if TYPE_CHECKING:
    from datetime import timedelta

    from gekko_lab.feeds.checking import Interval, Wanted
    from gekko_lab.feeds.live import Transport
    from gekko_lab.feeds.streaming import Speed
    from gekko_lab.market.moments import TimeLike
    from gekko_lab.settings import FrameKind
    from gekko_lab.sources.source import Source


class Recorder:
    """A recording in the background, from `gekko_lab.record`.

    What it has recorded can be read at any time, by `gekko_lab.datalog.load`, `fetch(…,
    source="log")` and `replay`. It ends by `stop()`, with its `with` block, when the duration is
    over, and with the program. What was interrupted is not held by the log, so that the next
    `fetch_trades` or `fetch` asks for just that.

    Parameters
    ----------
    specs
        What is recorded, an exchange each.
    n_jobs
        How many processes record; 1 for none but this.
    persistence
        How often what failed is begun again.
    """

    def __init__(
        self, specs: Sequence[Spec], n_jobs: int = 1, persistence: Persistence | None = None
    ) -> None:
        self._specs = tuple(specs)
        patience = persistence or Persistence()
        self._hands: Crew | Workers
        if n_jobs == 1:
            self._hands = Crew(self._specs, WALL, patience)
        else:
            self._hands = Workers(_shares(self._specs, n_jobs), patience)
        self._since = min(spec.began if spec.since is None else spec.since for spec in self._specs)
        self._stopped = False
        self._hands.start()

    @property
    def state(self) -> str:
        """What it does: starting, running, stopping, stopped, ended, or failed (a market)."""
        states = {each.state for each in self._hands.statuses()}
        if states <= OVER:
            return next(each for each in ("failed", "stopped", "ended") if each in states)
        if self._stopped:
            return "stopping"
        return "running" if states - OVER - {"new", "starting"} else "starting"

    def stop(self, timeout: float | None = None) -> bool:
        """End, keep what came, and wait for that.

        Parameters
        ----------
        timeout
            How many seconds to wait; None for as long as it takes, 0 for not at all.

        Returns
        -------
        bool
            Whether it has ended.
        """
        self._stopped = True
        self._hands.stop()
        return self._hands.wait(timeout)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end.

        Parameters
        ----------
        timeout
            How many seconds to wait at most.

        Returns
        -------
        bool
            Whether the end came.

        Raises
        ------
        IncompleteData
            When a market could not be recorded to the end; the status is in its `report`.
        """
        ended = self._hands.wait(timeout)
        failed = [each for each in self._hands.statuses() if each.state == "failed"]
        if ended and failed:
            report = self.status(frame="polars")
            raise IncompleteData(
                f"{len(failed)} of {len(report)} markets could not be recorded to the end; the "
                f"first is {failed[0].exchange} {failed[0].symbol}: {failed[0].error}. What came "
                "before is in the data log",
                frame=report,
                report=report,
            )
        return ended

    def status(self, *, frame: FrameKind | None = None) -> Any:  # noqa: ANN401 (the frame decides)
        """Tell how the recording is doing.

        Parameters
        ----------
        frame
            "polars" or "pandas"; by default `options.frame`.

        Returns
        -------
        polars.DataFrame or pandas.DataFrame
            A row for each market: exchange, symbol, state (starting, running, reconnecting,
            "waiting" to begin again, stopped, ended, failed), events, events_per_second (of the
            last ten seconds), rows (in the data log), last_event (by this machine's clock), gaps,
            restarts, error (the last one), worker (its number) and pid.
        """
        return to_frame(status_frame(self._hands.statuses()), reads_as("frame", frame))

    def gaps(self, *, frame: FrameKind | None = None) -> Any:  # noqa: ANN401
        """Tell what the data log lacks between the first and the last that was recorded.

        Parameters
        ----------
        frame
            "polars" or "pandas"; by default `options.frame`.

        Returns
        -------
        polars.DataFrame or pandas.DataFrame
            kind, exchange, symbol, timeframe (null but for candles), since, until; in order. Fetch
            the range to fill what the exchange still has.
        """
        made_as = reads_as("frame", frame)
        rows = []
        for spec in self._specs:
            for series in spec.series(find_source(spec.exchange)):
                known = series.coverage(Span(self._since, END)).known
                if known:
                    key, whole = series.key, Span(known[0].since, known[-1].until)
                    name = (key.kind, spec.named, key.symbol, key.timeframe or None)
                    rows += [(*name, *span) for span in subtract([whole], known)]
        plain = {name: pl.Int64 if dtype == TIME else dtype for name, dtype in NOT_RECORDED.items()}
        times = [(pl.col(name) * 1000).cast(TIME) for name in ("since", "until")]
        return to_frame(pl.DataFrame(rows, plain, orient="row").with_columns(times), made_as)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        told = self._hands.statuses()
        rows = sum(each.rows for each in told)
        return f"<Recorder {self.state}: {len(told)} markets, {rows:,} rows>"


def record(
    exchange: str | Source | Sequence[str | Source],
    symbols: str | Sequence[str],
    *,
    kinds: str | Sequence[str] = ("trade", "candle"),
    timeframe: str = "1m",
    duration: str | timedelta | None = None,
    since: TimeLike | None = None,
    until: TimeLike | None = None,
    speed: Speed = 1.0,
    interval: Interval = "1s",
    depth: int = 20,
    transport: Transport = "auto",
    arrivals: bool | None = None,
    n_jobs: int = 1,
    persistence: Persistence | None = None,
) -> Recorder:
    """Record markets into the data log while they happen, and come back at once.

    Rows are written twice a second, so that even the death of the process costs no more than what
    came since; they outlast a loss of power half a minute later. Time counts as held only when
    nothing of it can be missing: of a live market up to its newest trade but one moment, without
    what was lost with a connection. So `fetch_trades` and `fetch` over the same time ask for what
    is missing and no more, and give one seamless series.

    The data log keeps exchange time and values of each event, in one series a market and kind;
    `replay("replay:…")` plays these by exchange time. That is just what a simulated feed tells, in
    the same order and with the same numbers. A live feed tells things as they come: with
    `arrivals`, a file beside the log keeps the order over all markets, when each event was
    received, its number, gaps and states, and `replay` of that file tells the same events again.

    Parameters
    ----------
    exchange
        Whose markets: a name, a source, or a list of these, each with all the symbols. Simulated
        markets are recorded under their identity, with seed and parameters as provenance.
    symbols
        One or several names from `symbols(exchange)`, such as "BTC/USDT".
    kinds
        Some of "trade", "candle", "order_book", "ticker".
    timeframe
        The candles' width; only closed ones are recorded.
    duration
        How long, such as "1h" or a timedelta, in the market's time; by default until `stop()`.
    since, until, speed
        As in `stream`, for simulated markets.
    interval
        How far order books are apart at least, "1s" or "100ms"; tickers of simulated markets too.
    depth
        Levels on each side of an order book.
    transport
        As in `stream`, for live markets.
    arrivals
        Whether events are also kept as they came, for a replay event by event; by default those of
        live markets. `gekko_lab.recordings()` lists the files.
    n_jobs
        How many processes share the markets; -1 for one a processor. With 1, this one records, in
        the background. A process that dies is begun again, and the log lacks what it missed.
    persistence
        How often what failed is begun again, and when.

    Returns
    -------
    Recorder
        Which has begun.

    Raises
    ------
    RequestError
        When it can't be recorded as it was asked for; raised before it begins.

    Examples
    --------
    >>> import gekko_lab
    >>> minute = {"since": "2024-01-01T00:00", "until": "2024-01-01T00:01", "speed": "max"}
    >>> recorder = gekko_lab.record("simulator", "BTC/USDT", **minute)
    >>> recorder.wait()
    True
    >>> recorder.status()["state"].to_list()
    ['ended']
    >>> simulator = gekko_lab.ExchangeSimulator()
    >>> trades = gekko_lab.datalog.load(simulator, "BTC/USDT", kind="trades")
    >>> trades.height == recorder.status()["rows"][0] - 1  # and a candle
    True
    """
    wanted = read_wanted(kinds, timeframe, speed, interval, depth)
    names = read_symbols(symbols)
    check_tasks(n_jobs)
    several = isinstance(exchange, Sequence) and not isinstance(exchange, str)
    exchanges: list[Any] = list(exchange) if several else [exchange]  # type: ignore[arg-type]
    if not exchanges:
        raise InvalidArgument("exchange=[]: name at least one")
    labels, began = telling_names(exchanges), time.time_ns() // 1_000_000
    specs = []
    for each in exchanges:
        named = labels[id(each)] or name_of(each)
        kept = is_live(find_source(each)) if arrivals is None else arrivals
        spec = Spec(each, named, names, wanted, transport, arrivals=kept, began=began)
        specs.append(_timed(spec, duration, since, until, wanted))
    _check(specs)
    jobs = (os.cpu_count() or 1) if n_jobs < 0 else n_jobs
    return Recorder(specs, min(jobs, len(names) * len(specs)), persistence)


def _timed(
    spec: Spec,
    duration: str | timedelta | None,
    since: TimeLike | None,
    until: TimeLike | None,
    wanted: Wanted,
) -> Spec:
    """Give what is recorded with its begin and end."""
    lasts = None if duration is None else read_length(duration, name="duration")
    source = find_source(spec.exchange)
    if is_live(source):
        if since is not None or until is not None or wanted.speed != 1:
            raise InvalidArgument(
                f"{source.exchange} is recorded as it goes on now: leave out `since`, `until` and "
                "`speed`, or use `duration`"
            )
        return spec if lasts is None else replace(spec, deadline=time.time() + lasts / 1000)
    if lasts is not None and until is not None:
        raise InvalidArgument("duration and until both tell the end: leave one of them out")
    now = source.now()
    begin = None if since is None else read_time(since, now=now)
    end = None if until is None else read_time(until, now=now, name="until")
    if lasts is not None:
        end = (now if begin is None else begin) + lasts
    if end is not None:
        check_order(now if begin is None else begin, end)
    return replace(spec, since=begin, until=end)


def _check(specs: Sequence[Spec]) -> None:
    """Open everything once, so that a wrong request is told now."""
    seen: set[str] = set()
    for spec in specs:
        source, _, _ = spec.open(WALL)
        if source.identity in seen:
            raise InvalidArgument(f"{spec.named} is named twice; each exchange once is enough")
        seen.add(source.identity)


def _shares(specs: Sequence[Spec], count: int) -> list[list[Spec]]:
    """Deal the markets to so many processes."""
    shares: list[list[Spec]] = [[] for _ in range(count)]
    place = 0
    for spec in specs:
        dealt: dict[int, list[str]] = {}
        for symbol in spec.symbols:
            dealt.setdefault(place % count, []).append(symbol)
            place += 1
        for share, symbols in dealt.items():
            shares[share].append(replace(spec, symbols=tuple(symbols)))
    return shares

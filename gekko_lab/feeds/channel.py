"""Where events come from: the protocol between a feed and a live, simulated or replayed market.

How to write a channel
----------------------
A class with the attributes of `Channel` and an asynchronous generator `batches`. The feed runs it
in the loop thread that all feeds of a process share, so it must never block: what blocks goes
through `gekko_lab.events.loop.in_thread`. The feed gives `sequence` to events, builds the candles,
keeps the buffers, counts, and tells listeners; a channel only says what happened.

- **Rows that come one by one** are events: `Batch(events=[Trade(…, sequence=0), …])`, in the order
  in which they are to be delivered; one batch for all that came at once. The feed sets the
  sequence. `received_us` is when the message came in.
- **Rows that lie in columns** are tables: `Batch(tables=[Table("trade", symbol, frame)])`, in the
  schemas of `gekko_lab.frames.schemas`, ascending. Tables and gaps of one batch are merged by
  exchange time; other events of it come before them. A table may have a column `received`; else
  `Batch.received_us` stands for all rows, else the moment at which the feed took the batch.
- **The clock**: `clock_us` is the exchange's time that all symbols have reached, so that candles
  close in quiet times. A live channel yields `Batch(clock_us=…)` at least once a second even when
  nothing comes (exchange time as estimated here, minus the usual delay); leave it None while the
  connection is down, so that no candle closes for which trades may still be backfilled. A candle
  closes when the clock passes its end plus `grace_us`, or with the first trade after its end.
- **The begin**: candles are only built from when on trades are complete. A channel that starts
  within a candle asks for the trades since its open (`opens_us`) and yields them first as
  `Batch(tables=[…], warmup=True, complete_from_us=open)`: warm-up rows go into candles and aren't
  delivered. A table of kind "candle" in a warm-up batch tells the close before, at which quiet
  candles stay on dense exchanges. `complete_from_us` without rows says that trades are complete
  from then on; without any, candles begin at the first whole one after the first row.
- **Backfilled trades** after a reconnect are ordinary trade events, without doubles, in order of
  exchange time, *before* any newer trade: hold the new ones back until the backfill is there.
  Trades are never sorted into the past: one that is older than a closed candle counts as late.
- **What can't be had** is `Gap(exchange, symbol, since_us, received_us, 0, subject="trade",
  since_us=…, until_us=…, reason="disconnected")`, at its place among the events. A gap of trades
  takes the candles that it touches with it: the feed tells these as gaps too, never as candles.
- **Order books** are whole books, never deltas: apply deltas in the channel and yield the book that
  results. When a sequence number is skipped, yield nothing until a new snapshot stands, then a
  `Gap` with subject "order_book" and reason "resync", then the new book.
- **States**: `State(exchange, "", timestamp_us, received_us, 0, state="reconnecting", reason=…)`
  when the connection is lost and `state="running"` when data flow again; each "reconnecting" counts
  as a reconnect in `health()`. The feed itself tells "starting", "running" (first batch), "paused",
  "stopped", "ended" and "failed".
- **The end**: return when there is nothing more, raise when the channel can't go on. The feed
  closes the generator (`aclose`) when it is stopped: release connections in `finally`. `batches`
  may be called again after that and begins anew.
- **Pausing**: a live channel is read on while its feed is paused; what it yields is counted, makes
  candles, and waits in the buffers of the listeners. Others aren't read; one with a clock of its
  own has `pause()` and `resume()`, which are called in the loop thread.
- **Before the loop**: attributes are read in the thread of the caller, so they must not block.
  Tests: `gekko_lab.feeds.feed.Feed(channel, kinds)` runs any channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Sequence

    import polars as pl

    from gekko_lab.events.types import Event, MarketKind
    from gekko_lab.market.timeframe import Timeframe


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one kind and symbol, ascending in time.

    Attributes
    ----------
    kind, symbol : str
        What and where.
    frame : polars.DataFrame
        In the columns of `TRADES`, `CANDLES_FULL`, `ORDER_BOOK` or `TICKER`; perhaps `received`.
    """

    kind: MarketKind
    symbol: str
    frame: pl.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What came at once.

    Attributes
    ----------
    events : sequence of Event
        In the order of delivery; their `sequence` is set by the feed.
    tables : sequence of Table
        Merged by exchange time, at the same time in the order: candles (at their close), gaps,
        trades, order books, tickers, each by the order of the channel's symbols.
    clock_us : int or None
        Exchange time that all symbols have reached.
    received_us : int or None
        When the rows of the tables came; None for now.
    warmup : bool
        Only for the making of candles, not to be delivered.
    complete_from_us : int or None
        From when on the trades of all symbols are complete.
    """

    events: Sequence[Event] = ()
    tables: Sequence[Table] = ()
    clock_us: int | None = None
    received_us: int | None = None
    warmup: bool = False
    complete_from_us: int | None = None


class Told(Protocol):
    """Which markets there are, and how their candles come."""

    @property
    def exchange(self) -> str:
        """The name that events bear."""

    @property
    def symbols(self) -> Sequence[str]:
        """The markets, in the order in which events of one moment are told."""

    @property
    def width(self) -> Timeframe | None:
        """The timeframe of its candles; None when there are none."""

    @property
    def builds(self) -> Collection[str]:
        """The symbols whose candles the feed builds from trades.

        The channel yields their trades also where only candles are wanted; the feed leaves them
        out. Candles of other symbols come as tables or events.
        """

    @property
    def dense(self) -> bool:
        """Whether candles without trades exist: flat at the last close, volume 0."""


class Channel(Told, Protocol):
    """A market that tells what happens in it."""

    @property
    def grace_us(self) -> int:
        """How long after its end a candle waits for trades that come late."""

    @property
    def live(self) -> bool:
        """Whether the market goes on without us, so that a full buffer must drop something."""

    @property
    def clocked(self) -> bool:
        """Whether exchange times are of now, so that their distance to `received` is a latency."""

    def batches(self) -> AsyncGenerator[Batch, None]:
        """Begin, and give what happens."""


@runtime_checkable
class Pausable(Protocol):
    """A channel whose clock can stand still; called in the loop thread."""

    def pause(self) -> None:
        """Let the clock stand still."""

    def resume(self) -> None:
        """Let it go on."""

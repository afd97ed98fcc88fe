"""What every source of market data can be asked; `fetching` needs no more than this."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

    from gekko_lab.market.rules import MarketRules
    from gekko_lab.market.spans import Span
    from gekko_lab.market.timeframe import Timeframe

REPLAY = "replay:"
"""Before the identity of a source: what the data log holds of it, without asking it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """How an exchange hands out its candles.

    Attributes
    ----------
    page_size : int
        The most candles that one answer holds.
    jumps : bool
        A page that begins in a gap goes on with the candles after it, so an answer also tells
        where the next candle is. Otherwise a page is a window of time, empty in a gap.
    dense : bool
        Every candle exists, also those without a trade, so a missing one is remarkable.
    reach : int or None
        Only the newest so many candle widths of time are served; older ones are refused.
    newest_only : bool
        Only one page exists, the newest, whatever is asked for; `Page.oldest` tells its begin.
    exact : bool
        The rules are known; otherwise they are guessed and the answer is only checked.
    anchor : int or None
        The open time that fixed widths count from where it isn't the usual one.
    settles_ms : int
        How long after its close a candle may still be corrected.
    """

    page_size: int
    jumps: bool = False
    dense: bool = False
    reach: int | None = None
    newest_only: bool = False
    exact: bool = True
    anchor: int | None = None
    settles_ms: int = 2000


@dataclass(frozen=True, slots=True)
class Page:
    """One answer.

    Attributes
    ----------
    frame : polars.DataFrame
        Full candles of the window that was asked for, ascending, as the exchange gave them.
    resumes_at : int or None
        The open time of the first candle after the window, where the answer shows it.
    oldest : int or None
        The open time before which the exchange serves nothing, where the answer shows that.
    """

    frame: pl.DataFrame
    resumes_at: int | None = None
    oldest: int | None = None


@dataclass(frozen=True, slots=True)
class TradeCursor:
    """Where the next page of trades begins: at a time, or at an id where the exchange has them."""

    time: int
    id: str | None = None


@dataclass(frozen=True, slots=True)
class TradePage:
    """One answer of trades, ascending, and where to go on; None when these were the newest."""

    frame: pl.DataFrame
    following: TradeCursor | None


@runtime_checkable
class Source(Protocol):
    """An exchange, simulated or real, that answers one page at a time.

    Times are milliseconds UTC. A method raises `SourceError` when the exchange fails; retrying,
    paging and checking are done by whoever asks. `gekko_lab.sources.contract.check_source` tells
    whether a class keeps to these rules.
    """

    @property
    def exchange(self) -> str:
        """The name that messages and tables use."""

    @property
    def identity(self) -> str:
        """The name and a fingerprint of everything that changes the data."""

    @property
    def foresees(self) -> bool:
        """Whether candles of the future can be asked for, by an explicit `until`."""

    @property
    def logged(self) -> bool:
        """Whether what is fetched goes into the data log unless the user says otherwise."""

    def now(self) -> int:
        """Give the exchange's clock."""

    def rules(self) -> Mapping[str, MarketRules]:
        """Give every market by its symbol."""

    def market(self, symbol: str) -> MarketRules:
        """Give one market, or raise `UnknownSymbol` with the nearest names."""

    def timeframes(self) -> Sequence[str]:
        """Give the names of the candle widths that are served, shortest first."""

    def paging(self, symbol: str, timeframe: Timeframe) -> Paging:
        """Tell how candles of this market are handed out."""

    def candles(
        self, symbol: str, timeframe: Timeframe, since: int, until: int, *, full: bool = False
    ) -> Page:
        """Give the candles that open in [since, until), which holds at most a page of them.

        `full` asks for quote volume and trade count also where they cost more.
        """

    def trades(self, symbol: str, cursor: TradeCursor, until: int) -> TradePage:
        """Give the next page of trades from the cursor on; those from `until` on may be absent."""

    def oldest_trade(self, symbol: str, since: int) -> int | None:
        """Tell from when on trades are served, if that is later than `since`; else None."""


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """A file of an archive, and what it is to hold.

    Attributes
    ----------
    url : str
        Where it lies.
    span : Span
        The open times of its candles, on the grid, or the times of its trades.
    timeframe : Timeframe or None
        The width of its candles; None for trades.
    """

    url: str
    span: Span
    timeframe: Timeframe | None = None


class Archive(Protocol):
    """Files with the old candles and trades of one market, as an exchange publishes them.

    Which files there should be is told without asking. A method that reads one gives None when it
    isn't there, and raises `SourceError` when it can't be had or can't be trusted.
    """

    @property
    def bytes_a_row(self) -> float:
        """About how large a candle is, as it is downloaded."""

    def files(self, timeframe: Timeframe, span: Span, *, now: int) -> Sequence[ArchiveFile]:
        """Give the files with candles of a span that should be published; they may overlap."""

    def candles(self, file: ArchiveFile) -> pl.DataFrame | None:
        """Give the full candles of a file, checked against its checksum and the rules of candles.

        Rows may be missing.
        """

    def trade_days(self, span: Span, *, now: int) -> Sequence[ArchiveFile]:
        """Give the files with trades of the days of a span that should be published."""

    def trades(self, file: ArchiveFile) -> pl.DataFrame | None:
        """Give the trades of a file, checked against its checksum and the rules of trades.

        Ids follow each other.
        """


@runtime_checkable
class Archived(Protocol):
    """A source whose old candles and trades also lie in files that cost less than pages."""

    def archive(self, symbol: str) -> Archive | None:
        """Give the files of a market, or None where it has none."""

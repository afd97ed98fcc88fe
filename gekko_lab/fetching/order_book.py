"""`fetch_order_book`: what is bid and asked at a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from gekko_lab.errors import InvalidArgument, UnsupportedBySource
from gekko_lab.fetching.asking import ask
from gekko_lab.frames.convert import to_frame
from gekko_lab.market.moments import read_time
from gekko_lab.settings import reads_as
from gekko_lab.sources.live import LiveSource
from gekko_lab.sources.registry import find_source

if TYPE_CHECKING:
    import polars as pl

    from gekko_lab.market.moments import TimeLike
    from gekko_lab.settings import FrameKind
    from gekko_lab.sources.source import Source


@runtime_checkable
class BookSource(Protocol):
    """A source that knows its order book at any time."""

    def order_book(self, symbol: str, time: int, depth: int) -> pl.DataFrame:
        """Give the book at a time (milliseconds UTC) in the columns of `ORDER_BOOK`."""


def fetch_order_book(
    exchange: str | Source,
    symbol: str,
    *,
    at: TimeLike | None = None,
    depth: int = 20,
    frame: FrameKind | None = None,
) -> Any:  # noqa: ANN401 (the frame option decides)
    """Give the order book of a market at a moment.

    An exchange shows the one of now; the simulator has one at any time since 2010,
    `ExchangeReplay` at any time of its recording, "replay:binance" the last one that the data log
    holds.

    Parameters
    ----------
    exchange
        A name such as "simulator", or a source such as `ExchangeSimulator("thin")`.
    symbol
        A name from `symbols(exchange)`, such as "BTC/USDT".
    at
        The moment, as `fetch` reads times; by default now, the only one of exchanges.
    depth
        Levels on each side, if there are so many.
    frame
        "polars" or "pandas"; by default `options.frame`.

    Returns
    -------
    polars.DataFrame or pandas.DataFrame
        Bids, then asks, each from the best outwards. Columns: timestamp (the moment, UTC, or that
        of the exchange's or the log's answer; the index in pandas), side ("bid" or "ask"), level
        (from 1), price (float, quote per base), amount (float, base).

    Raises
    ------
    RequestError
        When the request can't be answered, such as `UnsupportedBySource` for a past book of an
        exchange, and `NotInLog`.
    SourceError
        When the exchange fails; what may pass is waited out first.

    Examples
    --------
    >>> import gekko_lab
    >>> book = gekko_lab.fetch_order_book("simulator", "BTC/USDT", at="2024-01-01", depth=3)
    >>> book["side"].to_list()
    ['bid', 'bid', 'bid', 'ask', 'ask', 'ask']
    """
    kind = reads_as("frame", frame)
    source = find_source(exchange)
    if isinstance(source, BookSource):
        time = moment_of(source, at)
        return to_frame(source.order_book(symbol, time, depth), kind)
    if isinstance(source, LiveSource):
        refuse_past(source, at, "order book")
        _check_depth(depth)
        return to_frame(ask(lambda: source.order_book_now(symbol, depth)), kind)
    raise UnsupportedBySource(
        f"{source.exchange} serves no order book here; 'simulator' does, at any time since 2010"
    )


def _check_depth(depth: object) -> None:
    if isinstance(depth, bool) or not isinstance(depth, int) or depth < 1:
        raise InvalidArgument(f"depth={depth!r}: give a number of levels from 1 on")


def moment_of(source: Source, at: TimeLike | None) -> int:
    """Read `at`, which is now by default."""
    now = ask(source.now)
    return now if at is None else read_time(at, now=now, name="at")


def refuse_past(source: Source, at: TimeLike | None, what: str) -> None:
    """Raise where a moment is asked for that an exchange doesn't serve."""
    if at is not None:
        raise UnsupportedBySource(
            f"{source.exchange} serves its {what} of now alone: leave `at` out, or record it and "
            f"ask 'replay:{source.exchange}'"
        )

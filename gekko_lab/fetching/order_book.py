"""`fetch_order_book`: what is bid and asked at a moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from gekko_lab.errors import UnsupportedBySource
from gekko_lab.fetching.asking import ask
from gekko_lab.frames.convert import to_frame
from gekko_lab.market.moments import read_time
from gekko_lab.settings import reads_as
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

    The simulator has one at any time since 2010, `ExchangeReplay` at any time of its recording;
    other exchanges' aren't served yet.

    Parameters
    ----------
    exchange
        A name such as "simulator", or a source such as `ExchangeSimulator("thin")`.
    symbol
        A name from `symbols(exchange)`, such as "BTC/USDT".
    at
        The moment, as `fetch` reads times; by default now.
    depth
        Levels on each side.
    frame
        "polars" or "pandas"; by default `options.frame`.

    Returns
    -------
    polars.DataFrame or pandas.DataFrame
        Bids, then asks, each from the best outwards. Columns: timestamp (the moment, UTC; the
        index in pandas), side ("bid" or "ask"), level (from 1), price (float, quote per base),
        amount (float, base).

    Raises
    ------
    RequestError
        When the request can't be answered, such as `UnsupportedBySource` for other exchanges.

    Examples
    --------
    >>> import gekko_lab
    >>> book = gekko_lab.fetch_order_book("simulator", "BTC/USDT", at="2024-01-01", depth=3)
    >>> book["side"].to_list()
    ['bid', 'bid', 'bid', 'ask', 'ask', 'ask']
    """
    kind = reads_as("frame", frame)
    source = find_source(exchange)
    if not isinstance(source, BookSource):
        raise UnsupportedBySource(
            f"{source.exchange} serves no order book here; 'simulator' does, at any time since 2010"
        )
    now = ask(source.now)
    time = now if at is None else read_time(at, now=now, name="at")
    return to_frame(source.order_book(symbol, time, depth), kind)

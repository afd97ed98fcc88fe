"""`fetch_ticker`: the best quotes, the last price and the volume of a day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gekko_lab.errors import UnsupportedBySource
from gekko_lab.fetching.asking import ask
from gekko_lab.fetching.order_book import BookSource, moment_of, refuse_past
from gekko_lab.fetching.tickers import ticker_at
from gekko_lab.frames.convert import to_frame
from gekko_lab.settings import reads_as
from gekko_lab.sources.live import LiveSource
from gekko_lab.sources.log_replay import LogReplay
from gekko_lab.sources.registry import find_source

if TYPE_CHECKING:
    from gekko_lab.market.moments import TimeLike
    from gekko_lab.settings import FrameKind
    from gekko_lab.sources.source import Source


def fetch_ticker(
    exchange: str | Source,
    symbol: str,
    *,
    at: TimeLike | None = None,
    frame: FrameKind | None = None,
) -> Any:  # noqa: ANN401 (the frame option decides)
    """Give the ticker of a market at a moment.

    An exchange shows the one of now; the simulator has one at any time since 2010,
    `ExchangeReplay` at any time of its recording, "replay:binance" the last one that the data log
    holds.

    Parameters
    ----------
    exchange
        A name such as "binance" or "simulator", or a source such as `ExchangeSimulator("thin")`.
    symbol
        A name from `symbols(exchange)`, such as "BTC/USDT".
    at
        The moment, as `fetch` reads times; by default now, the only one of exchanges.
    frame
        "polars" or "pandas"; by default `options.frame`.

    Returns
    -------
    polars.DataFrame or pandas.DataFrame
        One row. Columns: timestamp (UTC; the index in pandas), bid, ask and last (float, quote per
        base), volume (float, base, of the last 24 hours; of a simulated market with the minute
        that runs on top); null where the exchange doesn't tell.

    Raises
    ------
    RequestError
        When the request can't be answered, such as `UnsupportedBySource` for a past ticker of an
        exchange, and `NotInLog`.
    SourceError
        When the exchange fails; what may pass is waited out first.

    Examples
    --------
    >>> import gekko_lab
    >>> ticker = gekko_lab.fetch_ticker("simulator", "BTC/USDT", at="2024-01-01T12:00")
    >>> (ticker["bid"] < ticker["ask"]).item()
    True
    """
    kind = reads_as("frame", frame)
    source = find_source(exchange)
    if isinstance(source, LogReplay):
        return to_frame(source.ticker(symbol, moment_of(source, at)), kind)
    if isinstance(source, BookSource):
        source.market(symbol)
        return to_frame(ticker_at(source, symbol, moment_of(source, at)), kind)
    if isinstance(source, LiveSource):
        refuse_past(source, at, "ticker")
        return to_frame(ask(lambda: source.ticker_now(symbol)), kind)
    raise UnsupportedBySource(
        f"{source.exchange} serves no ticker here; 'simulator' does, at any time since 2010"
    )

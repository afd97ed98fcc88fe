"""ExchangeReplay: recorded candles as an exchange, with trades and an order book made to fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gekko_lab.frames.schemas import TRADES, empty
from gekko_lab.market.moments import show_time
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.simulation.recorded_market import RecordedMarket
from gekko_lab.simulation.recorded_series import fits
from gekko_lab.sources.exchange_simulator import TIMEFRAMES
from gekko_lab.sources.source import Page, Paging, TradeCursor, TradePage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

    from gekko_lab.market.rules import MarketRules

_PAGE_ROWS = 200_000
_PAGE_TRADES = 100_000


class ExchangeReplay:
    """An exchange whose past is what was recorded, and whose clock stands at its end.

    It goes wherever the name of an exchange goes. Candles of the recorded width are the recorded
    rows, bit for bit; longer ones are joined from them as `resample` does. Where nothing was
    recorded there is a gap, which `fetch` tells of. What candles don't show is made up, the same
    way every time: trades as `trades_from_candles` makes them, which add up to each candle exactly;
    shorter candles out of these trades, flat at the last price where nothing is traded; and an
    order book that agrees with the trade before and after, as the simulator's does.

    Parameters
    ----------
    candles : mapping of str to polars or pandas frame
        The candles of each symbol, all of one width, such as `{"BTC/USDT": candles}`; quote volume
        and trade count may be among the columns.
    seed
        Chooses one of the possible tapes.
    timeframe
        Width of the candles; by default the one that their spacing shows. Weeks at most.
    trades_per_candle
        Trades of a candle with the mean volume; 30 by default, without a column `trade_count`.

    Raises
    ------
    DataError
        When a row is no possible candle; names the symbol and the row.
    InvalidArgument
        When a symbol, width or other parameter can't be used.

    See Also
    --------
    gekko_lab.calibrate : A simulated market that resembles recorded candles.

    Examples
    --------
    >>> import gekko_lab
    >>> hours = gekko_lab.fetch("simulator", "ETH/USDT", "1h", since="2024-01-01", limit=48)
    >>> recorded = gekko_lab.ExchangeReplay({"ETH/USDT": hours})
    >>> gekko_lab.fetch(recorded, "ETH/USDT", "1h", limit=48).equals(hours)
    True
    >>> trades = gekko_lab.fetch_trades(recorded, "ETH/USDT", since="2024-01-02")
    >>> trades["price"].max() == hours["high"][24:].max()
    True
    >>> gekko_lab.fetch_order_book(recorded, "ETH/USDT", at="2024-01-01T12:30", depth=2).height
    4
    """

    exchange = "replay"
    foresees = False
    logged = False

    def __init__(
        self,
        candles: Mapping[str, object],
        *,
        seed: int = 0,
        timeframe: str | None = None,
        trades_per_candle: float | None = None,
    ) -> None:
        self._seed = seed
        self._market = RecordedMarket(
            candles, seed=seed, timeframe=timeframe, trades_per_candle=trades_per_candle
        )
        self._now = max(self._market.span(symbol).until for symbol in self._market.rules)

    @property
    def identity(self) -> str:
        """The name and a fingerprint of the recorded rows, seed and settings."""
        return f"{self.exchange}-{self._market.fingerprint}"

    def now(self) -> int:
        """Give the end of the recording."""
        return self._now

    def rules(self) -> Mapping[str, MarketRules]:
        """Give every market by its symbol; steps are those that the recorded numbers show."""
        return self._market.rules

    def market(self, symbol: str) -> MarketRules:
        """Give one market, or raise `UnknownSymbol` with the nearest names."""
        return self._market.series(symbol).rules

    def timeframes(self) -> Sequence[str]:
        """Give the names of the candle widths that are served, shortest first."""
        width = self._market.width
        names = {*TIMEFRAMES, str(width)}
        served = [name for name in names if fits(width, Timeframe.parse(name))]
        return sorted(served, key=lambda name: Timeframe.parse(name).shortest)

    def paging(self, symbol: str, timeframe: Timeframe) -> Paging:
        """Tell how candles are handed out; nobody knows why a recording lacks some."""
        del symbol
        rows = max(1, timeframe.shortest // self._market.width.shortest)
        return Paging(
            page_size=max(1, _PAGE_ROWS // rows), jumps=True, dense=True, exact=False, settles_ms=0
        )

    def candles(
        self, symbol: str, timeframe: Timeframe, since: int, until: int, *, full: bool = False
    ) -> Page:
        """Give the candles that open in [since, until)."""
        del full  # what wasn't recorded isn't known
        series = self._market.series(symbol)
        return Page(
            series.candles(timeframe, since, until),
            resumes_at=series.resumes_at(timeframe, until),
        )

    def trades(self, symbol: str, cursor: TradeCursor, until: int) -> TradePage:
        """Give the trades of the next rows from the cursor on."""
        end = self._market.series(symbol).traded_until(cursor.time, _PAGE_TRADES)
        if end is None:
            return TradePage(empty(TRADES), None)
        frame = self._market.trades(symbol, cursor.time, min(end, until))
        goes_on = end < min(until, self._market.span(symbol).until)
        return TradePage(
            frame.with_columns(id=frame["id"].cast(str)), TradeCursor(end) if goes_on else None
        )

    def order_book(self, symbol: str, time: int, depth: int = 20) -> pl.DataFrame:
        """Give the order book at a time in milliseconds UTC, `depth` levels a side.

        Returns
        -------
        polars.DataFrame
            Bids, then asks, each from the best outwards, in the columns of `ORDER_BOOK`.
        """
        return self._market.order_book(symbol, time, depth)

    def oldest_trade(self, symbol: str, since: int) -> int | None:
        """Tell when the recording begins, where that is later than `since`."""
        begin = self._market.span(symbol).since
        return begin if since < begin else None

    def __repr__(self) -> str:
        names = list(self._market.rules)
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")  # noqa: PLR2004
        begin = min(self._market.span(symbol).since for symbol in names)
        return (
            f"<ExchangeReplay of {shown}, {self._market.width}, from {show_time(begin)} to "
            f"{show_time(self._now)}, seed={self._seed}>"
        )

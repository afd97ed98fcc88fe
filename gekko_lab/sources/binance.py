"""Binance's own rows, decoded straight into columns.

Columns of klines and fields of aggTrades: Binance spot and USD-M futures API documents, 2026-07.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from gekko_lab.errors import BadResponse
from gekko_lab.frames.checks import as_time
from gekko_lab.frames.schemas import CANDLES_FULL, SIDE, TRADES
from gekko_lab.sources.source import Page, TradeCursor, TradePage

if TYPE_CHECKING:
    from gekko_lab.market.timeframe import Timeframe
    from gekko_lab.sources.ccxt_client import Client

EXCHANGES = ("binance", "binanceus", "binanceusdm")

TRADE_PAGE = 1000

_Kline = tuple[
    int, float, float, float, float, float, msgspec.Raw, float, int, msgspec.Raw, msgspec.Raw,
    msgspec.Raw,
]  # fmt: skip
_COLUMNS = {
    "timestamp": 0,
    "open": 1,
    "high": 2,
    "low": 3,
    "close": 4,
    "volume": 5,
    "quote_volume": 7,
    "trade_count": 8,
}


class _AggTrade(msgspec.Struct):
    a: int
    p: float
    q: float
    T: int
    m: bool


_KLINES = msgspec.json.Decoder(list[_Kline], strict=False)
_AGG_TRADES = msgspec.json.Decoder(list[_AggTrade], strict=False)


def serves(exchange: str, market: dict[str, Any]) -> bool:
    """Tell whether this market's rows are read here."""
    return exchange in EXCHANGES and bool(market.get("spot") or market.get("linear"))


def candles(
    client: Client,
    market: dict[str, Any],
    timeframe: Timeframe,
    window: tuple[int, int],
    page_size: int,
) -> Page:
    """Give the page of candles that begins at the window's since.

    Without an end in the request the exchange goes on behind a gap, so the rows that lie past
    the window tell where the next candle is.
    """
    since, until = window
    most = min(page_size, timeframe.between(since, until) + 1)
    asked = f"candles of {market['symbol']} {timeframe}"
    with client.asking(asked) as ccxt, client.decoding(_KLINES.decode):
        ask = ccxt.publicGetKlines if market.get("spot") else ccxt.fapiPublicGetKlines
        rows = ask(
            {
                "symbol": market["id"],
                "interval": ccxt.timeframes[str(timeframe)],
                "startTime": since,
                "limit": most,
            }
        )
    frame = _candle_frame(rows)
    opens = frame["timestamp"]
    beyond = opens.filter(opens >= until)
    return Page(
        frame.filter(pl.col("timestamp") < until).with_columns(as_time()),
        resumes_at=int(beyond[0]) if len(beyond) else None,
    )


def trades(client: Client, market: dict[str, Any], cursor: TradeCursor) -> TradePage:
    """Give the aggregate trades from the cursor's id on, or from its time where it has none.

    Ids that follow each other lose nothing, where many trades share a millisecond or none comes
    for hours.
    """
    start = {"startTime": cursor.time} if cursor.id is None else {"fromId": int(cursor.id)}
    with (
        client.asking(f"trades of {market['symbol']}") as ccxt,
        client.decoding(_AGG_TRADES.decode),
    ):
        ask = ccxt.publicGetAggTrades if market.get("spot") else ccxt.fapiPublicGetAggTrades
        rows = ask({"symbol": market["id"], "limit": TRADE_PAGE, **start})
    frame = _trade_frame(rows)
    if frame.is_empty():
        return TradePage(frame, None)
    following = TradeCursor(rows[-1].T, str(rows[-1].a + 1))
    return TradePage(frame, following)


def _candle_frame(rows: list[_Kline]) -> pl.DataFrame:
    schema = {**dict(CANDLES_FULL), "timestamp": pl.Int64()}
    if not rows:
        return pl.DataFrame(schema=schema)
    columns = tuple(zip(*rows, strict=True))
    return pl.DataFrame(
        [
            pl.Series(name, columns[place], dtype=schema[name], strict=True)
            for name, place in _COLUMNS.items()
        ]
    )


def _trade_frame(rows: list[_AggTrade]) -> pl.DataFrame:
    if not isinstance(rows, list):
        raise BadResponse(f"a list of trades was expected, not {type(rows).__name__}")
    return (
        pl.DataFrame(
            {
                "timestamp": pl.Series([row.T for row in rows], dtype=pl.Int64),
                "id": pl.Series([str(row.a) for row in rows], dtype=pl.String),
                # the buyer was the maker, so the taker sold
                "side": pl.Series(["sell" if row.m else "buy" for row in rows], dtype=SIDE),
                "price": pl.Series([row.p for row in rows], dtype=pl.Float64),
                "amount": pl.Series([row.q for row in rows], dtype=pl.Float64),
            }
        )
        .with_columns(as_time())
        .select(TRADES.names())
    )

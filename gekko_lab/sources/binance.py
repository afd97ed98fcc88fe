"""Binance's own rows, decoded straight into columns.

Columns of klines and fields of aggTrades: Binance spot and USD-M futures API documents, 2026-07.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import polars as pl

from gekko_lab.errors import BadResponse
from gekko_lab.frames.schemas import CANDLES_FULL, TIME, TRADES, empty
from gekko_lab.frames.soundness import microseconds
from gekko_lab.sources.source import Page, TradeCursor, TradePage
from gekko_lab.sources.trade_rows import confirmed, trade_frame

if TYPE_CHECKING:
    from gekko_lab.market.timeframe import Timeframe
    from gekko_lab.sources.ccxt_client import Client

EXCHANGES = ("binance", "binanceus", "binanceusdm")

TRADE_PAGE = 1000


class _Kline(msgspec.Struct, array_like=True, gc=False):
    """A row up to the last column that is used; msgspec skips the rest.

    Rows without the collector's bookkeeping, read by name, cost half of tuples and zip.
    """

    timestamp: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    close_time: msgspec.Raw
    quote_volume: float
    trade_count: int


class _AggTrade(msgspec.Struct, gc=False):
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
    times, end = microseconds(frame), until * 1000
    beyond = times[times >= end]
    if not len(beyond):
        return Page(frame)
    resumes_at = int(beyond.min()) // 1000  # nobody checks the order of those rows
    return Page(frame.filter(frame["timestamp"].to_physical() < end), resumes_at)


def trades(client: Client, market: dict[str, Any], cursor: TradeCursor) -> TradePage:
    """Give the aggregate trades from the cursor's id on, or from its time where it has none.

    Ids that follow each other lose nothing, where many trades share a millisecond or none comes
    for hours.
    """
    first = None if cursor.id is None else int(cursor.id)
    start = {"startTime": cursor.time} if first is None else {"fromId": first}
    rows = confirmed(
        lambda: _ask_trades(client, market, {"limit": TRADE_PAGE, **start}, first or 0),
        lambda rows: [row.a for row in rows],
        TRADE_PAGE,
        None if first is None else first - 1,
    )
    rows = rows or _behind_nothing(client, market, cursor)
    if not rows:
        return TradePage(empty(TRADES), None)
    following = TradeCursor(rows[-1].T, str(rows[-1].a + 1))
    with client.asking(f"trades of {market['symbol']}"):
        return TradePage(_trade_frame(rows), following)


def _behind_nothing(client: Client, market: dict[str, Any], cursor: TradeCursor) -> list[_AggTrade]:
    """Ask again where no trade is said to follow, in a way that shows when that is wrong."""
    if cursor.id is not None:
        last = int(cursor.id) - 1  # it came already, so the answer begins with it
        rows = _ask_trades(client, market, {"limit": TRADE_PAGE, "fromId": last}, last)
        if rows:
            return [row for row in rows if row.a > last]
    else:
        where = {"limit": TRADE_PAGE, "startTime": cursor.time}
        rows = _ask_trades(client, market, where, 0)
        newest = rows or _ask_trades(client, market, {"limit": 1}, 0)
        if rows or not any(cursor.time <= row.T for row in newest):
            return rows
    raise BadResponse(
        f"{client.exchange} says that no trades of {market['symbol']} follow, and has some; "
        "try again"
    )


def _ask_trades(
    client: Client, market: dict[str, Any], where: dict[str, int], first: int
) -> list[_AggTrade]:
    with (
        client.asking(f"trades of {market['symbol']}") as ccxt,
        client.decoding(_AGG_TRADES.decode),
    ):
        ask = ccxt.publicGetAggTrades if market.get("spot") else ccxt.fapiPublicGetAggTrades
        rows: list[_AggTrade] = ask({"symbol": market["id"], **where})
        _check_ids(rows, first)
        return rows


def _candle_frame(rows: list[_Kline]) -> pl.DataFrame:
    values: dict[str, list[Any]] = {
        "open": [row.open for row in rows],
        "high": [row.high for row in rows],
        "low": [row.low for row in rows],
        "close": [row.close for row in rows],
        "volume": [row.volume for row in rows],
        "quote_volume": [row.quote_volume for row in rows],
        "trade_count": [row.trade_count for row in rows],
    }
    opens = pl.Series("timestamp", [row.timestamp for row in rows], dtype=pl.Int64)
    columns = [pl.Series(name, values[name], dtype=CANDLES_FULL[name]) for name in values]
    return pl.DataFrame([(opens * 1000).cast(TIME), *columns])


def _check_ids(rows: list[_AggTrade], first: int) -> None:
    """Raise where ids don't grow from the asked one on, as then the next page wouldn't either."""
    ids = np.array([first - 1, *(row.a for row in rows)], dtype=np.int64)
    falls = np.flatnonzero(np.diff(ids) <= 0)
    if len(falls):
        before, came = ids[falls[0]], ids[falls[0] + 1]
        raise BadResponse(f"trade {came} came where {before + 1} or later was due; try again")


def _trade_frame(rows: list[_AggTrade]) -> pl.DataFrame:
    return trade_frame(
        pl.Series([row.T for row in rows], dtype=pl.Int64) * 1000,
        pl.Series([row.a for row in rows], dtype=pl.Int64),
        # the buyer was the maker, so the taker sold
        ["sell" if row.m else "buy" for row in rows],
        [row.p for row in rows],
        [row.q for row in rows],
    )

"""Pages of any exchange through ccxt's unified methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from gekko_lab.errors import BadResponse
from gekko_lab.frames.checks import as_time
from gekko_lab.frames.schemas import CANDLES, CANDLES_FULL, SIDE, TRADES, empty
from gekko_lab.sources.source import Page, TradeCursor, TradePage

if TYPE_CHECKING:
    from gekko_lab.market.timeframe import Timeframe
    from gekko_lab.sources.capabilities import Capability
    from gekko_lab.sources.ccxt_client import Client

_SIDES = ("buy", "sell")


def candles(
    client: Client,
    market: dict[str, Any],
    timeframe: Timeframe,
    window: tuple[int, int],
    known: Capability,
) -> Page:
    """Give the candles of the window, or of the newest page where that is all there is."""
    since, until = window
    wanted = timeframe.between(since, until)
    asked = f"candles of {market['symbol']} {timeframe}"
    with client.asking(asked) as ccxt, client.decoding():
        rows = ccxt.fetch_ohlcv(
            market["symbol"],
            str(timeframe),
            since,
            None if known.newest_only else min(wanted, known.page_size),
            {"until": until - 1} if known.sends_until else {},
        )
        frame = _in_order(_candle_frame(rows), known)
    opens = frame["timestamp"]
    beyond = opens.filter(opens >= until)
    inside = frame.filter(pl.col("timestamp") < until)
    if known.newest_only or not known.exact:  # rows from before the window are no fault there
        inside = inside.filter(pl.col("timestamp") >= since)
    full = known.newest_only and len(frame) >= known.page_size - 1
    return Page(
        inside.with_columns(as_time()).select(CANDLES_FULL.names()),
        resumes_at=min(beyond, default=None),  # nobody checks the order of those rows
        oldest=int(opens[0]) if full else None,
    )


def trades(
    client: Client, market: dict[str, Any], cursor: TradeCursor, page_size: int
) -> TradePage:
    """Give the trades from the cursor's time on.

    The next page begins at the last one's time, not behind it, as more trades may share that
    millisecond; whoever joins the pages leaves the repeated ones out.
    """
    with client.asking(f"trades of {market['symbol']}") as ccxt, client.decoding():
        frame = _trade_frame(ccxt.fetch_trades(market["symbol"], cursor.time, page_size))
    frame = frame.filter(pl.col("timestamp") >= cursor.time)
    if frame.is_empty():
        return TradePage(frame.with_columns(as_time()), None)
    last = int(frame["timestamp"][-1])
    if last > cursor.time:
        return TradePage(frame.with_columns(as_time()), TradeCursor(last))
    if len(frame) >= page_size or _has_newer(client, market, last, page_size):
        raise BadResponse(
            f"{client.exchange} gives {len(frame)} trades of {market['symbol']} in one "
            "millisecond and no way past them"
        )
    return TradePage(frame.with_columns(as_time()), None)


def _has_newer(client: Client, market: dict[str, Any], time: int, page_size: int) -> bool:
    """Tell whether trades follow that a page which holds but one moment should have held."""
    with client.asking(f"trades of {market['symbol']}") as ccxt, client.decoding():
        frame = _trade_frame(ccxt.fetch_trades(market["symbol"], time + 1, page_size))
    return bool((frame["timestamp"] > time).any())


def oldest_trade(client: Client, market: dict[str, Any], since: int, page_size: int) -> int | None:
    """Tell from when on trades are served, where the exchange ignores `since`; else None."""
    with client.asking(f"trades of {market['symbol']}") as ccxt, client.decoding():
        new = _trade_frame(ccxt.fetch_trades(market["symbol"], None, page_size))
        # asked later, so that trades which come in between don't make it look older
        old = _trade_frame(ccxt.fetch_trades(market["symbol"], since, page_size))
    if old.is_empty() or new.is_empty() or new["timestamp"][0] <= since:
        return None
    heeded = old["timestamp"][0] < new["timestamp"][0]
    return None if heeded else int(new["timestamp"][0])


def _candle_frame(rows: list[list[Any]]) -> pl.DataFrame:
    schema = {**dict(CANDLES_FULL), "timestamp": pl.Int64()}
    if not rows:
        return pl.DataFrame(schema=schema)
    names = CANDLES.names()
    try:
        columns = dict(
            zip(names, zip(*(row[: len(names)] for row in rows), strict=True), strict=True)
        )
        frame = pl.DataFrame({name: pl.Series(columns[name], dtype=schema[name]) for name in names})
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise BadResponse(f"rows that are no candles: {rows[:2]}; try again") from error
    _check_times(frame)
    return frame.with_columns(
        pl.lit(None, dtype=CANDLES_FULL[name]).alias(name)
        for name in CANDLES_FULL.names()[len(names) :]
    )


def _in_order(frame: pl.DataFrame, known: Capability) -> pl.DataFrame:
    """Turn an answer round where the exchange gives the newest first; never sort it."""
    newest_first = known.order == "descending"
    if known.order == "either" and len(frame) > 1:
        newest_first = bool(frame["timestamp"][0] > frame["timestamp"][-1])
    return frame.reverse() if newest_first else frame


def _trade_frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    if not rows:
        return empty({**dict(TRADES), "timestamp": pl.Int64()})
    sides = [row.get("side") for row in rows]
    frame = pl.DataFrame(
        {
            "timestamp": pl.Series([row["timestamp"] for row in rows], dtype=pl.Int64),
            "id": pl.Series([row.get("id") for row in rows], dtype=pl.String),
            "side": pl.Series([s if s in _SIDES else None for s in sides], dtype=SIDE),
            "price": pl.Series([row["price"] for row in rows], dtype=pl.Float64),
            "amount": pl.Series([row["amount"] for row in rows], dtype=pl.Float64),
        }
    )
    _check_times(frame)
    return frame


def _check_times(frame: pl.DataFrame) -> None:
    """Raise where a row has no time, as a comparison would drop it in silence."""
    if frame["timestamp"].null_count():
        row = frame.filter(pl.col("timestamp").is_null()).row(0, named=True)
        raise BadResponse(f"rows without a time, such as {row}; try again")

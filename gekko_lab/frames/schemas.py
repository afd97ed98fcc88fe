"""The columns of every kind of table; nothing else spells them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping

    from polars.datatypes import DataType, DataTypeClass

Columns: TypeAlias = "Mapping[str, DataType | DataTypeClass]"


def _schema(columns: Columns) -> pl.Schema:
    return pl.Schema(columns)


TIME: DataType = pl.Datetime("us", "UTC")
SIDE: DataType = pl.Enum(["buy", "sell"])

CANDLES = _schema(
    {
        "timestamp": TIME,
        "open": pl.Float64,
        "high": pl.Float64,
        "low": pl.Float64,
        "close": pl.Float64,
        "volume": pl.Float64,
    }
)
"""Open time; prices in quote per base; volume in base."""

CANDLES_FULL = _schema({**dict(CANDLES), "quote_volume": pl.Float64, "trade_count": pl.Int64})
"""Candles with the cost of all trades in quote and their number; null where unknown."""

TRADES = _schema(
    {
        "timestamp": TIME,
        "id": pl.String,
        "side": SIDE,
        "price": pl.Float64,
        "amount": pl.Float64,
    }
)
"""Exchange time; the exchange's id; the taker's side, null if unknown; quote per base; base."""

PRINTS = _schema({name: TRADES[name] for name in ("timestamp", "price", "amount")})
"""Trades as far as candles are made of them."""

SIMULATED_TRADES = _schema({**dict(TRADES), "id": pl.Int64})
"""Trades inside the simulator, whose ids are numbers."""

QUOTES = _schema(
    {
        "timestamp": TIME,
        "bid": pl.Float64,
        "ask": pl.Float64,
        "bid_amount": pl.Float64,
        "ask_amount": pl.Float64,
    }
)
"""The best bid and ask from a time on; quote per base, and base."""

BOOK_SIDE: DataType = pl.Enum(["bid", "ask"])

ORDER_BOOK = _schema(
    {
        "timestamp": TIME,
        "side": BOOK_SIDE,
        "level": pl.Int64,
        "price": pl.Float64,
        "amount": pl.Float64,
    }
)
"""The moment; bids, then asks, each from the best (level 1) outwards; quote per base; base."""

TICKER = _schema(
    {
        "timestamp": TIME,
        "bid": pl.Float64,
        "ask": pl.Float64,
        "last": pl.Float64,
        "volume": pl.Float64,
    }
)
"""Exchange time; best bid and ask and the last price in quote per base; base of a day."""


def streamed(schema: Columns) -> pl.Schema:
    """Give the columns of rows that a feed tells: where, what, when it came, and as which event."""
    return _schema({"symbol": pl.String, **schema, "received": TIME, "sequence": pl.Int64})


RECORDERS = _schema(
    {
        "exchange": pl.String,
        "symbol": pl.String,
        "state": pl.String,
        "events": pl.Int64,
        "events_per_second": pl.Float64,
        "rows": pl.Int64,
        "last_event": TIME,
        "gaps": pl.Int64,
        "restarts": pl.Int64,
        "error": pl.String,
        "worker": pl.Int64,
        "pid": pl.Int64,
    }
)
"""How the recording of each market is doing; last_event is by the clock of this machine."""

NOT_RECORDED = _schema(
    {
        "kind": pl.String,
        "exchange": pl.String,
        "symbol": pl.String,
        "timeframe": pl.String,
        "since": TIME,
        "until": TIME,
    }
)
"""Half-open ranges of time that the data log does not hold of a recording."""

RECORDINGS = _schema(
    {
        "exchange": pl.String,
        "symbols": pl.String,
        "kinds": pl.String,
        "timeframe": pl.String,
        "began": TIME,
        "bytes": pl.Int64,
        "file": pl.String,
    }
)
"""Files of events as they came; symbols and kinds are joined by commas."""

FEED_SERIES = _schema({"kind": pl.String, "symbol": pl.String, "events": pl.Int64, "last": TIME})
"""What a feed has told of each kind and symbol, and the exchange time of the last event."""

SERIES = _schema({"exchange": pl.String, "symbol": pl.String, "timeframe": pl.String})
"""What tells series of candles apart."""

REPORT = _schema(
    {
        **dict(SERIES),
        "status": pl.String,
        "rows": pl.Int64,
        "first": TIME,
        "last": TIME,
        "missing": pl.Int64,
        "gaps": pl.String,
        "pages": pl.Int64,
        "retries": pl.Int64,
        "waited": pl.Float64,
        "source": pl.String,
        "error": pl.String,
    }
)
"""What became of each series that was fetched."""

STEPS = _schema(
    {
        **dict(SERIES),
        "status": pl.String,
        "rows": pl.Int64,
        "total": pl.Int64,
        "seconds": pl.Float64,
        "eta": pl.Float64,
        "wait": pl.String,
    }
)
"""How far the fetch of each series is."""

PLAN = _schema(
    {
        **dict(SERIES),
        "source": pl.String,
        "since": TIME,
        "until": TIME,
        "rows": pl.Int64,
        "calls": pl.Int64,
        "weight": pl.Int64,
        "seconds": pl.Float64,
        "bytes": pl.Int64,
        "disk_bytes": pl.Int64,
    }
)
"""What a fetch will ask for, from where, and what that costs."""

SYMBOLS = _schema(
    {
        "symbol": pl.String,
        "market_id": pl.String,
        "base": pl.String,
        "quote": pl.String,
        "settle": pl.String,
        "type": pl.String,
        "active": pl.Boolean,
        "tick_size": pl.Float64,
        "step_size": pl.Float64,
        "min_amount": pl.Float64,
        "min_cost": pl.Float64,
        "maker": pl.Float64,
        "taker": pl.Float64,
    }
)

EXCHANGES = _schema(
    {
        "exchange": pl.String,
        "name": pl.String,
        "kind": pl.String,
        "candles": pl.Boolean,
        "trades": pl.Boolean,
        "paging": pl.String,
    }
)
"""Kind is simulated, live or plugin; paging is exact where the exchange's page rules are known."""

TIMEFRAMES = _schema({"timeframe": pl.String, "seconds": pl.Int64})
"""Seconds are null for calendar months and years."""

BUDGETS = _schema(
    {
        "host": pl.String,
        "budget": pl.String,
        "used": pl.Float64,
        "limit": pl.Float64,
        "window": pl.Float64,
        "used_share": pl.Float64,
        "wait": pl.Float64,
        "hold_until": TIME,
        "hold_reason": pl.String,
    }
)
"""Used in the last window, and the exchange's limit for one; window and wait in seconds."""

GAPS = _schema(
    {
        "since": TIME,
        "until": TIME,
        "missing": pl.Int64,
        "reason": pl.String,
        "error": pl.String,
    }
)
"""Missing candles as half-open ranges of open times, with why they are missing."""


CATALOG = _schema(
    {
        "kind": pl.String,
        "exchange": pl.String,
        "symbol": pl.String,
        "timeframe": pl.String,
        "rows": pl.Int64,
        "first": TIME,
        "last": TIME,
        "gaps": pl.Int64,
        "files": pl.Int64,
        "bytes": pl.Int64,
    }
)
"""Series of the data log; gaps are candles missing between the first and the last one."""

COVERAGE = _schema({"since": TIME, "until": TIME, "state": pl.String, "reason": pl.String})
"""Half-open ranges of a series: held, empty with the reason, failed with the error."""

FINDINGS = _schema(
    {
        "kind": pl.String,
        "exchange": pl.String,
        "symbol": pl.String,
        "timeframe": pl.String,
        "file": pl.String,
        "finding": pl.String,
        "action": pl.String,
    }
)
"""What is wrong with the data log, where, and what was done about it."""


def empty(schema: Columns) -> pl.DataFrame:
    """Give a frame of that schema without rows."""
    return pl.DataFrame(schema=schema)

"""Kraken's own trades, decoded straight into columns, by its nanosecond cursor.

Fields and cursor: Kraken REST API, "Get Recent Trades", 2026; ccxt 4.5.90 cuts `since` to seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

import msgspec
import polars as pl

from gekko_lab.errors import BadResponse
from gekko_lab.frames.checks import times_of
from gekko_lab.sources.source import TradeCursor, TradePage
from gekko_lab.sources.trade_rows import confirmed, trade_frame

if TYPE_CHECKING:
    from gekko_lab.sources.ccxt_client import Client

TRADE_PAGE = 1000

_MS = 1_000_000  # nanoseconds
# Old trades show their time rounded to 100 µs, so one may lie that much before what it shows.
_ROUNDED = 100_000
_SIDES = {"b": "buy", "s": "sell"}
_TIME = pl.Decimal(20, 9)


class _Trade(msgspec.Struct, array_like=True, gc=False):
    """Oldest rows may lack the last column."""

    price: float
    amount: float
    time: msgspec.Raw  # a float would be off by a microsecond
    side: Literal["b", "s"]
    type: msgspec.Raw
    misc: msgspec.Raw
    id: int | None = None


class _Body(TypedDict, total=False):
    error: list[str]
    result: dict[str, list[_Trade] | str]


Answer: TypeAlias = "tuple[list[_Trade], str, pl.DataFrame]"
"""Rows, the cursor that is told, and the rows as a table."""

_BODY = msgspec.json.Decoder(_Body, strict=False)


def serves(exchange: str, market: dict[str, Any]) -> bool:
    """Tell whether this market's trades are read here."""
    return exchange == "kraken" and bool(market.get("spot"))


def trades(client: Client, market: dict[str, Any], cursor: TradeCursor) -> TradePage:
    """Give the trades from the cursor on, which is the nanosecond of a trade, or a time.

    Nobody says whether the exchange means "from" or "after" its cursor, and trades may share a
    nanosecond, so a page is asked for from just before it: it begins with trades that came already,
    which whoever joins the pages leaves out.
    """
    start = cursor.time * _MS - _ROUNDED if cursor.id is None else int(cursor.id)
    rows, last, frame = confirmed(
        lambda: _ask(client, market, start - 1),
        lambda answer: [row.id for row in answer[0] if row.id is not None],
        TRADE_PAGE,
    )
    if cursor.id is None:
        frame = frame.filter(times_of(frame) >= cursor.time)
    elif not rows or _nanoseconds(rows[0]) > start + _ROUNDED:
        raise BadResponse(
            f"{client.exchange} left out the trade of {market['symbol']} at its own cursor "
            f"{start}, which came already; try again"
        )
    if not rows:
        rows, last, frame = _behind_nothing(client, market, start - 1, cursor.time)
    if not rows:
        return TradePage(frame, None)
    newest = _cursor_of(rows[-1], last)
    if newest > start:
        return TradePage(frame, TradeCursor(_milliseconds(rows[-1]), str(newest)))
    later, last, _ = _ask(client, market, start + 1)
    if later and _cursor_of(later[-1], last) > start:
        raise BadResponse(
            f"{client.exchange} gives {len(rows)} trades of {market['symbol']} in one nanosecond "
            "and no way past them"
        )
    return TradePage(frame, None)


def _behind_nothing(client: Client, market: dict[str, Any], start: int, time: int) -> Answer:
    """Ask again where no trade is said to follow; the newest one shows when that is wrong."""
    rows, last, frame = _ask(client, market, start)
    newest = rows or _ask(client, market, None)[0]
    if not rows and newest and _milliseconds(newest[-1]) >= time:
        raise BadResponse(
            f"{client.exchange} says that no trades of {market['symbol']} follow, and has newer "
            "ones; try again"
        )
    return rows, last, frame.filter(times_of(frame) >= time)


def _ask(client: Client, market: dict[str, Any], since: int | None) -> Answer:
    where = {} if since is None else {"since": str(max(0, since))}
    with client.asking(f"trades of {market['symbol']}") as ccxt, client.decoding(_BODY.decode):
        body = ccxt.publicGetTrades({"pair": market["id"], "count": TRADE_PAGE, **where})
        rows, last = _read(body)
        return rows, last, _frame(rows)


def _read(body: _Body) -> tuple[list[_Trade], str]:
    result = body.get("result", {})
    last = result.get("last")
    tables = [rows for name, rows in result.items() if name != "last" and isinstance(rows, list)]
    if len(tables) != 1 or not isinstance(last, str):
        raise BadResponse(f"an answer without trades and their `last`: {list(result)}; try again")
    return tables[0], last


def _frame(rows: list[_Trade]) -> pl.DataFrame:
    # No rule for the order of ids: the cursor is a time, and ids only tell trades apart.
    times = pl.Series([bytes(row.time) for row in rows], dtype=pl.Binary).cast(pl.String)
    return trade_frame(
        times.cast(_TIME).to_physical().cast(pl.Int64) // 1000,
        pl.Series([row.id for row in rows], dtype=pl.Int64),
        [_SIDES[row.side] for row in rows],
        [row.price for row in rows],
        [row.amount for row in rows],
    )


def _cursor_of(row: _Trade, last: str) -> int:
    """Give the nanosecond of the last trade: the exchange's word, where it fits what it shows."""
    shown = _nanoseconds(row)
    told = int(last) if last.isdecimal() else 0
    # Some answers have told a cursor of another place; from just before the trade nothing is lost.
    return told if abs(told - shown) <= _ROUNDED else shown - _ROUNDED


def _nanoseconds(row: _Trade) -> int:
    whole, _, part = bytes(row.time).decode().partition(".")
    return int(whole) * 1000 * _MS + int(part[:9].ljust(9, "0"))


def _milliseconds(row: _Trade) -> int:
    return _nanoseconds(row) // _MS

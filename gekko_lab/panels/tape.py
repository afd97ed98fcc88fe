"""Trades, order books and the health of a stream as rows."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl

from gekko_lab.panels.parts import Column, Row

if TYPE_CHECKING:
    from gekko_lab.feeds.health import Health
    from gekko_lab.feeds.recorder import Recorder

_TRADES, _LEVELS = 12, 6
_PRICE_DIGITS, _AMOUNT_DIGITS = 8, 6  # more are noise of calculating

TAPE = (
    Column("time", "Time (UTC)"),
    Column("side", "Side"),
    Column("price", "Price", "number"),
    Column("amount", "Amount", "number"),
)
LADDER = (
    Column("side", "Side"),
    Column("price", "Price", "number"),
    Column("amount", "Amount", "number"),
    Column("share", "Depth", "bar"),
)


def newest(before: pl.DataFrame | None, trades: pl.DataFrame) -> pl.DataFrame:
    """Give the newest of trades that are known and trades that came."""
    return (trades if before is None else pl.concat([before, trades])).tail(_TRADES)


def tape_rows(trades: pl.DataFrame | None) -> list[Row]:
    """Give trades, the newest first."""
    rows: list[Row] = []
    if trades is None:
        return rows
    told = trades.reverse().to_dicts()
    for trade, price, amount in zip(told, *_numbers(told), strict=True):
        time = f"{trade['timestamp']:%H:%M:%S.%f}"[:-3]
        side = {"buy": "▲ buy", "sell": "▼ sell"}.get(trade["side"], "")
        cells = {"time": time, "side": side, "price": price, "amount": amount}
        rows.append(Row(str(trade["sequence"]), f"trade at {time}", cells))
    return rows


def ladder_rows(book: pl.DataFrame | None) -> list[Row]:
    """Give the best levels of an order book, asks above bids."""
    if book is None:
        return []
    near = book.filter(pl.col("level") <= _LEVELS)
    most: float = near["amount"].max() or 1.0  # type: ignore[assignment]
    asks = near.filter(side="ask").sort("level", descending=True)
    levels = [*asks.to_dicts(), *near.filter(side="bid").sort("level").to_dicts()]
    rows = []
    for level, price, amount in zip(levels, *_numbers(levels), strict=True):
        share = round(level["amount"] / most, 3)
        cells = {"side": level["side"], "price": price, "amount": amount, "share": share}
        name = f"{level['side']} {level['level']}"
        rows.append(Row(name, name, cells))
    return rows


def _numbers(told: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """Give prices and amounts, each with as many decimals as the finest of them."""
    return (
        _aligned([each["price"] for each in told], _PRICE_DIGITS),
        _aligned([each["amount"] for each in told], _AMOUNT_DIGITS),
    )


def _aligned(values: list[float], digits: int) -> list[str]:
    plain = [format(Decimal(f"{value:.{digits}g}"), "f") for value in values]  # no exponents
    decimals = max((len(each.partition(".")[2]) for each in plain), default=0)
    return [f"{value:,.{decimals}f}" for value in values]


def health_parts(health: Health, recorder: Recorder | None) -> list[str]:
    """Tell how a stream is, in a few words each."""
    parts = [health.state, f"{health.events_per_second:,.0f} events/s"]
    if health.latency_p50_ms is not None and health.latency_p99_ms is not None:
        parts.append(
            f"latency {health.latency_p50_ms:,.0f} ms, p99 {health.latency_p99_ms:,.0f} ms"
        )
    parts += [
        f"{health.dropped:,} dropped",
        f"{health.reconnects:,} reconnects",
        f"{health.gaps:,} gaps",
    ]
    if recorder is not None:
        rows = recorder.status(frame="polars")["rows"].sum()
        parts.append(f"recording {recorder.state}: {rows:,} rows")
    return parts

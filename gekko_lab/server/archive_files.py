"""Files of Binance's public archive, made from a market.

Columns and names: github.com/binance/binance-public-data, README; headers as futures files have.
"""

from __future__ import annotations

import io
import random
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from gekko_lab.market.spans import Span
from gekko_lab.server.binance_rows import kline_rows, trade_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gekko_lab.market.rules import MarketRules
    from gekko_lab.market.timeframe import Timeframe
    from gekko_lab.server.archive_faults import FileFault
    from gekko_lab.server.schedule import Schedule

Line = list[str]

_KLINE_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore"
)
_TRADE_HEADER = (
    "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"
)
_ALWAYS = (2020, 1, 1, 0, 0, 0)  # the same rows are the same bytes
_BOMB = 1 << 28
_VOLUME = 5


@dataclass(frozen=True, slots=True)
class File:
    """What a file is about.

    Attributes
    ----------
    name : str
        Without its ending.
    rules : MarketRules
        The market.
    timeframe : Timeframe or None
        Of candles; None for aggregate trades.
    span : Span
        The day or month.
    micro : bool
        Whether times are microseconds.
    header : bool
        Whether the first line names the columns.
    spot : bool
        Whether trades have the columns of spot.
    """

    name: str
    rules: MarketRules
    timeframe: Timeframe | None
    span: Span
    micro: bool
    header: bool
    spot: bool


def lines_of(schedule: Schedule, file: File) -> list[Line]:
    """Give the rows of a file, which are those of the protocol."""
    symbol, (since, until) = file.rules.symbol, file.span
    if file.timeframe is None:
        trades = schedule.trades(symbol, file.span, until - 1)
        rows = orjson.loads(trade_rows(trades, file.rules))
        return [_trade_line(row, file) for row in rows]
    width = file.timeframe
    opens = Span(width.ceil(since), width.ceil(until))
    # the last candle of a week may end after the month, so it is looked at from there
    candles = schedule.candles(symbol, width, opens, opens.until - 1)
    text = kline_rows(candles, width, file.rules).text.decode()
    rows = [row.replace('"', "").strip("[]").split(",") for row in text.split("],[") if row]
    if file.micro:
        for row in rows:
            row[0] += "000"
            row[6] += "999"
    return rows


def zip_of(file: File, lines: list[Line], faults: Iterable[FileFault]) -> bytes:
    """Give the zip of a file's rows, with what is wrong inside of it."""
    kinds = {fault.kind for fault in faults}
    if "no_zip" in kinds:
        return b"<html>not a zip</html>"
    for fault in faults:
        change = _ROWS.get(fault.kind)
        if change is not None:
            lines = change([*lines], fault, random.Random(file.name))  # noqa: S311 (no secret)
    text = "".join(f"{','.join(line)}\n" for line in lines)
    if file.header:
        text = f"{_TRADE_HEADER if file.timeframe is None else _KLINE_HEADER}\n{text}"
    name = f"{'odd' if 'wrong_name' in kinds else file.name}.csv"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as folder:
        body = b"0" * _BOMB if "bomb" in kinds else text.encode()
        folder.writestr(_info(name), body)
        if "two_members" in kinds:
            folder.writestr(_info("more.csv"), b"")
    return out.getvalue()


def damaged(body: bytes) -> bytes:
    """Give a file in which some bytes have changed."""
    middle = len(body) // 2
    return (
        body[:middle] + bytes(255 - byte for byte in body[middle : middle + 8]) + body[middle + 8 :]
    )


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _ALWAYS)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _trade_line(row: dict[str, object], file: File) -> Line:
    time = f"{row['T']}000" if file.micro else str(row["T"])
    numbers = [str(row[key]) for key in ("a", "p", "q", "f", "l")]
    flags = [str(row["m"]), str(row["M"])] if file.spot else [str(row["m"]).lower()]
    return [*numbers, time, *flags]


def _places(lines: list[Line], fault: FileFault, chance: random.Random) -> list[int]:
    inner = range(3, len(lines) - 3)
    return chance.sample(inner, min(len(inner), fault.amount(5)))


def _replace(lines: list[Line], _fault: FileFault, _chance: random.Random) -> list[Line]:
    return [[*line[:_VOLUME], f"{float(line[_VOLUME]) + 1:.8f}", *line[6:]] for line in lines]


def _drop(lines: list[Line], fault: FileFault, chance: random.Random) -> list[Line]:
    lost = set(_places(lines, fault, chance))
    return [line for place, line in enumerate(lines) if place not in lost]


def _double(lines: list[Line], fault: FileFault, chance: random.Random) -> list[Line]:
    twice = set(_places(lines, fault, chance))
    return [line for place, line in enumerate(lines) for _ in range(1 + (place in twice))]


def _spoil(lines: list[Line], fault: FileFault, chance: random.Random) -> list[Line]:
    for place in _places(lines, fault, chance):
        lines[place] = [lines[place][0], *["NaN"] * 4, *lines[place][5:]]
    return lines


def _shorten(lines: list[Line], fault: FileFault, chance: random.Random) -> list[Line]:
    for place in _places(lines, fault, chance):
        lines[place] = lines[place][:7]
    return lines


def _overrun(lines: list[Line], fault: FileFault, _chance: random.Random) -> list[Line]:
    count = fault.amount(5)
    step = int(lines[-1][0]) - int(lines[-2][0])
    more = [[str(int(line[0]) + count * step), *line[1:]] for line in lines[-count:]]
    return [*lines, *more]


_ROWS: dict[str, Callable[[list[Line], FileFault, random.Random], list[Line]]] = {
    "replaced": _replace,
    "drop_rows": _drop,
    "double_rows": _double,
    "nan_rows": _spoil,
    "short_rows": _shorten,
    "future_rows": _overrun,
}

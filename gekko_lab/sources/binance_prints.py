"""Binance's streamed trades read past ccxt, whose dictionaries take ten times as long."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import msgspec

from gekko_lab.errors import BadResponse
from gekko_lab.events.types import Trade

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_BEGINS = '{"e":"aggTrade"'


class _AggTrade(msgspec.Struct, gc=False):
    s: str
    a: int
    p: float
    q: float
    T: int
    m: bool


_ONE = msgspec.json.Decoder(_AggTrade, strict=False)
_MANY = msgspec.json.Decoder(list[_AggTrade], strict=False)


class Prints:
    """Takes frames of trades, and tells at once what came in one turn of the loop.

    Parameters
    ----------
    exchange
        For the events.
    names
        Unified symbols by the exchange's names; other markets are left out.
    tell
        Is called with the trades that came together.
    fail
        Is called with the error when a frame can't be read, after those before it were told.
    """

    def __init__(
        self,
        exchange: str,
        names: Mapping[str, str],
        tell: Callable[[Sequence[Trade]], None],
        fail: Callable[[Exception], None],
    ) -> None:
        self._exchange, self._names, self._tell, self._fail = exchange, names, tell, fail
        self._loop = asyncio.get_running_loop()
        self._texts: list[str] = []
        self._now_us = 0

    def take(self, text: str) -> bool:
        """Take a frame if it is one of a trade; say whether."""
        if not text.startswith(_BEGINS):
            return False
        if not self._texts:
            self._now_us = time.time_ns() // 1000
            self._loop.call_soon(self.flush)  # when all that has come is taken
        self._texts.append(text)
        return True

    def flush(self) -> None:
        """Tell what was taken."""
        texts, self._texts = self._texts, []
        if not texts:
            return
        try:
            rows, problem = _read(texts)
            self._tell(self._trades(rows))
            if problem is not None:
                self._fail(problem)
        except Exception as error:  # noqa: BLE001 (the loop calls this, and nobody would hear)
            self._fail(error)

    def _trades(self, rows: Sequence[_AggTrade]) -> list[Trade]:
        exchange, names, now = self._exchange, self._names, self._now_us
        return [
            Trade(
                exchange,
                names[row.s],
                row.T * 1000,
                now,
                0,
                str(row.a),
                "sell" if row.m else "buy",  # where the buyer was the maker, the taker sold
                row.p,
                row.q,
            )
            for row in rows
            if row.s in names
        ]


def _read(texts: Sequence[str]) -> tuple[list[_AggTrade], BadResponse | None]:
    """Read all frames, which costs half of one by one; or those before the first bad one."""
    try:
        rows = _MANY.decode(f"[{','.join(texts)}]")
    except msgspec.MsgspecError:
        rows = []
    if len(rows) == len(texts):
        return rows, None
    rows = []
    for text in texts:
        try:
            rows.append(_ONE.decode(text))
        except msgspec.MsgspecError as error:
            return rows, BadResponse(f"a frame that can't be read ({error}): {text!r:.80}")
    return rows, None

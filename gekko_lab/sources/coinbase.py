"""Coinbase Exchange's own trades, decoded straight into columns, forwards by their ids.

The exchange only pages backwards: `after` an id means older than it, newest first. Fields, sides
and cursor: Coinbase Exchange REST API, "Get product trades" and "Pagination", 2026.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec
import numpy as np
import polars as pl

from gekko_lab.errors import BadResponse
from gekko_lab.frames.schemas import TRADES, empty
from gekko_lab.sources.source import TradeCursor, TradePage
from gekko_lab.sources.trade_rows import confirmed, trade_frame

if TYPE_CHECKING:
    from gekko_lab.sources.ccxt_client import Client

TRADE_PAGE = 1000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_TAKER = {"buy": "sell", "sell": "buy"}  # the exchange names the maker's side


class _Trade(msgspec.Struct, gc=False):
    trade_id: int
    side: Literal["buy", "sell"]
    size: float
    price: float
    time: str


_TRADES = msgspec.json.Decoder(list[_Trade], strict=False)


def serves(exchange: str, market: dict[str, Any]) -> bool:
    """Tell whether this market's trades are read here."""
    return exchange == "coinbaseexchange" and bool(market.get("spot"))


def trades(client: Client, market: dict[str, Any], cursor: TradeCursor) -> TradePage:
    """Give the trades behind the cursor's id, or from its time on where it has none."""
    if cursor.id is None:
        return _Tape(client, market).page_from(cursor.time)
    last = int(cursor.id)
    return _page(_Tape(client, market, last).behind(last))


class _Mark(NamedTuple):
    id: int
    time: int | None


class _Tape:
    """The trades of one market, as few requests find them. Rows are newest first throughout.

    Each trade that came shows that answers which begin behind it can't be empty.
    """

    def __init__(self, client: Client, market: dict[str, Any], seen: int | None = None) -> None:
        self.client = client
        self.market = market
        self.seen = seen  # the oldest id that came
        self.bare = 0  # below that id none came

    def behind(self, last: int) -> list[_Trade]:
        """Give the next trades whose ids follow `last`; none when that is the newest."""
        rows = self._reaching(last, last + TRADE_PAGE + 1)
        if rows:
            return rows
        newest = self._ask(limit=1)
        if not newest or newest[0].trade_id <= last:
            return []
        return self._over_hole(last, newest[0].trade_id)

    def page_from(self, time: int) -> TradePage:
        """Give the first trades from a time on.

        Their ids are searched for, in turn by the times at both ends and by halving, so that no
        history takes more than some dozen requests.
        """
        below, above = _Mark(0, None), _Mark(0, None)  # ids that are too old, and one that isn't
        after, halves = None, False
        while True:
            rows = self._ask(after)
            if rows and _time(rows[0]) >= time:
                above = _Mark(rows[-1].trade_id, _time(rows[-1]))
                if above.time is not None and above.time < time:
                    return _page([row for row in rows if _time(row) >= time])
                if above.id == below.id + 1:
                    self._confirm(below)
                    return _page(rows)
            elif after is None:
                return _page([])
            else:
                below = _Mark(after - 1, _time(rows[0]) if rows else None)
                if above.id == below.id + 1:
                    self._confirm(below)
                    return _page(self.behind(below.id))
            after = _between(below, above, time, halves=halves)
            halves = not halves

    def _reaching(self, last: int, after: int) -> list[_Trade]:
        """Give all trades with ids between the two, however short the pages are."""
        rows = self._ask(after)
        while rows and rows[-1].trade_id > last + 1:
            older = self._ask(rows[-1].trade_id)
            if not older:
                break
            rows += older
        return [row for row in rows if row.trade_id > last]

    def _over_hole(self, last: int, newest: int) -> list[_Trade]:
        """Give the first trades behind more missing ids than a page has."""
        bottom, top, width = last + TRADE_PAGE, newest, TRADE_PAGE  # none up to the bottom
        while True:
            after = min(bottom + width, top) + 1
            answer = self._ask(after)
            rows = [row for row in answer if row.trade_id > last]
            if not rows:
                bottom, width = after - 1, 2 * width
                continue
            oldest = rows[-1].trade_id
            if len(rows) < len(answer) or oldest == bottom + 1:
                return rows
            top, width = oldest, max(1, (oldest - bottom) // 2)

    def _confirm(self, below: _Mark) -> None:
        """Ask again where nothing but an empty answer says that no older trades follow."""
        if below.id and below.time is None:
            self._ask(below.id + 1)

    def _ask(self, after: int | None = None, limit: int | None = None) -> list[_Trade]:
        """Give the newest trades, or the newest with ids below `after`."""
        most = limit or TRADE_PAGE
        rows = confirmed(
            lambda: self._answer(after, most), lambda rows: [row.trade_id for row in rows], most
        )
        if rows:
            self.seen = min(rows[-1].trade_id, self.seen or rows[-1].trade_id)
        elif after is not None:
            self.bare = max(self.bare, after)
        missed = not rows and self.seen is not None and (after is None or after > self.seen)
        if missed or (self.seen is not None and self.seen < self.bare):
            raise BadResponse(
                f"{self.client.exchange} says that there are no trades of {self.market['symbol']} "
                f"where it gave trade {self.seen}; try again"
            )
        return rows

    def _answer(self, after: int | None, limit: int) -> list[_Trade]:
        where = {} if after is None else {"after": str(after)}
        with (
            self.client.asking(f"trades of {self.market['symbol']}") as ccxt,
            self.client.decoding(_TRADES.decode),
        ):
            rows: list[_Trade] = ccxt.publicGetProductsIdTrades(
                {"id": self.market["id"], "limit": limit, **where}
            )
        ids = np.array([row.trade_id for row in rows], dtype=np.int64)
        if np.any(np.diff(ids) >= 0) or (after is not None and len(ids) and ids[0] >= after):
            raise BadResponse(
                f"{self.client.exchange} sent trades of {self.market['symbol']} whose ids don't "
                "fall from the newest on; try again"
            )
        return rows


def _between(below: _Mark, above: _Mark, time: int, *, halves: bool) -> int:
    """Give the id to ask for next: all up to one are too old, and the other isn't."""
    width = above.id - below.id
    if width <= TRADE_PAGE:
        return above.id
    if not below.id:
        guess = below.id + TRADE_PAGE
    elif below.time is None or above.time is None or halves:
        guess = below.id + width // 2
    else:
        share = (time - below.time) / (above.time - below.time)
        guess = below.id + int(share * width) + TRADE_PAGE // 2
    return max(below.id + 2, min(guess, above.id))


def _page(rows: list[_Trade]) -> TradePage:
    if not rows:
        return TradePage(empty(TRADES), None)
    following = TradeCursor(_time(rows[0]), str(rows[0].trade_id))
    return TradePage(_frame(rows[::-1]), following)


def _frame(rows: list[_Trade]) -> pl.DataFrame:
    if not all(row.time.endswith("Z") for row in rows):
        raise BadResponse("a trade whose time isn't UTC; try again")
    moments = np.array([row.time[:-1] for row in rows], dtype="datetime64[us]")
    return trade_frame(
        pl.Series(moments.astype(np.int64)),
        pl.Series([row.trade_id for row in rows], dtype=pl.Int64),
        [_TAKER[row.side] for row in rows],
        [row.price for row in rows],
        [row.size for row in rows],
    )


def _time(row: _Trade) -> int:
    return (datetime.fromisoformat(row.time) - _EPOCH) // _MS

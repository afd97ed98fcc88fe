"""Contender: gekko_lab.fetch, as polars."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl
import task

from gekko_lab.fetching import logged, supply  # noqa: F401 (a fetch loads them; here imports)
from gekko_lab.fetching.candles import fetch
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.sources import (  # a fetch loads them; here they count as imports
    binance,
    ccxt_client,  # noqa: F401
    ccxt_markets,  # noqa: F401
    ccxt_pages,  # noqa: F401
    market_cache,  # noqa: F401
)
from gekko_lab.sources.ccxt_market_data import CcxtMarketData

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

PACKAGES = ("gekko-lab", "ccxt", "polars", "msgspec")

_WIDTH = Timeframe.parse("1m")


def fetched(given: task.Task) -> pl.DataFrame:
    source = CcxtMarketData("binance", config=given.config)
    return fetch(
        source,
        given.symbol,
        "1m",
        since=given.since,
        until=given.until,
        frame="polars",
        progress="off",
    )


class _Replay:
    """Stands for the client and for ccxt: answers with bodies that were sent before."""

    timeframes: ClassVar = {"1m": "1m"}

    def __init__(self, bodies: Iterable[bytes]) -> None:
        self._bodies = iter(bodies)
        self._decode: Callable[[str], Any] = str

    @contextmanager
    def asking(self, _: str) -> Iterator[_Replay]:
        yield self

    @contextmanager
    def decoding(self, decode: Callable[[str], Any]) -> Iterator[None]:
        self._decode = decode
        yield

    def publicGetKlines(self, _: object) -> Any:  # noqa: ANN401, N802 (ccxt's name, and its type)
        return self._decode(next(self._bodies).decode())


def decoded(bodies: list[bytes], given: task.Task) -> pl.DataFrame:
    """Do to each body what the source does once ccxt hands it over, then join the pages."""
    client: Any = _Replay(bodies)
    market = {"symbol": given.symbol, "id": given.symbol.replace("/", ""), "spot": True}
    step = task.PAGE * task.MINUTE
    return pl.concat(
        binance.candles(
            client, market, _WIDTH, (since, min(given.until, since + step)), task.PAGE
        ).frame
        for since in range(given.since, given.until, step)
    )


def columns(table: pl.DataFrame) -> Mapping[str, Any]:
    values = table.with_columns(pl.col("timestamp").dt.epoch("ms"))
    return {name: values[name].to_numpy() for name in task.COLUMNS}


if __name__ == "__main__":
    task.run(fetched, decoded, columns, *PACKAGES)

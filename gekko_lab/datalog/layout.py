"""Where the files of a series lie.

Decided: `<data_dir>/candles/exchange=binance/symbol=BTC%2FUSDT/timeframe=1m/2024-01.parquet`. The
folder of a kind holds Parquet files and nothing else, so that any program can read it as one
partitioned table. What only we need (the journal, the lock, unfinished and damaged files) lies
below `<data_dir>/journals/`, in folders of the same names. A file holds a month of candles shorter
than 5m, a year of those shorter than 4h, else all; a day of everything that isn't candles.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, get_args

from gekko_lab.datalog import names
from gekko_lab.errors import InvalidArgument, InvalidType
from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import END, HOUR, MINUTE, Timeframe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

Kind = Literal["candles", "trades", "order_book", "ticker"]

KINDS: tuple[Kind, ...] = get_args(Kind)

_ALL = "all"
_FORMATS = {"d": "%Y-%m-%d", "M": "%Y-%m", "y": "%Y"}


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Which series: what kind of rows, of which source, market and width.

    Attributes
    ----------
    kind : {"candles", "trades", "order_book", "ticker"}
        What the rows are.
    exchange : str
        The identity of the source, such as "binance" or "simulator-" and a fingerprint.
    symbol : str
        The market.
    timeframe : str
        The width of candles; empty for all other kinds.
    """

    kind: Kind
    exchange: str
    symbol: str
    timeframe: str = ""

    @classmethod
    def of(cls, kind: str, exchange: object, symbol: str, timeframe: str | None = None) -> Key:
        """Give the key of a series, or raise when there can be none.

        Parameters
        ----------
        kind
            One of `KINDS`.
        exchange
            The identity of a source, or a source.
        symbol, timeframe
            The market and, for candles only, their width.
        """
        if kind not in KINDS:
            raise InvalidArgument(f"kind={kind!r}: choose one of {', '.join(map(repr, KINDS))}")
        if (kind == "candles") != (timeframe is not None):
            needed = "need a timeframe such as '1h'" if kind == "candles" else "have no timeframe"
            raise InvalidArgument(f"timeframe={timeframe!r}: {kind} {needed}")
        key = cls(kind, identity_of(exchange), symbol, timeframe or "")
        key.parts()
        return key

    def parts(self) -> tuple[str, ...]:
        """Give the names of the folders from the data folder down."""
        place = (
            self.kind,
            names.encode("exchange", self.exchange),
            names.encode("symbol", self.symbol),
        )
        return (*place, names.encode_timeframe(self.timeframe)) if self.timeframe else place

    def folder(self, root: Path) -> Path:
        """Give the folder of the Parquet files."""
        return root.joinpath(*self.parts())

    def state(self, root: Path) -> Path:
        """Give the folder of the journal, the lock and of what is set aside."""
        return root.joinpath("journals", *self.parts())

    @property
    def width(self) -> Timeframe | None:
        """The width of candles, on the usual grid."""
        return Timeframe.parse(self.timeframe) if self.timeframe else None

    @property
    def period(self) -> Timeframe | None:
        """How much time one file holds; None means all."""
        return _period_of(self.timeframe)

    def period_at(self, time: int) -> Span:
        """Give the range that the file with this time holds."""
        period = self.period
        if period is None:
            return Span(0, END)
        since = period.floor(time)
        return Span(since, period.next(since))

    def file_name(self, span: Span) -> str:
        """Give the name of the file for a period."""
        if self.period is None:
            return f"{_ALL}.parquet"
        begin = datetime.fromtimestamp(span.since // 1000, UTC)
        return f"{begin.strftime(_FORMATS[self.period.unit])}.parquet"

    def period_named(self, name: str) -> Span | None:
        """Give the period of a file by its name, or None if it is none of ours."""
        return _period_named(name, self.period)

    def names(self) -> tuple[str, str, str]:
        """Give exchange, symbol and timeframe."""
        return self.exchange, self.symbol, self.timeframe

    def __str__(self) -> str:
        return " ".join(filter(None, (self.exchange, self.symbol, self.timeframe or self.kind)))


@lru_cache(maxsize=256)
def _period_of(timeframe: str) -> Timeframe | None:
    if not timeframe:
        return Timeframe(1, "d")
    shortest = Timeframe.parse(timeframe).shortest
    if shortest < 5 * MINUTE:
        return Timeframe(1, "M")
    return Timeframe(1, "y") if shortest < 4 * HOUR else None


@lru_cache(maxsize=4096)
def _period_named(name: str, period: Timeframe | None) -> Span | None:
    if period is None:
        return Span(0, END) if name == f"{_ALL}.parquet" else None
    form = f"{_FORMATS[period.unit]}.parquet"
    year, month, day = [*name.removesuffix(".parquet").split("-"), "1", "1"][:3]
    try:
        begin = datetime(int(year), int(month), int(day), tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    since = int(begin.timestamp()) * 1000
    if since < 0 or begin.strftime(form) != name:
        return None
    return Span(since, period.next(since))


def identity_of(exchange: object) -> str:
    """Give the identity of a source; text is one already."""
    found = exchange if isinstance(exchange, str) else getattr(exchange, "identity", None)
    if not isinstance(found, str):
        raise InvalidType(
            f"exchange={exchange!r} is a {type(exchange).__name__}; give a name such as 'binance', "
            "or a source"
        )
    return found


def find_keys(root: Path, kinds: Iterable[Kind] = KINDS) -> list[Key]:
    """Find every series that has a folder, in order; some may hold nothing."""
    found: set[Key] = set()
    for kind in kinds:
        for base in (root / kind, root / "journals" / kind):
            for exchange_folder, exchange in _decoded(base, "exchange"):
                for folder, symbol in _decoded(exchange_folder, "symbol"):
                    found.update(_keys_in(folder, kind, exchange, symbol))
    return sorted(found, key=lambda key: (key.kind, *key.names()))


def _keys_in(folder: str, kind: Kind, exchange: str, symbol: str) -> Iterator[Key]:
    if kind != "candles":
        yield Key(kind, exchange, symbol)
        return
    for _, name in _folders(folder):
        timeframe = names.decode_timeframe(name)
        if timeframe is not None:
            yield Key(kind, exchange, symbol, timeframe)


def _decoded(base: str | Path, field: str) -> list[tuple[str, str]]:
    pairs = [(path, names.decode(field, name)) for path, name in _folders(base)]
    return [(path, value) for path, value in pairs if value is not None]


def _folders(base: str | Path) -> list[tuple[str, str]]:
    """Give path and name of each folder, as text: paths as objects cost more than reading them."""
    try:
        with os.scandir(base) as entries:
            return [(entry.path, entry.name) for entry in entries if entry.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return []

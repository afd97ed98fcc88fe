"""Which series a user means, and what of their time."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial
from itertools import product
from typing import TYPE_CHECKING

from gekko_lab.datalog.layout import KINDS, Key, Kind, find_keys, identity_of
from gekko_lab.datalog.store import ALWAYS, Store
from gekko_lab.errors import InvalidArgument, InvalidType, NotInLog
from gekko_lab.market.moments import check_order, read_time
from gekko_lab.market.spans import Span
from gekko_lab.settings import options

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from gekko_lab.market.moments import TimeLike

    Some: TypeAlias = "object | Iterable[object] | None"

_SHOWN = 5


def find_store(kind: str, exchange: object, symbol: str, timeframe: str | None) -> Store:
    """Give the series, or raise `NotInLog` with what the log holds instead.

    The name of an exchange stands for itself alone: data of a test server or of another seed lie
    under an identity of their own and are never given for it.
    """
    key = Key.of(kind, exchange, symbol, timeframe)
    store = Store(key, options.data_dir)
    if store.exists():
        return store
    raise NotInLog(f"the data log in {store.root} holds no {key.kind} of {key}.{_instead(key)}")


def find_stores(
    kind: str | None = None, exchange: Some = None, symbol: Some = None, timeframe: Some = None
) -> list[Store]:
    """Give every series that fits and holds anything, in order; None fits all.

    Where exchange, symbol and timeframe are all named, no folder is searched.
    """
    return [store for store in likely_stores(kind, exchange, symbol, timeframe) if store.exists()]


def likely_stores(
    kind: str | None = None, exchange: Some = None, symbol: Some = None, timeframe: Some = None
) -> list[Store]:
    """Give what `find_stores` gives, without looking whether they hold anything."""
    kinds = KINDS if kind is None else (_kind(kind),)
    wanted = [
        _names(exchange, identity_of),
        _names(symbol, partial(_text, "symbol", "BTC/USDT")),
        _names(timeframe, partial(_text, "timeframe", "1h")),
    ]
    root = options.data_dir
    if kind is not None and all(wanted[: 3 if kind == "candles" else 2]):
        names = product(*(each or [""] for each in wanted))
        keys = sorted({Key.of(kind, one, two, three or None) for one, two, three in names})
    else:
        keys = find_keys(root, kinds)
        for place, named in enumerate(wanted):
            if named is not None:
                keys = [key for key in keys if key.names()[place] in named]
    return [Store(key, root) for key in keys]


def read_window(since: TimeLike | None, until: TimeLike | None) -> Span:
    """Give the range between two times; None leaves that end open."""
    now = time.time_ns() // 1_000_000
    start = ALWAYS.since if since is None else read_time(since, now=now)
    end = ALWAYS.until if until is None else read_time(until, now=now, name="until")
    check_order(start, end)
    return Span(start, end)


def _kind(kind: str) -> Kind:
    if kind not in KINDS:
        raise InvalidArgument(f"kind={kind!r}: choose one of {', '.join(map(repr, KINDS))}")
    return kind


def _names(value: Some, read: Callable[[object], str]) -> list[str] | None:
    if value is None:
        return None
    if isinstance(value, str) or hasattr(value, "identity") or not isinstance(value, Iterable):
        return [read(value)]
    return [read(each) for each in value]


def _text(field: str, example: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidType(
            f"{field}={value!r} is a {type(value).__name__}; give text such as {example!r}, or a "
            "list of such"
        )
    return value


def _instead(key: Key) -> str:
    held = [store.key for store in find_stores(key.kind)]
    name = key.exchange.partition(":")[0]
    near = [each for each in held if each.symbol == key.symbol and each.exchange == key.exchange]
    near = near or [each for each in held if each.exchange == key.exchange]
    near = near or [each for each in held if each.exchange.startswith(name)]
    shown = "; ".join(map(str, (near or held)[:_SHOWN]))
    if not shown:
        return f" It holds no {key.kind} yet"
    advice = " gekko_lab.datalog.catalog() lists all"
    return f" It holds {shown}.{advice}; pass an exchange as it stands there, or the source itself"

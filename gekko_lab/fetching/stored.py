"""Which stored series an update means."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from gekko_lab.errors import InvalidArgument, NotInLog
from gekko_lab.market.suggest import nearest

if TYPE_CHECKING:
    from gekko_lab.datalog.store import Store

_SHOWN = 5
_ADVICE = "fetch something first; gekko_lab.datalog.catalog() lists what is there"


def find_stored(
    kind: str | None, exchanges: object, symbols: object, timeframes: object
) -> list[Store]:
    """Give the series that fit; each name must be that of one.

    Raises
    ------
    NotInLog
        When nothing fits, or nothing that has one of the names.
    InvalidArgument
        When trades are to have a timeframe.
    """
    from gekko_lab.datalog.finding import find_stores

    if kind == "trades" and timeframes is not None:
        raise InvalidArgument(f"timeframes={timeframes!r}: trades have none; leave it out")
    kinds = [kind] if kind else ["candles"] if timeframes is not None else ["candles", "trades"]
    fitting = [
        store
        for each in kinds
        for store in find_stores(
            each, exchanges, symbols, timeframes if each == "candles" else None
        )
    ]
    _check_names(
        {"exchange": exchanges, "symbol": symbols, "timeframe": timeframes},
        fitting or [store for each in kinds for store in find_stores(each)],
    )
    if not fitting:
        raise NotInLog(f"the data log holds no series that fits: {_ADVICE}")
    return fitting


def listed(named: object) -> list[Any]:
    """Give one or several of something as a list; None is nothing."""
    if named is None:
        return []
    if isinstance(named, str) or not isinstance(named, Iterable):
        return [named]
    return list(named)


def _check_names(named: dict[str, object], stores: list[Store]) -> None:
    """Raise where a name is that of no series; where there are none at all, names don't matter."""
    from gekko_lab.datalog.layout import identity_of

    for place, (field, given) in enumerate(named.items()):
        held = list(dict.fromkeys(store.key.names()[place] for store in stores))
        absent = [name for name in map(identity_of, listed(given)) if name not in held]
        if absent and held:
            more = f" and {len(held) - _SHOWN} more" if len(held) > _SHOWN else ""
            raise NotInLog(
                f"of what is named here, the data log holds no series with {field} "
                f"{' and '.join(map(repr, absent))}, but with "
                f"{', '.join(map(repr, held[:_SHOWN]))}{more}.{nearest(absent[0], held)} "
                f"Leave it out, or {_ADVICE}"
            )

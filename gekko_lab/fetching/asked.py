"""What one series of a fetch was asked for, and reading names of many."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, Literal, get_args

from gekko_lab.errors import InvalidArgument, InvalidType
from gekko_lab.market.moments import check_range

if TYPE_CHECKING:
    from gekko_lab.fetching.supply import Way
    from gekko_lab.market.moments import TimeLike
    from gekko_lab.sources.source import Source

Columns = Literal["base", "full"]
Kind = Literal["candles", "trades"]

_DEFAULT_TIMEFRAME = "1h"


@dataclass(frozen=True, slots=True)
class Asked:
    """What `fetch` or `fetch_trades` was asked for; the timeframe of trades is "".

    `named` is the exchange's name in reports, where its own would not tell it from others.
    """

    exchange: str | Source
    symbol: str
    timeframe: str
    since: TimeLike | None = None
    until: TimeLike | None = None
    limit: int | None = None
    columns: Columns = "base"
    log: bool | None = None
    source: Way = "auto"
    n_jobs: int = 1
    named: str | None = None

    @property
    def kind(self) -> Kind:
        """Candles or trades."""
        return "candles" if self.timeframe else "trades"

    @property
    def label(self) -> tuple[str, str, str]:
        """Exchange, symbol and timeframe, as they were named."""
        name = self.named or name_of(self.exchange)
        return name, str(self.symbol), str(self.timeframe)


def all_asked(
    exchanges: object,
    symbols: object,
    timeframes: object,
    *,
    kind: str = "candles",
    **settings: Any,  # noqa: ANN401 (fields of `Asked`)
) -> list[Asked]:
    """Give what is asked for of every exchange, symbol and timeframe, the rest being the same.

    Parameters
    ----------
    exchanges, symbols, timeframes, kind
        As for `series_of`.
    **settings
        The other fields of `Asked`, but for `named`.
    """
    wanted = series_of(exchanges, symbols, timeframes, kind=kind)
    check_range(settings.get("since"), settings.get("until"))
    named = telling_names(exchange for exchange, *_ in wanted)
    return [Asked(*one, **settings, named=named[id(one[0])]) for one in wanted]


def series_of(
    exchanges: object, symbols: object, timeframes: object, *, kind: str = "candles"
) -> list[tuple[Any, str, str]]:
    """Give every exchange with every symbol and timeframe, in the order of the arguments.

    Raises
    ------
    InvalidArgument
        When nothing is named, something twice, or trades with a timeframe.
    """
    if kind not in get_args(Kind):
        raise InvalidArgument(f"kind={kind!r}: choose 'candles' or 'trades'")
    if kind == "trades":
        if timeframes is not None:
            raise InvalidArgument(f"timeframes={timeframes!r}: trades have none; leave it out")
        widths = [""]
    else:
        widths = _named("timeframes", _DEFAULT_TIMEFRAME if timeframes is None else timeframes)
    return list(product(_named("exchanges", exchanges), _named("symbols", symbols), widths))


def name_of(exchange: str | Source) -> str:
    """Give an exchange's name."""
    return exchange if isinstance(exchange, str) else exchange.exchange


def telling_names(exchanges: Iterable[str | Source]) -> dict[int, str | None]:
    """Give identities where several sources have the same name, as two seeds have; else None.

    By the `id` of each exchange.
    """
    each = list({id(one): one for one in exchanges}.values())
    names = [name_of(one) for one in each]
    return {
        id(one): one.identity
        if not isinstance(one, str) and names.count(name_of(one)) > 1
        else None
        for one in each
    }


def _named(what: str, given: object) -> list[Any]:
    if isinstance(given, str) or (what == "exchanges" and not isinstance(given, Iterable)):
        return [given]
    if not isinstance(given, Iterable):
        raise InvalidType(f"{what}={given!r}: give a name, or a list of names")
    found = list(given)
    if not found:
        raise InvalidArgument(f"{what} is empty: name at least one")
    if len({id(one) if not isinstance(one, str) else one for one in found}) < len(found):
        raise InvalidArgument(f"{what}={found!r} names something twice")
    return found

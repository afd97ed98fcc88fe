"""Arguments of streams, read before anything is asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from gekko_lab.errors import InvalidArgument, InvalidType
from gekko_lab.events.buffer import Overflow
from gekko_lab.events.types import MARKET_KINDS, PLURALS
from gekko_lab.market.suggest import nearest
from gekko_lab.market.timeframe import Timeframe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gekko_lab.events.types import MarketKind

Interval = Literal["100ms", "1s"]

_INTERVALS_MS = {"100ms": 100, "1s": 1000}
_MOST_LEVELS = 5_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a stream is to tell, and how.

    Attributes
    ----------
    kinds : tuple of str
        The kinds of events.
    width : Timeframe or None
        Of candles, where these are among the kinds.
    speed : float or None
        Seconds of exchange time in a second; None for as fast as possible.
    interval_ms, depth : int
        Of order books and tickers.
    """

    kinds: tuple[MarketKind, ...]
    width: Timeframe | None
    speed: float | None
    interval_ms: int
    depth: int


def read_wanted(
    kinds: str | Sequence[str],
    timeframe: str,
    speed: object,
    interval: str,
    depth: int,
) -> Wanted:
    """Read what a stream is to tell."""
    wanted = read_kinds(kinds)
    width = Timeframe.parse(timeframe)
    if interval not in _INTERVALS_MS:
        raise InvalidArgument(f"interval={interval!r}: choose '100ms' or '1s'")
    levels = read_count("depth", depth, most=_MOST_LEVELS)
    return Wanted(
        wanted,
        width if "candle" in wanted else None,
        read_speed(speed),
        _INTERVALS_MS[interval],
        levels,
    )


def read_kinds(kinds: str | Sequence[str]) -> tuple[MarketKind, ...]:
    """Read kinds of events; plural names are understood too."""
    named = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    found = [PLURALS.get(kind, kind) for kind in named]
    for kind in found:
        if kind not in MARKET_KINDS:
            raise InvalidArgument(
                f"kinds={kinds!r}: there is no kind {kind!r}.{nearest(str(kind), MARKET_KINDS)} "
                f"Choose from {', '.join(map(repr, MARKET_KINDS))}"
            )
    if not found:
        raise InvalidArgument(f"kinds={kinds!r}: name at least one of {', '.join(MARKET_KINDS)}")
    return cast("tuple[MarketKind, ...]", tuple(dict.fromkeys(found)))


def read_speed(speed: object) -> float | None:
    """Read a speed; None stands for as fast as possible."""
    if speed == "max":
        return None
    if isinstance(speed, bool) or not isinstance(speed, Real):
        raise InvalidType(f"speed={speed!r}: give a number such as 1.0 or 60, or 'max'")
    factor = float(speed)
    if not (factor > 0 and math.isfinite(factor)):
        raise InvalidArgument(f"speed={speed!r}: give a positive number such as 60, or 'max'")
    return factor


def read_count(name: str, value: Any, *, most: int) -> int:  # noqa: ANN401 (what a user gave)
    """Read a whole number from 1 on."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise InvalidType(f"{name}={value!r} is a {type(value).__name__}; give a whole number")
    count: int = value.__index__()
    if not 1 <= count <= most:
        raise InvalidArgument(f"{name}={value!r}: use 1 to {most:,}")
    return count


def read_symbols(symbols: str | Sequence[str]) -> tuple[str, ...]:
    """Read the names of markets."""
    named = (symbols,) if isinstance(symbols, str) else tuple(symbols)
    if not named or not all(isinstance(symbol, str) for symbol in named):
        raise InvalidType(f"symbols={symbols!r}: give text such as 'BTC/USDT', or a list of such")
    twice = sorted({symbol for symbol in named if named.count(symbol) > 1})
    if twice:
        raise InvalidArgument(f"symbols={symbols!r} names {', '.join(twice)} more than once")
    return named


def check_overflow(overflow: str | None) -> None:
    """Raise when there is no such way to deal with a full buffer."""
    if overflow is not None and overflow not in get_args(Overflow):
        raise InvalidArgument(f"overflow={overflow!r}: choose 'block' or 'drop_oldest'")

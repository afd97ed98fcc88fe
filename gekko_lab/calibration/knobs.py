"""What can be turned about a simulated market, and the moment that says how far."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.calibration.markets import bounds
from gekko_lab.simulation import presets

if TYPE_CHECKING:
    from collections.abc import Callable

    from gekko_lab.calibration.markets import Site
    from gekko_lab.calibration.moments import Values
    from gekko_lab.simulation import Parameters

_FEW_QUIET = 0.005  # share of quiet candles from which on it tells how much is traded
_MOST_QUIET = 0.98
_WIDEST = 1.9  # range over move, which no number of trades exceeds much without a spread
_TRIPLE = float(np.log(3.0))


@dataclass(frozen=True, slots=True)
class Knob:
    """A number of the simulated market, or several that turn together.

    Attributes
    ----------
    name : str
        What it turns.
    moment : str
        Key of the moment that it is fitted by.
    level : float
        What was recorded of it, as `read` gives it.
    start : float
        Where it stands at first.
    range : tuple of float
        Its ends.
    most : float
        The longest step.
    read : callable
        From measured moments to the level.
    slope : callable
        The usual rise of the level with the place, from place and level.
    numbers : callable
        From its place to parameters.
    always : bool
        Whether it is turned in any case; otherwise only where the recorded level can't be chance.
    """

    name: str
    moment: str
    level: float
    start: float
    range: tuple[float, float]
    most: float
    read: Callable[[Values], float]
    slope: Callable[[float, float], float]
    numbers: Callable[[float], dict[str, float]]
    always: bool = True


def knobs(site: Site, recorded: Values) -> list[Knob]:
    """Give all knobs, those that others depend on first."""
    usual = presets.choose(site.preset, {})
    rate = _rate(recorded, site, usual)
    value = recorded["cost"] / np.exp(rate.start) / _minutes(site)
    return [
        _log("annual_volatility", "usual", recorded, recorded["usual"]),
        rate,
        _log("trade_value", "cost", recorded, value, limits=(1e-12, 1e12)),
        _spread(recorded, usual),
        _season(recorded, usual),
        _bursts(recorded, usual),
    ]


def _minutes(site: Site) -> float:
    return site.recorded.width.shortest / 60_000.0


def _log(
    name: str,
    moment: str,
    recorded: Values,
    start: float,
    limits: tuple[float, float] | None = None,
) -> Knob:
    """Give a knob whose moment grows in proportion."""
    low, high = bounds(name) if limits is None else limits
    return Knob(
        name=name,
        moment=moment,
        level=_ln(recorded[moment]),
        start=float(np.log(min(max(start, low), high))),
        range=(float(np.log(low)), float(np.log(high))),
        most=_TRIPLE,
        read=lambda values: _ln(values[moment]),
        slope=lambda *_: 1.0,
        numbers=lambda place: {name: float(np.exp(place))},
    )


def seen_rate(recorded: Values, minutes: float) -> float:
    """Give trades a minute as counts or quiet candles of so many minutes tell; else NaN."""
    if np.isfinite(recorded["count"]):
        return recorded["count"] / minutes
    if _FEW_QUIET <= recorded["quiet"] <= _MOST_QUIET:
        return float(np.exp(1.1 + 1.5 * _busy(recorded))) / minutes
    return np.nan


def _rate(recorded: Values, site: Site, usual: Parameters) -> Knob:
    """Give the knob of trades a minute: by their count, by quiet candles, or by how they range."""
    name, seen = "trades_per_minute", seen_rate(recorded, _minutes(site))
    if np.isfinite(recorded["count"]):
        return _log(name, "count", recorded, seen)
    if np.isfinite(seen):
        direct = _log(name, "quiet", recorded, seen)
        return replace(direct, level=_busy(recorded), read=_busy, slope=lambda *_: 0.67)
    return replace(
        _log(name, "15", recorded, usual.trades_per_minute),
        level=recorded["15"] if recorded["15"] < _WIDEST else np.nan,
        read=lambda values: values["15"],
        slope=lambda *_: 0.12,
    )


def _busy(values: Values) -> float:
    """Give ln(-ln(share of quiet candles)), which grows about as the log of trades a minute."""
    quiet = min(max(values["quiet"], 1e-6), 1.0 - 1e-6)
    return float(np.log(-np.log(quiet)))


def _spread(recorded: Values, usual: Parameters) -> Knob:
    return Knob(
        name="spread",
        moment="spread",
        level=recorded["spread"],
        start=usual.spread,
        range=bounds("spread"),
        most=0.5,
        read=lambda values: values["spread"],
        slope=lambda place, level: max(level, 0.01) / max(place, 0.01),
        numbers=lambda place: {"spread": place},
    )


def _season(recorded: Values, usual: Parameters) -> Knob:
    return Knob(
        name="season",
        moment="season",
        level=recorded["season"],
        start=usual.season,
        range=bounds("season"),
        most=2.0,
        read=lambda values: values["season"],
        slope=lambda *_: 1.0,
        numbers=lambda place: {"season": place},
        always=False,
    )


def _bursts(recorded: Values, usual: Parameters) -> Knob:
    """Give the knob of bursts: below 0 fewer than the preset's, above more and larger ones."""
    rate, size = usual.shocks_per_day, usual.shock_size
    most_rate, most_size = bounds("shocks_per_day")[1], bounds("shock_size")[1]

    def numbers(place: float) -> dict[str, float]:
        if place < 0.0:
            return {"shocks_per_day": rate * (1.0 + place)}
        return {
            "shocks_per_day": rate + place * (most_rate - rate),
            "shock_size": size + place * (most_size - size),
        }

    return Knob(
        name="shocks_per_day and shock_size",
        moment="far",
        level=_ln(recorded["far"]),
        start=0.0,
        range=(-1.0, 1.0),
        most=0.5,
        read=lambda values: _ln(values["far"]),
        slope=lambda *_: 0.6,
        numbers=numbers,
        always=False,
    )


def _ln(value: float) -> float:
    return float(np.log(value)) if value > 0 else np.nan

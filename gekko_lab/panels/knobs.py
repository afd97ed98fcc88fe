"""The controls of a simulated market."""

from __future__ import annotations

from math import log10
from typing import TYPE_CHECKING, Any, get_args

import ipywidgets

from gekko_lab.simulation import presets
from gekko_lab.simulation.parameters import NUMBERS, Process, Trend

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gekko_lab.simulation import Parameters
    from gekko_lab.simulation.presets import Preset
    from gekko_lab.sources.exchange_simulator import ExchangeSimulator

_LABELS = {
    "annual_volatility": "Volatility a year",
    "trend_strength": "Trend",
    "shocks_per_day": "Shocks a day",
    "shock_size": "Shock size",
    "season": "Daily rhythm",
    "trades_per_minute": "Trades a minute",
    "trade_value": "Trade value",
    "spread": "Spread",
    "price_steps": "Ticks in price",
}
_WIDE = {"trades_per_minute", "trade_value", "price_steps", "annual_volatility"}
_CHOICES = {"trend": ("Direction", get_args(Trend)), "process": ("Process", get_args(Process))}
_STEP = 0.01

DEFAULT = "default"
"""The name of no preset; a choice of None would show as none at all."""

KNOBS = (*_LABELS, *_CHOICES)
"""What of a market can be set, by the simulator's names."""

FITTED = frozenset(_LABELS)
"""What of it is a number."""

Stored = tuple[str, tuple[str, str, str]]


def knobs(
    simulator: ExchangeSimulator,
    preset: str | None,
    symbol: str | None,
    days: int,
    stored: Sequence[Stored],
) -> dict[str, Any]:
    """Give all controls, set to a simulator."""
    names = list(simulator.rules())
    largest = "BTC/USDT" if "BTC/USDT" in names else names[0]
    made: dict[str, Any] = {
        "preset": _named(
            ipywidgets.Dropdown(
                options=[DEFAULT, *presets.PRESETS],
                value=preset or DEFAULT,
                description="Preset",
            )
        ),
        "seed": _named(ipywidgets.IntText(value=simulator.parameters.seed, description="Seed")),
        "symbol": _named(
            ipywidgets.Dropdown(options=names, value=symbol or largest, description="Symbol")
        ),
        "days": _named(
            ipywidgets.IntSlider(
                value=days, min=1, max=30, description="Days", continuous_update=False
            )
        ),
    }
    for name, (label, choices) in _CHOICES.items():
        value = getattr(simulator.parameters, name)
        made[name] = _named(ipywidgets.Dropdown(options=choices, value=value, description=label))
    for name, label in _LABELS.items():
        made[name] = _named(_slider(name, label, getattr(simulator.parameters, name)))
    made["recorded"] = _named(
        ipywidgets.Dropdown(options=[("nothing", None), *stored], description="Match a market")
    )
    if stored:
        made["recorded"].value = stored[0][1]
    made["match"] = ipywidgets.Button(
        description="Match", tooltip="Fit the simulator to these candles of the data log"
    )
    return made


def set_knobs(
    controls: Mapping[str, Any],
    preset: str | None,
    parameters: Parameters,
    given: Mapping[str, float],
) -> None:
    """Turn the controls to a market's parameters, but for those that are given."""
    controls["preset"].value = preset or DEFAULT
    for name in KNOBS:
        controls[name].value = given.get(name, getattr(parameters, name))


def preset_of(controls: Mapping[str, Any]) -> Preset | None:
    """Give the preset that is chosen."""
    name = controls["preset"].value
    return None if name == DEFAULT else name


def _named(control: Any) -> Any:  # noqa: ANN401 (ipywidgets has no types)
    control.style.description_width = "110px"
    control.layout.width = "300px"
    return control


def _slider(name: str, label: str, value: float) -> Any:  # noqa: ANN401
    number = next(each for each in NUMBERS if each.name == name)
    about = {"description": label, "continuous_update": False}
    if name in _WIDE:
        ends = {"min": log10(number.low), "max": log10(number.high)}
        return ipywidgets.FloatLogSlider(
            value=value, base=10, step=_STEP, readout_format=",.4g", **ends, **about
        )
    return ipywidgets.FloatSlider(value=value, min=number.low, max=number.high, step=_STEP, **about)

"""Python that says what a panel was set to."""

from __future__ import annotations

from datetime import date, datetime

from gekko_lab.simulation import Currency
from gekko_lab.sources.exchange_simulator import ExchangeSimulator

_LONG = 88


def spelled(value: object) -> str:
    """Write a value as Python that gives it again, wherever it can be written.

    Examples
    --------
    >>> import gekko_lab
    >>> spelled(gekko_lab.ExchangeSimulator(seed=7, volatility="low"))
    "gekko_lab.ExchangeSimulator(seed=7, volatility='low', trend='fibonacci')"
    >>> spelled(["BTC/USDT"]), spelled("30d")
    ("['BTC/USDT']", "'30d'")
    """
    if isinstance(value, ExchangeSimulator | Currency):
        return f"gekko_lab.{value!r}"
    if isinstance(value, datetime | date):
        return repr(value.isoformat())
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(spelled, value))}]"
    text = repr(value)
    if isinstance(value, str | int | float | bool | None):
        return text
    return f"gekko_lab.{text}" if text.startswith("CcxtMarketData(") else text


def call(name: str, *given: object, **settings: object) -> str:
    """Write a call; settings that are None are left out, and long calls get lines.

    Examples
    --------
    >>> call("gekko_lab.fetch", "simulator", "BTC/USDT", since="2024-01-01", until=None)
    "gekko_lab.fetch('simulator', 'BTC/USDT', since='2024-01-01')"
    """
    parts = [spelled(each) for each in given]
    parts += [f"{key}={spelled(value)}" for key, value in settings.items() if value is not None]
    line = f"{name}({', '.join(parts)})"
    if len(line) <= _LONG:
        return line
    inside = "".join(f"    {part},\n" for part in parts)
    return f"{name}(\n{inside})"

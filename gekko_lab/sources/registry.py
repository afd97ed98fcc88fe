"""From the name of an exchange to the source that answers for it."""

from __future__ import annotations

import threading
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, cast

import polars as pl

from gekko_lab.errors import GekkoLabError, InvalidType, SourceError, UnknownExchange
from gekko_lab.frames.schemas import EXCHANGES
from gekko_lab.market.suggest import nearest
from gekko_lab.sources import catalog
from gekko_lab.sources.capabilities import CAPABILITIES
from gekko_lab.sources.source import REPLAY, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gekko_lab.simulation.presets import Preset

ENTRY_POINTS = "gekko_lab.sources"
"""The group under which other packages offer sources: a name and a callable without arguments."""

SIMULATOR = "simulator"

_finding = threading.RLock()  # a source each for threads that ask at once would be a limit each


def find_source(exchange: str | Source) -> Source:
    """Give the source for the name of an exchange; a source is given back as it is.

    Raises
    ------
    UnknownExchange
        When nothing has that name; the nearest names are suggested.
    InvalidType
        When it is neither a name nor a source.
    """
    if isinstance(exchange, str):
        with _finding:
            return _named(exchange)
    if _is_source(exchange):
        return exchange
    raise InvalidType(
        f"exchange={exchange!r} is neither the name of an exchange nor a source such as "
        "gekko_lab.CcxtMarketData('binance') or gekko_lab.ExchangeSimulator()"
    )


def _is_source(candidate: object) -> bool:
    return isinstance(candidate, Source) and not isinstance(candidate, type)


def exchanges() -> pl.DataFrame:
    """Give the table of exchanges: the simulator, plugins, and what ccxt knows."""
    rows: list[tuple[object, ...]] = [
        (SIMULATOR, "Gekko Lab simulator", "simulated", True, True, "exact")
    ]
    rows += [(name, point.value, "plugin", None, None, None) for name, point in _plugins().items()]
    for name, entry in catalog.shipped()["exchanges"].items():
        paging = "exact" if name in CAPABILITIES else "generic"
        rows.append((name, entry["name"], "live", entry["candles"], entry["trades"], paging))
    return pl.DataFrame(rows, schema=EXCHANGES, orient="row")


@cache
def _named(name: str) -> Source:
    if name == SIMULATOR:
        from gekko_lab.sources.exchange_simulator import ExchangeSimulator

        return ExchangeSimulator()
    if name.startswith(f"{SIMULATOR}:"):
        return _preset(name)
    if name.startswith(REPLAY):
        return _replay(name.removeprefix(REPLAY))
    plugin = _plugins().get(name)
    if plugin is not None:
        return _load(plugin)
    known = [SIMULATOR, *_plugins(), *catalog.shipped()["exchanges"]]
    try:
        exchange = catalog.known_ccxt_id(name)
    except UnknownExchange:
        raise UnknownExchange(
            f"there is no exchange {name!r}.{nearest(name, known)} gekko_lab.exchanges() lists all"
        ) from None
    from gekko_lab.sources.ccxt_market_data import CcxtMarketData

    return CcxtMarketData(exchange)


def _preset(name: str) -> Source:
    from gekko_lab.simulation.presets import PRESETS
    from gekko_lab.sources.exchange_simulator import ExchangeSimulator

    preset = name.removeprefix(f"{SIMULATOR}:")
    if preset not in PRESETS:
        names = ", ".join(f"'{SIMULATOR}:{each}'" for each in PRESETS)
        raise UnknownExchange(f"the simulator has no preset {preset!r}: use one of {names}")
    return ExchangeSimulator(cast("Preset", preset))


def _replay(identity: str) -> Source:
    """Give what is held of an exchange by its name, or of a source by its identity."""
    from gekko_lab.sources.log_replay import LogReplay

    if not identity:
        raise UnknownExchange(
            f"{REPLAY!r} replays what the data log holds of an exchange: name one, as in "
            f"'{REPLAY}binance'; gekko_lab.datalog.catalog() lists what is there"
        )
    try:
        return LogReplay(_named(identity))
    except UnknownExchange:
        return LogReplay(identity)


def _plugins() -> Mapping[str, EntryPoint]:
    known = catalog.shipped()["exchanges"]
    found = sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name)
    return {point.name: point for point in found if point.name not in {SIMULATOR, *known}}


def _load(plugin: EntryPoint) -> Source:
    try:
        source: Source = plugin.load()()
    except GekkoLabError:
        raise
    except Exception as error:
        raise SourceError(
            f"the plugin {plugin.value} for exchange {plugin.name!r} can't be loaded: {error}"
        ) from error
    if not _is_source(source):
        raise SourceError(
            f"the plugin {plugin.value} for exchange {plugin.name!r} isn't a source; "
            "gekko_lab.sources.contract.check_source tells what it lacks"
        )
    return source

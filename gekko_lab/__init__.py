"""Crypto market data for notebooks, real and simulated, through one call.

>>> import gekko_lab
>>> gekko_lab.fetch("simulator", "BTC/USDT", limit=3, until="2024-01-01").shape
(3, 6)

Names resolve on first use, so importing the package loads nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from gekko_lab import errors
from gekko_lab.settings import options

if TYPE_CHECKING:
    from gekko_lab.calibration.calibration import calibrate
    from gekko_lab.charts.candles import candle_chart
    from gekko_lab.charts.correlation import correlation_chart
    from gekko_lab.charts.equity import equity_chart
    from gekko_lab.charts.heatmaps import heatmap
    from gekko_lab.charts.realism import realism_chart
    from gekko_lab.charts.returns import returns_chart
    from gekko_lab.feeds.feed import Feed
    from gekko_lab.feeds.record_arrivals import recordings
    from gekko_lab.feeds.recorder import Recorder, record
    from gekko_lab.feeds.streaming import replay, stream
    from gekko_lab.fetching.candles import fetch
    from gekko_lab.fetching.job import Job
    from gekko_lab.fetching.many import fetch_many
    from gekko_lab.fetching.order_book import fetch_order_book
    from gekko_lab.fetching.planning import plan
    from gekko_lab.fetching.simulated_paths import simulate
    from gekko_lab.fetching.tables import exchanges, symbols, timeframes
    from gekko_lab.fetching.ticker import fetch_ticker
    from gekko_lab.fetching.trades import fetch_trades
    from gekko_lab.fetching.updating import update
    from gekko_lab.frames.candles import candles_from_trades
    from gekko_lab.frames.resample import gaps, resample
    from gekko_lab.panels.browsing import browse
    from gekko_lab.panels.downloading import download
    from gekko_lab.panels.exploring import explore
    from gekko_lab.panels.laboratory import lab
    from gekko_lab.panels.monitoring import monitor
    from gekko_lab.panels.playing import player
    from gekko_lab.panels.simulating import simulator_lab
    from gekko_lab.realism.report import realism_report
    from gekko_lab.simulation import Currency
    from gekko_lab.simulation.recorded import trades_from_candles
    from gekko_lab.sources.ccxt_market_data import CcxtMarketData
    from gekko_lab.sources.exchange_replay import ExchangeReplay
    from gekko_lab.sources.exchange_simulator import ExchangeSimulator
    from gekko_lab.widgets.chart import Chart

    __version__: str

__all__ = [
    "CcxtMarketData",
    "Chart",
    "Currency",
    "ExchangeReplay",
    "ExchangeSimulator",
    "Feed",
    "Job",
    "Recorder",
    "browse",
    "calibrate",
    "candle_chart",
    "candles_from_trades",
    "correlation_chart",
    "download",
    "equity_chart",
    "errors",
    "exchanges",
    "explore",
    "fetch",
    "fetch_many",
    "fetch_order_book",
    "fetch_ticker",
    "fetch_trades",
    "gaps",
    "heatmap",
    "lab",
    "monitor",
    "options",
    "plan",
    "player",
    "realism_chart",
    "realism_report",
    "record",
    "recordings",
    "replay",
    "resample",
    "returns_chart",
    "simulate",
    "simulator_lab",
    "stream",
    "symbols",
    "timeframes",
    "trades_from_candles",
    "update",
]

_HOMES = {
    "CcxtMarketData": "gekko_lab.sources.ccxt_market_data",
    "Chart": "gekko_lab.widgets.chart",
    "Currency": "gekko_lab.simulation",
    "ExchangeReplay": "gekko_lab.sources.exchange_replay",
    "ExchangeSimulator": "gekko_lab.sources.exchange_simulator",
    "Feed": "gekko_lab.feeds.feed",
    "Job": "gekko_lab.fetching.job",
    "Recorder": "gekko_lab.feeds.recorder",
    "browse": "gekko_lab.panels.browsing",
    "calibrate": "gekko_lab.calibration.calibration",
    "candle_chart": "gekko_lab.charts.candles",
    "candles_from_trades": "gekko_lab.frames.candles",
    "correlation_chart": "gekko_lab.charts.correlation",
    "download": "gekko_lab.panels.downloading",
    "equity_chart": "gekko_lab.charts.equity",
    "exchanges": "gekko_lab.fetching.tables",
    "explore": "gekko_lab.panels.exploring",
    "fetch": "gekko_lab.fetching.candles",
    "fetch_many": "gekko_lab.fetching.many",
    "fetch_order_book": "gekko_lab.fetching.order_book",
    "fetch_ticker": "gekko_lab.fetching.ticker",
    "fetch_trades": "gekko_lab.fetching.trades",
    "gaps": "gekko_lab.frames.resample",
    "heatmap": "gekko_lab.charts.heatmaps",
    "lab": "gekko_lab.panels.laboratory",
    "monitor": "gekko_lab.panels.monitoring",
    "plan": "gekko_lab.fetching.planning",
    "player": "gekko_lab.panels.playing",
    "realism_chart": "gekko_lab.charts.realism",
    "realism_report": "gekko_lab.realism.report",
    "record": "gekko_lab.feeds.recorder",
    "recordings": "gekko_lab.feeds.record_arrivals",
    "replay": "gekko_lab.feeds.streaming",
    "resample": "gekko_lab.frames.resample",
    "returns_chart": "gekko_lab.charts.returns",
    "simulate": "gekko_lab.fetching.simulated_paths",
    "simulator_lab": "gekko_lab.panels.simulating",
    "stream": "gekko_lab.feeds.streaming",
    "symbols": "gekko_lab.fetching.tables",
    "timeframes": "gekko_lab.fetching.tables",
    "trades_from_candles": "gekko_lab.simulation.recorded",
    "update": "gekko_lab.fetching.updating",
}


_PACKAGES = {
    "datalog",
    "events",
    "feeds",
    "frames",
    "limits",
    "market",
    "server",
    "simulation",
    "sources",
}


def __getattr__(name: str) -> object:
    """Load the home of a public name when it is first used."""
    if name == "__version__":
        from importlib.metadata import version

        return version("gekko-lab")
    if name in _PACKAGES:
        return import_module(f"gekko_lab.{name}")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'gekko_lab' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

"""The simulated market behind a real exchange's public protocol, on this machine."""

from __future__ import annotations

from gekko_lab.server.clock import Clock
from gekko_lab.server.exchange import Request
from gekko_lab.server.faults import Fault, Faults
from gekko_lab.server.market import Bounded, FrameMarket, MarketData
from gekko_lab.server.running import Server
from gekko_lab.server.serving import serve

__all__ = [
    "Bounded",
    "Clock",
    "Fault",
    "Faults",
    "FrameMarket",
    "MarketData",
    "Request",
    "Server",
    "serve",
]

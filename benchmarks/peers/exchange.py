"""The exchange that all contenders ask: the simulated market, served on this machine."""

from __future__ import annotations

import json
import sys

from gekko_lab.server import serve
from gekko_lab.simulation import SimulatedMarket


def main() -> None:
    """Serve until stdin ends; print where, and how ccxt gets there."""
    with serve(SimulatedMarket()) as server:
        print(json.dumps({"url": server.url, "config": server.ccxt_config()}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()

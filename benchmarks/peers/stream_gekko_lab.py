"""Contender: gekko_lab.stream, a listener of each trade and one of candles built from them."""

from __future__ import annotations

import listening

import gekko_lab


def main() -> None:
    given, meter = listening.told()
    config = {**given["config"], "cafile": given["certificate"], "requests_trust_env": True}
    source = gekko_lab.CcxtMarketData("binance", config=config)
    feed = gekko_lab.stream(source, given["symbols"], kinds=("trade", "candle"), timeframe="1m")
    feed.on("trade", lambda trade: meter.trade(trade.timestamp_us / 1000))
    feed.on("candle", lambda _: meter.candle())
    feed.start().wait()


if __name__ == "__main__":
    main()

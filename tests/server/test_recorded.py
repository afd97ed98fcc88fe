"""A recorded market can be served as an exchange."""

from __future__ import annotations

import polars as pl

import gekko_lab
from gekko_lab.simulation import RecordedMarket


def test_a_client_of_the_server_gets_the_recorded_rows(binance):
    asked = {"since": "2024-01-01", "until": "2024-01-02"}
    minutes = gekko_lab.fetch("simulator", "ETH/BTC", "1m", **asked)
    recorded = RecordedMarket({"ETH/BTC": minutes})
    _, source = binance("2024-01-02T00:10:00", data=recorded)
    assert gekko_lab.fetch(source, "ETH/BTC", "1m", **asked).equals(minutes)
    hours = gekko_lab.fetch(source, "ETH/BTC", "1h", **asked)
    assert hours.drop("volume").equals(gekko_lab.resample(minutes, "1h").drop("volume"))
    window = {"since": "2024-01-01T03:00", "until": "2024-01-01T04:00"}
    trades = gekko_lab.fetch_trades(source, "ETH/BTC", **window)
    tape = gekko_lab.trades_from_candles(minutes)
    span = pl.col("timestamp").dt.hour() == 3
    assert trades.select("timestamp", "price", "amount").equals(
        tape.filter(span).select("timestamp", "price", "amount")
    )

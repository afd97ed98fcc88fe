"""Order books and tickers: of served exchanges, of the simulator and of the data log."""

from __future__ import annotations

import polars as pl
import pytest

import gekko_lab
from gekko_lab.datalog.series import Series
from gekko_lab.errors import BadResponse, InvalidArgument, NotInLog, UnsupportedBySource
from gekko_lab.frames.schemas import ORDER_BOOK, TICKER
from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.server import Fault, serve

DAY = 86_400_000
NOW = 1_709_251_230_499  # the end of an update of 100 ms
EXCHANGES = ["binance", "coinbaseexchange", "kraken"]


@pytest.fixture(params=EXCHANGES)
def exchange(request, market):
    """A served exchange whose clock stands, and a source for it."""
    with serve(market, clock=lambda: NOW, exchange=request.param) as server:
        config = {"enableRateLimit": False, **server.ccxt_config()}
        source = gekko_lab.CcxtMarketData(request.param, config=config)
        yield server, source
        source.close()


class TestOrderBooks:
    @pytest.mark.parametrize("depth", [1, 7, 20])
    def test_they_are_the_market_s(self, exchange, market, depth):
        _, source = exchange
        found = gekko_lab.fetch_order_book(source, "BTC/USDT", depth=depth)
        assert found.schema == ORDER_BOOK
        names = ["side", "level", "price", "amount"]
        truth = market.order_book("BTC/USDT", NOW, depth)
        assert found.select(names).equals(truth.select(names))

    @pytest.mark.parametrize("kind", ["truncated", "html", "status", "empty"])
    def test_bad_answers_are_asked_for_again(self, exchange, kind):
        server, source = exchange
        truth = gekko_lab.fetch_order_book(source, "BTC/USDT", depth=3)
        server.faults.add(Fault(kind, path=None, count=2))
        found = gekko_lab.fetch_order_book(source, "BTC/USDT", depth=3)
        assert found.drop("timestamp").equals(truth.drop("timestamp"))

    def test_an_exchange_that_stays_bad_is_told(self, exchange):
        server, source = exchange
        source.market("BTC/USDT")
        server.faults.add(Fault("truncated", path=None))
        with pytest.raises(BadResponse, match="JSON"):
            gekko_lab.fetch_order_book(source, "BTC/USDT")


class TestTickers:
    def test_they_tell_of_the_market(self, exchange, market):
        _, source = exchange
        found = gekko_lab.fetch_ticker(source, "BTC/USDT")
        assert found.schema == TICKER
        best = market.order_book("BTC/USDT", NOW, 1)["price"].to_list()
        row = found.row(0, named=True)
        assert [row["bid"], row["ask"]] == best
        trades = market.trades("BTC/USDT", NOW - DAY + 1, NOW + 1)
        assert row["last"] == trades["price"][-1]
        assert row["volume"] == pytest.approx(trades["amount"].sum(), rel=1e-3)

    def test_a_past_one_is_refused(self):
        with pytest.raises(UnsupportedBySource, match="of now alone"):
            gekko_lab.fetch_ticker("kraken", "BTC/USD", at="2024-01-01")


class TestSimulated:
    def test_a_ticker_of_any_moment_is_what_the_market_shows(self):
        source = gekko_lab.ExchangeSimulator("thin", seed=3)
        for time in (NOW, NOW - 17_000, NOW - 30_499):
            row = gekko_lab.fetch_ticker(source, "BTC/USDT", at=time).row(0, named=True)
            assert row["timestamp"].timestamp() == pytest.approx(time / 1000)
            best = source.order_book("BTC/USDT", time, 1)["price"].to_list()
            assert [row["bid"], row["ask"]] == best
            trades = gekko_lab.fetch_trades(
                source, "BTC/USDT", since=time - DAY // 8, until=time + 1
            )
            assert row["last"] == trades["price"][-1]
            minute = time // 60_000 * 60_000
            candles = source.candles("BTC/USDT", Timeframe.parse("1m"), minute - DAY, minute)
            running = trades.filter(pl.col("timestamp").dt.epoch("ms") >= minute)["amount"].sum()
            volume = candles.frame["volume"].sum() + running
            assert row["volume"] == pytest.approx(volume, rel=1e-12)

    def test_before_the_first_trade_there_is_none(self):
        with pytest.raises(InvalidArgument, match="at="):
            gekko_lab.fetch_ticker("simulator", "BTC/USDT", at="tomorrow or so")
        found = gekko_lab.fetch_ticker("simulator", "BTC/USDT", at="2009-06-01")
        assert found.schema == TICKER
        assert found.is_empty()


class TestLogged:
    def test_the_last_ones_that_are_held_are_given(self):
        source = gekko_lab.ExchangeSimulator()
        times = [NOW, NOW + 1000, NOW + 3 * DAY]
        for kind, rows in (
            ("order_book", [source.order_book("BTC/USDT", time, 5) for time in times]),
            ("ticker", [gekko_lab.fetch_ticker(source, "BTC/USDT", at=time) for time in times]),
        ):
            with Series(kind, source.identity, "BTC/USDT") as series:
                for time, row in zip(times, rows, strict=True):
                    series.append(row, Span(time - 5, time + 5), closed_until=time + 5)
            ask = gekko_lab.fetch_order_book if kind == "order_book" else gekko_lab.fetch_ticker
            logged = f"replay:{source.identity}"
            assert ask(logged, "BTC/USDT", at=times[1] + DAY).equals(rows[1])
            assert ask(logged, "BTC/USDT", at=times[1] - 1).equals(rows[0])
            assert ask(logged, "BTC/USDT").equals(rows[2])
            with pytest.raises(NotInLog, match=f"no {kind} of BTC/USDT"):
                ask(logged, "BTC/USDT", at="2020-01-01")
        book = gekko_lab.fetch_order_book(logged, "BTC/USDT", depth=2)
        assert book.height == 4

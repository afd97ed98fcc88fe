"""The simulated market as a source: its pages are the market, whatever is asked."""

from __future__ import annotations

import pickle
import time

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gekko_lab
from gekko_lab.errors import GapWarning, InvalidArgument, InvalidRange, InvalidType, UnknownSymbol
from gekko_lab.frames.schemas import CANDLES, CANDLES_FULL, TRADES
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.simulation import GENESIS, HORIZON, Currency, Parameters, SimulatedMarket
from gekko_lab.sources.source import TradeCursor

MINUTE = Timeframe.parse("1m")
START = 1_704_067_200_000  # 2024-01-01
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


@pytest.fixture(scope="module")
def simulator():
    return gekko_lab.ExchangeSimulator()


class TestPages:
    def test_a_page_is_the_market(self, simulator, market):
        page = simulator.candles("ETH/BTC", MINUTE, START, START + HOUR_MS)
        assert page.frame.equals(market.candles("ETH/BTC", MINUTE, START, START + HOUR_MS))
        assert (page.resumes_at, page.oldest) == (None, None)

    def test_quote_volume_is_counted_where_it_is_wanted(self, simulator, market):
        span = (START, START + 600_000)
        frame = simulator.candles("BTC/USDT", MINUTE, *span, full=True).frame
        assert frame.schema == CANDLES_FULL
        prints = market.trades("BTC/USDT", *span)
        cost = (prints["price"] * prints["amount"]).sum()
        assert frame["quote_volume"].sum() == pytest.approx(cost)
        assert frame["trade_count"].sum() == len(prints)

    @pytest.mark.parametrize("timeframe", ["1s", "1m", "1h", "1d", "1w", "1M"])
    def test_a_page_holds_no_more_than_a_year_of_minutes_takes(self, simulator, timeframe):
        width = Timeframe.parse(timeframe)
        size = simulator.paging("BTC/USDT", width).page_size
        assert size >= 1
        assert size * max(width.shortest, 60_000) <= 366 * DAY_MS

    def test_a_page_before_the_beginning_tells_where_candles_begin(self, simulator):
        page = simulator.candles("BTC/USDT", MINUTE, 0, 60_000)
        assert page.frame.is_empty()
        assert page.resumes_at == GENESIS
        week = Timeframe.parse("1w")  # none opens before the market: the first one on 2010-01-04
        page = simulator.candles("BTC/USDT", week, 0, week.floor(GENESIS))
        assert page.resumes_at == GENESIS + 3 * DAY_MS


class TestFetch:
    def test_years_before_the_beginning_are_named(self, simulator):
        with pytest.warns(
            GapWarning, match=r"before the market was listed \(2009 to|2009-"
        ) as told:
            candles = gekko_lab.fetch(
                simulator, "BTC/USDT", "1d", since="2009-12-25", until="2010-01-03"
            )
        assert candles["timestamp"].dt.epoch("ms").to_list() == [GENESIS, GENESIS + DAY_MS]
        assert len(told) == 1
        assert told[0].message.report["missing"].to_list() == [7]

    def test_a_range_that_ends_before_the_beginning_is_all_missing(self, simulator):
        with pytest.warns(GapWarning, match="before the market was listed"):
            candles = gekko_lab.fetch(simulator, "BTC/USDT", "1h", since="1970", until="1980")
        assert candles.is_empty()
        assert candles.schema == CANDLES

    def test_the_future_is_shown_to_those_who_name_its_end(self, simulator, market, ms):
        since, until = "2099-06-01", "2099-06-02"
        candles = gekko_lab.fetch(simulator, "BTC/USDT", "1h", since=since, until=until)
        expected = market.candles("BTC/USDT", Timeframe.parse("1h"), ms(since), ms(until))
        assert candles.equals(expected.select(list(CANDLES)))
        trades = gekko_lab.fetch_trades(
            simulator, "BTC/USDT", since="2099-06-01", until="2099-06-01T00:10"
        )
        assert len(trades) == len(market.trades("BTC/USDT", ms(since), ms(since) + 600_000))

    @pytest.mark.parametrize("ask", [gekko_lab.fetch, gekko_lab.fetch_trades])
    def test_a_since_in_the_future_needs_an_until(self, simulator, ask):
        with pytest.raises(InvalidRange, match="give until as well"):
            ask(simulator, "BTC/USDT", since="2099")

    def test_without_until_nothing_of_the_future_comes(self, simulator, monkeypatch):
        monkeypatch.setattr(time, "time_ns", lambda: (START + 90_000) * 1_000_000)
        candles = gekko_lab.fetch(simulator, "BTC/USDT", "1m", since=START - 120_000)
        assert candles["timestamp"].dt.epoch("ms").to_list() == [
            START - 120_000,
            START - 60_000,
            START,
        ]
        trades = gekko_lab.fetch_trades(simulator, "BTC/USDT", since=START)
        assert trades["timestamp"].dt.epoch("ms").max() < START + 90_000

    def test_the_end_of_history_ends_the_work(self, simulator):
        with pytest.warns(GapWarning, match="after the market's last candle"):
            candles = gekko_lab.fetch(
                simulator, "BTC/USDT", "1d", since="2199-12-30", until="2300-01-01"
            )
        assert len(candles) == 2
        trades = gekko_lab.fetch_trades(
            simulator, "BTC/USDT", since="2199-12-31T23:59", until="9999-01-01"
        )
        assert trades["timestamp"].dt.epoch("ms").max() < HORIZON
        assert len(trades)

    def test_more_months_than_there_are_is_no_crash(self, simulator):
        with pytest.warns(GapWarning, match="before the market was listed"):
            months = gekko_lab.fetch(simulator, "BTC/USDT", "1M", until="2010-04-01", limit=30_000)
        assert months["timestamp"].dt.month().to_list() == [1, 2, 3]

    def test_the_default_is_the_last_500_hours(self, simulator, monkeypatch):
        monkeypatch.setattr(time, "time_ns", lambda: (START + 90_000) * 1_000_000)
        hours = gekko_lab.fetch(simulator, "BTC/USDT")
        assert hours["timestamp"].dt.epoch("ms").to_list() == [
            START - back * HOUR_MS for back in range(500, 0, -1)
        ]

    @settings(max_examples=12, deadline=None)
    @given(
        timeframe=st.sampled_from(["1s", "30s", "1m", "15m", "4h", "1d", "1w", "1M"]),
        begin=st.integers(0, 60),
        first=st.integers(1, 60),
        second=st.integers(1, 60),
        symbol=st.sampled_from(["BTC/USDT", "ETH/BTC"]),
    )
    def test_two_halves_are_the_whole(self, simulator, timeframe, begin, first, second, symbol):
        width = Timeframe.parse(timeframe)
        since = width.shift(width.ceil(GENESIS), begin)
        middle = width.shift(since, first)
        until = width.shift(middle, second)
        spans = [(since, middle), (middle, until), (since, until)]
        one, other, whole = (
            gekko_lab.fetch(simulator, symbol, timeframe, since=a, until=b) for a, b in spans
        )
        assert len(one) == first
        assert len(other) == second
        assert whole.equals(pl.concat([one, other]))
        first_rows = gekko_lab.fetch(simulator, symbol, timeframe, since=since, limit=first)
        last_rows = gekko_lab.fetch(simulator, symbol, timeframe, until=until, limit=second)
        assert first_rows.equals(one)
        assert last_rows.equals(other)


class TestTrades:
    def test_pages_of_trades_are_the_market_s_trades(self, simulator, market):
        until = START + 20 * HOUR_MS
        cursor, pages = TradeCursor(START), []
        while cursor is not None:
            page = simulator.trades("GAIANUT/USDT", cursor, until)
            pages.append(page.frame)
            cursor = page.following
        assert len(pages) == 4  # of six hours
        truth = market.trades("GAIANUT/USDT", START, until)
        assert pl.concat(pages).equals(truth.with_columns(pl.col("id").cast(pl.String)))

    def test_no_trade_is_older_than_the_market(self, simulator):
        page = simulator.trades("BTC/USDT", TradeCursor(0), GENESIS + 60_000)
        assert page.frame["timestamp"].dt.epoch("ms").min() >= GENESIS
        assert page.following is None
        assert page.frame.schema == TRADES
        assert simulator.oldest_trade("BTC/USDT", 0) == GENESIS
        assert simulator.oldest_trade("BTC/USDT", GENESIS) is None

    def test_trades_before_the_beginning_are_named(self, simulator):
        with pytest.warns(GapWarning, match=r"older than what the exchange serves \(2009-12-31 to"):
            trades = gekko_lab.fetch_trades(
                simulator, "BTC/USDT", since="2009-12-31", until="2010-01-01T00:01"
            )
        assert len(trades)


class TestParameters:
    @pytest.mark.parametrize(
        ("wrong", "error"),
        [
            ({"seed": 1.5}, InvalidType),
            ({"seed": True}, InvalidType),
            ({"volatility": "huge"}, InvalidArgument),
            ({"trend": None}, InvalidType),
            ({"preset": "huge"}, InvalidArgument),
            ({"wobble": 1.0}, InvalidArgument),
            ({"spread": 9.0}, InvalidArgument),
            ({"season": "strong"}, InvalidType),
            ({"currencies": []}, InvalidArgument),
            ({"currencies": ["BTC", "USDT"]}, InvalidType),
        ],
    )
    def test_a_wrong_one_is_refused_at_once(self, wrong, error):
        with pytest.raises(error, match=next(iter(wrong))):
            gekko_lab.ExchangeSimulator(**wrong)

    def test_they_are_named_and_not_placed(self):
        with pytest.raises(TypeError):
            gekko_lab.ExchangeSimulator(7)

    def test_own_currencies_make_the_markets(self):
        listed = [Currency("USD", volatility=0.0, quotes=True), Currency("GOLD", 2000.0)]
        source = gekko_lab.ExchangeSimulator(currencies=listed)
        assert list(source.rules()) == ["GOLD/USD"]
        assert len(gekko_lab.fetch(source, "GOLD/USD", "1d", until="2024", limit=3)) == 3

    def test_an_unknown_market_is_answered_with_the_nearest(self, simulator):
        with pytest.raises(UnknownSymbol, match=r"'BTC/USDT'.*symbols\('simulator'\)"):
            simulator.market("BTCUSDT")

    def test_whatever_changes_the_data_changes_the_identity(self):
        sources = [
            gekko_lab.ExchangeSimulator(**given)
            for given in (
                {},
                {"seed": 1},
                {"volatility": "low"},
                {"trend": "up"},
                {"currencies": Parameters().currencies[:5]},
                {"preset": "thin"},
                {"season": 0.5},
            )
        ]
        assert len({source.identity for source in sources}) == 7
        assert sources[0].identity == gekko_lab.ExchangeSimulator(seed=0).identity
        assert all(source.identity.startswith("simulator-") for source in sources)

    def test_the_repr_says_what_was_chosen(self):
        source = gekko_lab.ExchangeSimulator(seed=3, trend="up")
        assert repr(source) == "ExchangeSimulator(seed=3, volatility='moderate', trend='up')"
        assert eval(repr(source), {"ExchangeSimulator": gekko_lab.ExchangeSimulator}).identity == (  # noqa: S307
            source.identity
        )

    def test_the_repr_of_a_preset_makes_it_again(self):
        source = gekko_lab.ExchangeSimulator("fx", spread=0.5)
        assert repr(source).startswith("ExchangeSimulator('fx', seed=0, ")
        assert "spread=0.5)" in repr(source)
        again = eval(repr(source), {"ExchangeSimulator": gekko_lab.ExchangeSimulator})  # noqa: S307
        assert again.identity == source.identity

    def test_the_description_shows_what_was_chosen(self):
        frame = gekko_lab.ExchangeSimulator("thin", seed=5, season=2).describe()
        shown = dict(frame.select("parameter", "value").iter_rows())
        assert (shown["seed"], shown["season"], shown["trades_per_minute"]) == ("5", "2", "6")

    @pytest.mark.parametrize(
        "given",
        [
            {},
            {"seed": 9, "currencies": Parameters().currencies[:4]},
            {"preset": "thin", "spread": 0.3},
        ],
    )
    def test_a_pickled_simulator_is_the_same_market(self, given):
        source = gekko_lab.ExchangeSimulator(**given)
        copy = pickle.loads(pickle.dumps(source))  # noqa: S301 (our own)
        assert copy.identity == source.identity
        span = (START, START + HOUR_MS)
        assert copy.candles("BTC/USDT", MINUTE, *span).frame.equals(
            source.candles("BTC/USDT", MINUTE, *span).frame
        )

    def test_the_parameters_are_those_of_the_market_itself(self):
        source = gekko_lab.ExchangeSimulator(seed=4, volatility="high")
        truth = SimulatedMarket(Parameters(seed=4, volatility="high"))
        span = (START, START + HOUR_MS)
        assert source.candles("BTC/USDT", MINUTE, *span).frame.equals(
            truth.candles("BTC/USDT", MINUTE, *span)
        )


def test_numbers_of_numpy_are_seeds_and_a_number_is_no_list_of_currencies():
    one, other = (gekko_lab.ExchangeSimulator(seed=seed) for seed in (np.int64(7), 7))
    assert one.identity == other.identity
    with pytest.raises(InvalidType, match="currencies=5"):
        gekko_lab.ExchangeSimulator(currencies=5)

"""A recording as an exchange: its rows come back as they are, and what is made up fits them."""

from __future__ import annotations

import pickle

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gekko_lab
from gekko_lab.errors import (
    DataError,
    GapWarning,
    InvalidArgument,
    InvalidRange,
    InvalidType,
    UnknownSymbol,
    UnknownTimeframe,
)
from gekko_lab.frames.schemas import CANDLES, CANDLES_FULL, TIME
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.sources.contract import check_source

MINUTE = 60_000
START = 1_704_067_200_000  # 2024-01-01, a Monday
SYMBOL = "XRP/ETH"


def frame_of(rows, width=MINUTE, start=START):
    """Candles of (place, open, high, low, close, volume)."""
    table = [(start + place * width, *map(float, rest)) for place, *rest in rows]
    frame = pl.DataFrame(table, schema=list(CANDLES), orient="row")
    return frame.with_columns((pl.col("timestamp") * 1000).cast(TIME))


@pytest.fixture(scope="module")
def candles():
    """Two days of five-minute candles of a thin market that lack every eleventh row."""
    source = gekko_lab.ExchangeSimulator("thin", seed=9)
    whole = gekko_lab.fetch(source, "LTC/USDT", "5m", since="2024-01-01", until="2024-01-03")
    return whole.filter(pl.int_range(pl.len()) % 11 != 5)


@pytest.fixture(scope="module")
def replay(candles):
    return gekko_lab.ExchangeReplay({SYMBOL: candles}, seed=3)


@pytest.fixture(scope="module")
def tape(candles):
    return gekko_lab.trades_from_candles(candles, seed=3)


def quietly(ask, *args, **given):
    """Ask for what has gaps, which are told and meant."""
    with pytest.warns(GapWarning) as told:
        found = ask(*args, **given)
    return found, told[0].message.report


@pytest.mark.parametrize("timeframe", ["5m", "1m", "1s", "1h", "1d"])
def test_it_keeps_the_rules_of_a_source(replay, timeframe):
    check_source(replay, SYMBOL, timeframe)


class TestCandles:
    def test_recorded_rows_come_back_bit_for_bit_and_gaps_are_told(self, replay, candles):
        found, gaps = quietly(gekko_lab.fetch, replay, SYMBOL, "5m", since="2024-01-01")
        assert found.equals(candles)
        expected = gekko_lab.gaps(candles, "5m", since="2024-01-01", until="2024-01-03")
        assert gaps.select("since", "until", "missing").equals(
            expected.select("since", "until", "missing")
        )
        assert set(gaps["reason"]) == {"unknown"}

    def test_the_clock_stands_at_the_end_so_that_the_last_candle_is_closed(self, replay, candles):
        assert replay.now() == START + 2 * 1440 * MINUTE
        found, _ = quietly(gekko_lab.fetch, replay, SYMBOL, "5m", limit=20)
        assert found.equals(candles.tail(20))
        recent, _ = quietly(gekko_lab.fetch, replay, SYMBOL, "5m", since="2h")
        assert recent.equals(
            candles.filter(pl.col("timestamp").dt.epoch("ms") >= replay.now() - 7_200_000)
        )
        with pytest.raises(InvalidRange, match="lies after replay's clock"):
            gekko_lab.fetch(replay, SYMBOL, "5m", since="2024-02-01", until="2024-03-01")

    def test_longer_candles_are_joined_where_the_recording_covers_them(self, candles):
        late = candles.filter(pl.col("timestamp").dt.epoch("ms") >= START + 100 * MINUTE)
        replay = gekko_lab.ExchangeReplay({SYMBOL: late})
        found, _ = quietly(gekko_lab.fetch, replay, SYMBOL, "1h", since="2024-01-01")
        assert found.equals(gekko_lab.resample(late, "1h", until="2024-01-03"))
        assert found["timestamp"].dt.epoch("ms")[0] == START + 120 * MINUTE
        days, _ = quietly(gekko_lab.fetch, replay, SYMBOL, "1d", since="2024-01-01")
        assert days["timestamp"].dt.day().to_list() == [2]
        assert gekko_lab.fetch(replay, SYMBOL, "1d", since="2024-01-02")["high"][0] == (
            late.filter(pl.col("timestamp").dt.day() == 2)["high"].max()
        )

    @pytest.mark.parametrize("timeframe", ["1m", "5s"])
    def test_shorter_candles_are_those_of_the_trades_and_join_to_the_recorded(
        self, replay, candles, tape, timeframe
    ):
        found, gaps = quietly(
            gekko_lab.fetch, replay, SYMBOL, timeframe, since="2024-01-01", columns="full"
        )
        joined = gekko_lab.resample(found, "5m", until="2024-01-03")
        assert joined.select(CANDLES.names()[:5]).equals(candles.select(CANDLES.names()[:5]))
        assert np.allclose(joined["volume"], candles["volume"], rtol=1e-12)
        truth = tape.group_by_dynamic("timestamp", every=timeframe).agg(
            open=pl.col("price").first(),
            high=pl.col("price").max(),
            low=pl.col("price").min(),
            close=pl.col("price").last(),
            trade_count=pl.len(),
        )
        traded = found.filter(pl.col("trade_count") > 0)
        assert traded.select(truth.columns).equals(truth.cast({"trade_count": pl.Int64}))
        quiet = found.filter(pl.col("trade_count") == 0)
        assert len(quiet) > 0
        assert (quiet["high"] == quiet["low"]).all()
        assert quiet["volume"].sum() == 0
        width = Timeframe.parse(timeframe).shortest
        assert gaps["missing"].sum() * width == (576 - len(candles)) * 5 * MINUTE

    def test_a_quiet_row_has_quiet_parts_at_its_own_price(self):
        rows = [(0, 2, 3, 1, 2.5, 9), (1, 2.75, 2.75, 2.75, 2.75, 0), (2, 2.5, 2.5, 2.5, 2.5, 4)]
        replay = gekko_lab.ExchangeReplay({SYMBOL: frame_of(rows)})
        parts = gekko_lab.fetch(replay, SYMBOL, "15s", since=START + MINUTE, limit=4)
        assert parts["close"].to_list() == [2.75] * 4
        assert parts["volume"].sum() == 0

    def test_counts_and_costs_are_given_where_they_were_recorded(self, replay, candles):
        page = replay.candles(SYMBOL, Timeframe.parse("5m"), START, START + 20 * MINUTE, full=True)
        assert page.frame.schema == CANDLES_FULL
        assert page.frame["trade_count"].null_count() == len(page.frame)
        full = gekko_lab.fetch(
            "simulator", "BTC/USDT", "1h", since="2024-01-01", limit=24, columns="full"
        )
        known = gekko_lab.ExchangeReplay({"BTC/USDT": full})
        again = gekko_lab.fetch(known, "BTC/USDT", "1h", limit=24, columns="full")
        assert again.equals(full)

    def test_widths_that_fit_are_offered_and_others_refused(self, replay):
        names = gekko_lab.timeframes(replay)["timeframe"].to_list()
        assert names[:6] == ["1s", "5s", "15s", "30s", "1m", "5m"]
        assert "3m" not in names
        assert names[-2:] == ["1w", "1M"]
        with pytest.raises(UnknownTimeframe, match="'3m'"):
            gekko_lab.fetch(replay, SYMBOL, "3m")
        start = START - START % (7 * MINUTE)
        seven = frame_of([(place, 2, 2, 2, 2, 1) for place in range(3)], 7 * MINUTE, start)
        odd = gekko_lab.ExchangeReplay({SYMBOL: seven})
        assert "7m" in odd.timeframes()
        assert len(gekko_lab.fetch(odd, SYMBOL, "7m", since=start)) == 3

    def test_years_with_a_hole_are_walked_through(self):
        rows = [(0, 2, 3, 1, 2, 9), (1, 2, 3, 1, 2, 9), (5_000_000, 2, 3, 1, 2, 9)]
        replay = gekko_lab.ExchangeReplay({SYMBOL: frame_of(rows)})
        found, gaps = quietly(gekko_lab.fetch, replay, SYMBOL, "1m", since=START)
        assert (len(found), gaps["missing"].to_list()) == (3, [4_999_998])
        last, _ = quietly(gekko_lab.fetch, replay, SYMBOL, "1m", limit=500)
        assert len(last) == 3
        trades = gekko_lab.fetch_trades(replay, SYMBOL, since=START)
        assert trades["amount"].sum() == 27

    def test_a_symbol_that_ended_earlier_is_told_apart_from_a_gap(self):
        rows = [(place, 2, 3, 1, 2, 9) for place in range(10)]
        replay = gekko_lab.ExchangeReplay({"A/B": frame_of(rows[:5]), "B/C": frame_of(rows)})
        found, gaps = quietly(gekko_lab.fetch, replay, "A/B", "1m", since=START)
        assert len(found) == 5
        assert gaps.select("missing", "reason").rows() == [(5, "ended")]


class TestTrades:
    def test_they_are_those_of_the_candles(self, replay, tape):
        assert gekko_lab.fetch_trades(replay, SYMBOL, since="2024-01-01").equals(tape)
        assert gekko_lab.fetch_trades(replay, SYMBOL, limit=77).equals(tape.tail(77))

    @settings(max_examples=40, deadline=None)
    @given(begin=st.integers(-10, 2900), length=st.integers(1, 2000), shift=st.integers(0, 59_999))
    def test_any_window_is_a_slice_of_them(self, replay, tape, begin, length, shift):
        since = START + begin * MINUTE + shift
        until = since + length * MINUTE
        page = replay.trades(SYMBOL, gekko_lab.sources.source.TradeCursor(since), until)
        time = tape["timestamp"].dt.epoch("ms")
        assert page.frame.equals(tape.filter((time >= since) & (time < until)))

    def test_pages_leave_nothing_out(self, replay, tape, monkeypatch):
        monkeypatch.setattr("gekko_lab.sources.exchange_replay._PAGE_TRADES", 100)
        assert gekko_lab.fetch_trades(replay, SYMBOL, since="2024-01-01").equals(tape)
        first = gekko_lab.fetch_trades(replay, SYMBOL, since="2024-01-01T07:03", limit=250)
        assert first.equals(
            tape.filter(pl.col("timestamp").dt.epoch("ms") >= START + 423 * MINUTE)[:250]
        )

    def test_what_lies_before_the_recording_is_not_served(self, replay, tape):
        found, gaps = quietly(gekko_lab.fetch_trades, replay, SYMBOL, since="2023-12-31")
        assert found.equals(tape)
        assert gaps["reason"].to_list() == ["not_served"]


class TestOrderBook:
    def test_the_next_trade_prints_at_the_best_price_of_the_side_it_takes(self, replay, tape):
        rng = np.random.default_rng(4)
        time = tape["timestamp"].dt.epoch("ms").to_numpy()
        moments = rng.integers(START, int(time[-1]), 150)
        for moment in moments.tolist():
            book = replay.order_book(SYMBOL, moment, 5)
            bid, ask = (book.filter(side=side)["price"].to_list() for side in ("bid", "ask"))
            assert bid == sorted(bid, reverse=True)
            assert ask == sorted(ask)
            assert bid[0] < ask[0]
            following = tape.row(int(np.searchsorted(time, moment, "right")), named=True)
            assert following["price"] == (ask if following["side"] == "buy" else bid)[0]

    def test_its_usual_spread_is_the_recorded_market_s(self):
        source = gekko_lab.ExchangeSimulator("thin", seed=2, spread=0.4)
        asked = {"since": "2024-01-01", "until": "2024-01-08"}
        minutes = gekko_lab.fetch(source, "BTC/USDT", "1m", columns="full", **asked)
        replay = gekko_lab.ExchangeReplay({"BTC/USDT": minutes})
        moments = range(START, START + 7 * 1440 * MINUTE, 60 * MINUTE)

        def median(market):
            books = [market.order_book("BTC/USDT", moment, 1)["price"] for moment in moments]
            return np.median([(ask - bid) / bid for bid, ask in books])

        assert median(replay) == pytest.approx(median(source), rel=0.5)

    def test_it_is_known_in_gaps_and_at_the_ends_but_not_beyond(self, replay, tape):
        for moment in (START, START + 27 * MINUTE, replay.now()):
            assert replay.order_book(SYMBOL, moment, 3).height == 6
        final = gekko_lab.fetch_order_book(replay, SYMBOL, depth=1)["price"]
        last = tape["price"][-1]
        assert final[0] <= last <= final[1]
        for moment in (START - 1, replay.now() + 1):
            with pytest.raises(InvalidArgument, match="was recorded from 2024-01-01 to 2024-01-03"):
                replay.order_book(SYMBOL, moment)

    def test_a_recording_without_trades_has_no_book(self):
        replay = gekko_lab.ExchangeReplay(
            {SYMBOL: frame_of([(0, 2, 2, 2, 2, 0)] * 1)}, timeframe="1m"
        )
        with pytest.raises(InvalidArgument, match="without any trade"):
            replay.order_book(SYMBOL, START)
        assert gekko_lab.fetch_trades(replay, SYMBOL, since=START).is_empty()


class TestIdentity:
    def test_whatever_changes_the_data_changes_it(self, candles):
        other = candles.with_columns(volume=pl.col("volume") + (pl.int_range(pl.len()) == 7))
        sources = [
            gekko_lab.ExchangeReplay({SYMBOL: candles}),
            gekko_lab.ExchangeReplay({SYMBOL: candles}, seed=1),
            gekko_lab.ExchangeReplay({SYMBOL: candles}, trades_per_candle=9),
            gekko_lab.ExchangeReplay({SYMBOL: other}),
            gekko_lab.ExchangeReplay({SYMBOL: candles[1:]}),
            gekko_lab.ExchangeReplay({"XRP/BTC": candles}),
            gekko_lab.ExchangeReplay({SYMBOL: candles, "XRP/BTC": candles}),
        ]
        assert len({source.identity for source in sources}) == len(sources)
        assert all(source.identity.startswith("replay-") for source in sources)
        again = gekko_lab.ExchangeReplay(
            {SYMBOL: candles.clone()}, seed=np.int64(0), timeframe="5m"
        )
        assert again.identity == sources[0].identity

    def test_a_pickled_replay_is_the_same_source(self, replay, tape):
        copy = pickle.loads(pickle.dumps(replay))  # noqa: S301 (our own)
        assert copy.identity == replay.identity
        assert gekko_lab.fetch_trades(copy, SYMBOL, since="2024-01-01").equals(tape)

    def test_the_repr_says_what_was_recorded(self, replay):
        assert repr(replay) == (
            "<ExchangeReplay of XRP/ETH, 5m, from 2024-01-01 to 2024-01-03, seed=3>"
        )

    def test_steps_are_those_of_the_numbers(self):
        rows = [(0, 2.25, 2.5, 2.25, 2.5, 3.001), (1, 2.5, 2.5, 2.5, 2.5, 2)]
        replay = gekko_lab.ExchangeReplay({"BTC/USDT:USDT": frame_of(rows)})
        shown = gekko_lab.symbols(replay).row(0, named=True)
        assert (shown["tick_size"], shown["step_size"]) == (0.01, 0.001)
        assert (shown["base"], shown["settle"], shown["type"]) == ("BTC", "USDT", "swap")


class TestRefusals:
    def test_a_pandas_frame_is_as_good(self, candles):
        replay = gekko_lab.ExchangeReplay({SYMBOL: gekko_lab.frames.convert.to_pandas(candles)})
        assert replay.identity == gekko_lab.ExchangeReplay({SYMBOL: candles}).identity

    def test_an_unknown_symbol_is_answered_with_the_nearest(self, replay):
        for ask in (gekko_lab.fetch, gekko_lab.fetch_trades, gekko_lab.fetch_order_book):
            with pytest.raises(UnknownSymbol, match="Did you mean 'XRP/ETH'"):
                ask(replay, "XRPETH")

    @pytest.mark.parametrize(
        ("row", "text"),
        [
            ((1, 2, 1, 1, 2, 5), "XRP/ETH: candle 1 of 3 has a high below"),
            ((1, 2, 3, 1, 2, 0), r"XRP/ETH: candle 1 of 3 .* moved without volume"),
            ((1, 2, 3, -1, 2, 5), "XRP/ETH: candle 1 of 3 has a low of -1.0"),
        ],
    )
    def test_an_unsound_candle_is_named(self, row, text):
        flat = (2, 2, 2, 2, 1)
        with pytest.raises(DataError, match=text):
            gekko_lab.ExchangeReplay({SYMBOL: frame_of([(0, *flat), row, (2, *flat)])})

    def test_what_is_no_mapping_of_symbols_to_frames_is_refused(self, candles):
        with pytest.raises(InvalidType, match="name the symbol of each frame"):
            gekko_lab.ExchangeReplay(candles)
        with pytest.raises(InvalidType, match="symbol 5"):
            gekko_lab.ExchangeReplay({5: candles})
        with pytest.raises(InvalidArgument, match="names no symbol"):
            gekko_lab.ExchangeReplay({})
        with pytest.raises(InvalidArgument, match="'XRPETH' is no symbol"):
            gekko_lab.ExchangeReplay({"XRPETH": candles})
        with pytest.raises(DataError, match="XRP/ETH: no candles"):
            gekko_lab.ExchangeReplay({SYMBOL: candles[:0]})

    def test_months_and_mixed_widths_are_refused(self, candles):
        months = gekko_lab.fetch("simulator", "BTC/USDT", "1M", until="2024-01-01", limit=5)
        with pytest.raises(InvalidArgument, match="weeks at most"):
            gekko_lab.ExchangeReplay({"BTC/USDT": months})
        hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", until="2024-01-01", limit=5)
        with pytest.raises(InvalidArgument, match=r"'XRP/ETH': '5m', 'BTC/USDT': '1h'"):
            gekko_lab.ExchangeReplay({SYMBOL: candles, "BTC/USDT": hours})

"""The report's shape, notes and doors, whatever it is given."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from gekko_lab import realism_report
from gekko_lab.errors import DataError, InvalidArgument, InvalidType
from gekko_lab.frames.convert import to_pandas
from gekko_lab.frames.schemas import CANDLES, TRADES, empty
from gekko_lab.market.timeframe import DAY, Timeframe
from gekko_lab.realism.facts import FACTS, Band
from gekko_lab.realism.report import REPORT
from gekko_lab.simulation import Parameters, SimulatedMarket

T0 = 1_704_067_200_000
MINUTES = Timeframe.parse("1m")


@pytest.fixture(scope="module")
def market():
    return SimulatedMarket(Parameters(seed=1))


@pytest.fixture(scope="module")
def candles(market):
    return market.candles("BTC/USDT", MINUTES, T0, T0 + 7 * DAY)


@pytest.fixture(scope="module")
def prints(market):
    return market.trades("BTC/USDT", T0, T0 + DAY // 4)


def quotes(prints):
    side = np.where(prints["side"].to_numpy() == "buy", 2.0, 1.0)
    bid = prints["price"].round(2) - 0.01
    return prints.select("timestamp", bid=bid, ask=bid + 0.02).with_columns(
        bid_amount=pl.Series(side), ask_amount=pl.Series(3.0 - side)
    )


def row(report, fact):
    return report.row(by_predicate=pl.col("fact") == fact, named=True)


def test_the_table_of_facts_is_whole():
    ids = [fact.id for fact in FACTS]
    assert len(set(ids)) == len(ids)
    numbers = [int("".join(letter for letter in each if letter.isdigit())) for each in ids]
    assert sorted(set(numbers)) == [*range(1, 31), 32, 33]
    for fact in FACTS:
        assert fact.source
        assert fact.thin is not None
        for band in (fact.liquid, fact.thin):
            assert band is None or band.low is not None or band.high is not None


def test_bands_hold_their_ends_unless_they_say_otherwise():
    assert Band(0.2, 0.4).holds(0.4)
    assert Band(0.2, 0.4).holds(0.196)  # bands are known to two decimals
    assert not Band(0.2, 0.4).holds(0.194)
    assert not Band(0.0, 1.0, within=True).holds(1.0)
    assert Band(0.0, 1.0, within=True).holds(0.9999)
    assert Band(None, 0.7).holds(-9.0)
    assert Band(0.5, None).holds(9.0)


def test_every_fact_has_its_row(candles, prints, market):
    other = market.candles("ETH/USDT", MINUTES, T0, T0 + 7 * DAY)
    report = realism_report(candles, prints, book=quotes(prints), other=other)
    assert report.schema == REPORT
    assert report["fact"].to_list() == [fact.id for fact in FACTS]
    assert report["value"].is_not_null().all()
    assert report["value"].is_finite().all()
    unknown = report.filter(pl.col("passed").is_null())
    assert unknown["fact"].to_list() == ["23a", "23b", "23c"]
    assert set(unknown["note"]) == {"the fact is known of thin markets only"}
    assert row(report, "33")["value"] == 0.0
    assert row(report, "32")["passed"]


def test_a_value_passes_where_its_band_holds_it(candles, prints):
    report = realism_report(candles, prints, kind="thin").drop_nulls(["value", "passed"])
    judged = report.filter(~pl.col("fact").is_in(["2b", "18", "28b"]))
    near = pl.col("value").round(2)
    held = (near >= pl.col("low")).fill_null(True) & (near <= pl.col("high")).fill_null(True)
    assert judged.select((held == pl.col("passed")).all()).item()


@pytest.mark.parametrize("kind", ["liquid", "thin"])
@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_too_little_makes_the_same_table_without_values(candles, kind, count):
    report = realism_report(candles[:count], empty(TRADES), kind=kind, other=empty(CANDLES))
    assert report.schema == REPORT
    assert report["fact"].to_list() == [fact.id for fact in FACTS]
    missing = report.filter(pl.col("value").is_null())
    assert (missing["note"] != "").all()
    assert missing.filter(pl.col("passed").is_not_null()).is_empty()
    if count < 2:
        assert missing.height == report.height


def test_what_is_not_given_is_asked_for(candles):
    report = realism_report(candles)
    assert row(report, "19a")["note"] == "pass trades=…"
    assert "book=…" in row(report, "30")["note"]
    assert "other=…" in row(report, "32")["note"]
    assert report.filter(pl.col("needs") != "candles")["passed"].null_count() == 27


def test_short_samples_are_noted(candles):
    assert row(realism_report(candles), "1")["note"] == ""
    note = row(realism_report(candles[:5000]), "1")["note"]
    assert note == "short sample: 5000 1m candles, where the band is meant for 10080"
    assert "129600" in row(realism_report(candles), "10c")["note"]


def test_kinds_differ_where_their_bands_do(candles):
    liquid, thin = (realism_report(candles, kind=kind) for kind in ("liquid", "thin"))
    differ = liquid.select("fact", low="low").filter(~liquid["low"].eq_missing(thin["low"]))
    assert set(differ["fact"]) == {"4", "10a", "10b", "10c", "23a", "23b", "23c", "26"}
    assert liquid["value"].equals(thin["value"])


def test_other_widths_show_only_what_their_trades_do(market, prints):
    hours = Timeframe.parse("5m")
    candles = market.candles("BTC/USDT", hours, T0, T0 + DAY)
    report = realism_report(candles, prints, other=candles)
    assert report.filter(needs="candles")["value"].null_count() == 28
    assert row(report, "1")["note"] == "the fact is known of 1m candles, and these are 5m"
    assert "5m" in row(report, "32")["note"]
    assert row(report, "27a")["value"] is not None
    assert row(report, "33")["value"] == 0.0


def test_pandas_and_lazy_frames_give_the_same_report(candles, prints):
    part = candles[:2000]
    expected = realism_report(part, prints, book=quotes(prints), other=part)
    frames = (to_pandas(each) for each in (part, prints, quotes(prints), part))
    pandas_candles, pandas_prints, pandas_book, pandas_other = frames
    report = realism_report(pandas_candles, pandas_prints, book=pandas_book, other=pandas_other)
    assert report.equals(expected)
    lazy = realism_report(part.lazy(), prints.lazy(), book=quotes(prints), other=part)
    assert lazy.equals(expected)


def test_gaps_as_in_recorded_markets_change_little(candles):
    """A tenth of the minutes without a candle and an outage of an hour."""
    kept = np.random.default_rng(1).random(candles.height) > 0.1
    kept[3000:3060] = False
    whole, gappy = realism_report(candles), realism_report(candles.filter(pl.Series(kept)))
    assert gappy["value"].null_count() == whole["value"].null_count()
    for fact, room in (("4", 0.03), ("6a", 0.04), ("6c", 0.04), ("10a", 0.08), ("12b", 0.03)):
        assert row(gappy, fact)["value"] == pytest.approx(row(whole, fact)["value"], abs=room)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"high": pl.col("low") - 1}, "candle 3 of 10080 has a high below its open, close or low"),
        ({"volume": pl.lit(-1.0)}, "candle 3 of 10080 has a negative volume"),
        ({"close": pl.lit(None, pl.Float64)}, "candle 3 of 10080 has a null"),
    ],
)
def test_impossible_candles_are_named_by_their_row(candles, change, message):
    row_three = pl.int_range(pl.len()) == 3
    broken = candles.with_columns(
        **{key: pl.when(row_three).then(expr).otherwise(key) for key, expr in change.items()}
    )
    with pytest.raises(DataError, match=message):
        realism_report(broken)
    with pytest.raises(DataError, match=message):
        realism_report(candles, other=broken)


def test_what_is_no_frame_or_kind_is_refused(candles):
    with pytest.raises(InvalidType, match="a polars or pandas frame"):
        realism_report([1, 2, 3])
    with pytest.raises(InvalidArgument, match="kind='fat': use 'liquid' or 'thin'"):
        realism_report(candles, kind="fat")


def test_frames_stay_as_they_were(candles, prints):
    before = candles.clone(), prints.clone()
    realism_report(candles, prints, other=candles)
    assert candles.equals(before[0])
    assert prints.equals(before[1])


def test_prices_below_zero_and_prices_that_stand_still_are_survived(candles):
    still = candles.with_columns(pl.lit(5.0).alias(each) for each in CANDLES.names()[1:5])
    report = realism_report(still)
    assert row(report, "1")["value"] is None
    assert row(report, "18")["value"] == 1.0
    below = still.with_columns(pl.lit(-5.0).alias(each) for each in CANDLES.names()[1:5])
    assert realism_report(below).filter(needs="candles")["value"].null_count() > 20

"""Whatever an exchange does to its pages, the result is the truth or names what it lacks."""

from __future__ import annotations

import warnings

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gekko_lab
from gekko_lab.errors import GapWarning, IncompleteData, SourceError
from gekko_lab.frames.schemas import CANDLES
from gekko_lab.market.timeframe import DAY, MINUTE, Timeframe
from gekko_lab.server import Fault

START = 1_704_067_200_000  # 2024-01-01
LENGTH = 3 * 1440
KINDS = [
    *("double_rows", "shuffle_rows", "reverse_rows", "drop_rows", "short_page", "empty_page"),
    *("truncated", "nan_rows", "shift_rows", "null"),
]
LIES = {"drop_rows", "short_page", "empty_page"}  # answers that look sound

minutes = st.integers(0, LENGTH)
spans = st.tuples(minutes, minutes).map(sorted).filter(lambda span: span[0] < span[1])
faults = st.lists(
    st.builds(
        Fault,
        st.sampled_from(KINDS),
        path=st.just("/api/v3/klines"),
        every=st.integers(2, 4),
        skip=st.integers(0, 5),
        count=st.integers(1, 12),
    ),
    max_size=3,
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    window=spans,
    outages=st.lists(spans, max_size=3),
    page_limit=st.integers(40, 1000),
    spoils=faults,
    newest=st.none() | st.integers(1, 2000),
)
def test_the_result_is_the_truth_or_names_what_is_missing(
    binance, market, tmp_path_factory, window, outages, page_limit, spoils, newest
):
    # A port may come again, and with it the identity of an exchange that had other outages.
    gekko_lab.options.data_dir = tmp_path_factory.mktemp("data")
    since, until = (START + edge * MINUTE for edge in window)
    holes = [(START + a * MINUTE, START + b * MINUTE) for a, b in outages]
    listed = {"BTC/USDT": START - 2 * DAY}
    server, exchange = binance(outages=holes, page_limit=page_limit, listed_since=listed)
    exchange.market("BTC/USDT")
    for fault in spoils:
        server.faults.add(fault)
    limits = {"limit": newest} if newest else {"since": since}
    report = None
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            candles = gekko_lab.fetch(exchange, "BTC/USDT", "1m", until=until, **limits)
        except IncompleteData as error:
            candles, report = error.frame, error.report
        except SourceError:
            assert spoils
            return
        finally:
            exchange.close()
            server.close()
    minute = Timeframe.parse("1m")
    first = START - 2 * DAY if newest else since
    whole = market.candles("BTC/USDT", minute, first, until).select(CANDLES.names())
    time = pl.col("timestamp").dt.epoch("ms")
    for begin, end in holes:
        whole = whole.filter((time < begin) | (time >= end))
    lies = sum(fault.count for fault in spoils if fault.kind in LIES)
    if lies <= 1 and len(spoils) <= 1:  # a lie that is told once is always found out
        assert report is None
        truth = whole.tail(newest) if newest else whole
        assert candles.equals(truth)
        complete = _is_unbroken(truth, until, newest or (until - since) // MINUTE)
        assert bool(told) != complete
        assert all(issubclass(warning.category, GapWarning) for warning in told)
        return
    if report is None and told:
        report = told[0].message.report
    assert whole.join(candles, on=list(CANDLES)).height == candles.height
    lost = whole.join(candles, on="timestamp", how="anti")
    named = [] if report is None else report.select(pl.col("since", "until").dt.epoch("ms")).rows()
    if newest:
        begin = min([candles["timestamp"].dt.epoch("ms").min() or until, *(a for a, _ in named)])
        lost = lost.filter(time >= begin)
    for (opened,) in lost.select(time).rows():
        assert any(begin <= opened < end for begin, end in named)


def _is_unbroken(truth, until, count):
    opens = truth["timestamp"].dt.epoch("ms").to_list()
    return len(opens) == count and opens[0] == until - count * MINUTE


@pytest.mark.parametrize("page_limit", [1, 7, 50, 119])
def test_an_exchange_whose_pages_became_shorter_loses_nothing(binance, market, ms, page_limit):
    _, exchange = binance(page_limit=page_limit)
    asked = {"since": "2024-01-01", "until": "2024-01-01T02:00"}
    candles = gekko_lab.fetch(exchange, "BTC/USDT", "1m", **asked)
    minute = Timeframe.parse("1m")
    truth = market.candles("BTC/USDT", minute, ms("2024-01-01"), ms("2024-01-01T02:00"))
    assert candles.equals(truth.select(CANDLES.names()))

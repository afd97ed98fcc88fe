"""Which files a range is worth is told without asking anybody."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gekko_lab.fetching.archive_plan import cost_of, plan_archive
from gekko_lab.market.spans import Span, intersect
from gekko_lab.market.timeframe import DAY, MINUTE, Timeframe
from gekko_lab.sources.binance_archive import BinanceArchive
from gekko_lab.sources.source import Paging

NOW = 1_745_107_230_000  # 2025-04-20T00:00:30
ARCHIVE = BinanceArchive("http://nowhere", "spot", "BTCUSDT", None)  # can't download anything


def series(timeframe, now=NOW, **paging):
    """What a plan needs of a series; nothing of it can be asked for."""
    return SimpleNamespace(
        timeframe=Timeframe.parse(timeframe),
        paging=Paging(**{"page_size": 1000, "jumps": True, "dense": True, **paging}),
        source=SimpleNamespace(now=lambda: now),
    )


def names(plan):
    return [file.url.rpartition("/")[2] for _, file in plan]


def test_five_years_of_minutes_are_sixty_files(ms):
    wanted = series("1m")
    span = Span(ms("2020-04-20"), NOW // MINUTE * MINUTE)
    plan = plan_archive(wanted, ARCHIVE, span)
    assert len(plan) == 60
    assert names(plan)[0] == "BTCUSDT-1m-2020-04.zip"
    assert names(plan)[-1] == "BTCUSDT-1m-2025-03.zip"
    assert plan[0][0] == Span(ms("2020-04-20"), ms("2020-05-01"))
    assert plan[-1][0].until == ms("2025-04-01")
    cost = cost_of(wanted, ARCHIVE, plan)
    assert (cost.files, cost.downloads, cost.checks) == (60, 120, 61)
    assert cost.pages == -(-(ms("2025-04-01") - ms("2020-04-20")) // (1000 * MINUTE))
    assert 100e6 < cost.download_bytes < 200e6


def test_pages_win_where_they_are_fewer(ms):
    year = Span(ms("2024-01-01"), ms("2025-01-01"))
    for timeframe in ("1h", "4h", "1d", "1w", "1M"):
        assert plan_archive(series(timeframe), ARCHIVE, year) == []
    week = Span(ms("2024-01-01"), ms("2024-01-08"))
    assert plan_archive(series("1m"), ARCHIVE, week) == []


def test_seconds_come_in_days_as_a_month_of_them_fills_the_memory(ms):
    plan = plan_archive(series("1s"), ARCHIVE, Span(ms("2024-01-30"), ms("2024-02-02")))
    assert names(plan) == [
        "BTCUSDT-1s-2024-01-30.zip",
        "BTCUSDT-1s-2024-01-31.zip",
        "BTCUSDT-1s-2024-02-01.zip",
    ]


@pytest.mark.parametrize(
    ("now", "last"),
    [
        # May 2024 ends on a Saturday; Monday is June 3
        ("2024-06-03T23:59", "BTCUSDT-1m-2024-04.zip"),
        ("2024-06-04T00:00", "BTCUSDT-1m-2024-05.zip"),
        # June 2024 ends on a Sunday
        ("2024-07-01T12:00", "BTCUSDT-1m-2024-05.zip"),
        ("2024-07-02T00:00", "BTCUSDT-1m-2024-06.zip"),
    ],
)
def test_a_month_is_expected_after_its_monday(ms, now, last):
    wanted = series("1m", ms(now))
    plan = plan_archive(wanted, ARCHIVE, Span(ms("2024-01-01"), ms(now)))
    assert names(plan)[-1] == last


def test_a_day_is_expected_a_day_after_its_end(ms):
    span = Span(ms("2024-01-01"), ms("2024-01-10"))
    assert len(plan_archive(series("1s"), ARCHIVE, span, now=ms("2024-01-08T23:59"))) == 6
    assert len(plan_archive(series("1s"), ARCHIVE, span, now=ms("2024-01-09"))) == 7


def test_days_replace_a_month(ms):
    month = Span(ms("2024-02-01"), ms("2024-03-01"))
    plan = plan_archive(series("1m", page_size=100), ARCHIVE, month, smaller_than=29 * DAY)
    assert names(plan) == [f"BTCUSDT-1m-2024-02-{day:02}.zip" for day in range(1, 30)]
    assert plan_archive(series("1m"), ARCHIVE, month, smaller_than=29 * DAY) == []  # pages win


def test_files_that_nothing_can_be_compared_with_are_left_alone(ms):
    year = Span(ms("2024-01-01"), ms("2025-01-01"))
    assert plan_archive(series("1m", newest_only=True), ARCHIVE, year) == []


def test_unknown_widths_have_no_files(ms):
    year = Span(ms("2024-01-01"), ms("2025-01-01"))
    assert plan_archive(series("2m"), ARCHIVE, year) == []
    futures = BinanceArchive("http://nowhere", "futures/um", "BTCUSDT", None)
    assert plan_archive(series("1s"), futures, Span(year.since, year.since + DAY)) == []


@given(
    timeframe=st.sampled_from(["1s", "1m", "15m", "1h", "1d", "1M"]),
    page_size=st.integers(1, 2000),
    edges=st.tuples(st.integers(0, 400 * 1440), st.integers(0, 400 * 1440)).map(sorted),
    age=st.integers(0, 100 * 1440),
)
def test_a_plan_is_ordered_apart_published_and_cheaper_than_pages(timeframe, page_size, edges, age):
    width = Timeframe.parse(timeframe)
    begin = int(datetime(2023, 11, 1, tzinfo=UTC).timestamp()) * 1000
    span = Span(*(width.floor(begin + edge * MINUTE) for edge in edges))
    now = span.until + age * MINUTE
    wanted = series(timeframe, now, page_size=page_size)
    plan = plan_archive(wanted, ARCHIVE, span)
    parts = [part for part, _ in plan]
    assert parts == sorted(parts)
    for before, after in pairwise(parts):
        assert before.until <= after.since
    for part, file in plan:
        assert intersect([part], [file.span]) == [part] == intersect([part], [span])
        assert file.span.until + DAY <= now
        assert width.between(*part) > 3 * page_size
    cost = cost_of(wanted, ARCHIVE, plan)
    assert not plan or cost.downloads + cost.checks - 1 < cost.pages + len(plan)

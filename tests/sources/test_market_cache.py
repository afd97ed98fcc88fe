"""Lists of markets survive the process, for a day, and never break a fetch."""

from __future__ import annotations

import sys
import threading
import time

import pytest

import gekko_lab
from gekko_lab.sources import market_cache

MARKETS = [{"symbol": "BTC/USDT", "precision": {"price": 0.01}, "info": {"a": [1, None, "x"]}}]


@pytest.fixture
def kept(data_dir):
    market_cache.write("binance", MARKETS, version="4.5")
    return data_dir / "markets" / "binance.json"


def test_what_was_written_is_read(kept):
    assert market_cache.read("binance", version="4.5") == MARKETS
    assert [file.name for file in kept.parent.iterdir()] == ["binance.json"]


def test_nothing_was_written_for_another_source(kept):
    assert kept.is_file()
    assert market_cache.read("binance-0123456789", version="4.5") is None


def test_another_version_of_ccxt_reads_anew(kept):
    assert kept.is_file()
    assert market_cache.read("binance", version="4.6") is None


@pytest.mark.parametrize(("age_s", "found"), [(86_000, True), (86_500, False), (-10, False)])
def test_a_list_is_good_for_a_day(kept, monkeypatch, age_s, found):
    assert kept.is_file()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + age_s)
    assert (market_cache.read("binance", version="4.5") is not None) == found


def test_a_newer_list_can_be_demanded(kept):
    assert kept.is_file()
    assert market_cache.read("binance", version="4.5", newer_than=time.time() - 60) == MARKETS
    assert market_cache.read("binance", version="4.5", newer_than=time.time() + 60) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff\x00",
        b"null",
        b"[]",
        b'"text"',
        b'{"version": "4.5"}',
        b'{"version": "4.5", "saved": "yesterday", "markets": []}',
        b'{"version": "4.5", "saved": null, "markets": []}',
        b'{"version": "4.5", "saved": 1e400, "markets": []}',
        b'{"version": "4.5", "saved": SAVED, "markets": "BTC/USDT"}',
        b'{"version": "4.5", "saved": SAVED, "markets": {"BTC/USDT": {}}}',
        b'{"version": "4.5", "saved": SAVED, "markets": [1, 2]}',
        b'{"version": "4.5", "saved": SAVED, "mark',
    ],
)
def test_a_damaged_file_is_as_good_as_none(kept, content):
    kept.write_bytes(content.replace(b"SAVED", str(time.time() - 5).encode()))
    assert market_cache.read("binance", version="4.5") is None
    market_cache.write("binance", MARKETS, version="4.5")
    assert market_cache.read("binance", version="4.5") == MARKETS


def test_a_folder_in_place_of_the_file_is_as_good_as_none(kept):
    kept.unlink()
    kept.mkdir()
    assert market_cache.read("binance", version="4.5") is None
    market_cache.write("binance", MARKETS, version="4.5")
    assert [file.name for file in kept.parent.iterdir()] == ["binance.json"]  # no rubbish left


@pytest.mark.skipif(sys.platform == "win32", reason="folders have other permissions there")
def test_a_disk_that_can_not_be_written_is_no_error(data_dir):
    data_dir.mkdir()
    (data_dir / "markets").write_text("in the way")
    market_cache.write("binance", MARKETS, version="4.5")
    assert market_cache.read("binance", version="4.5") is None


def test_what_json_lacks_is_written_as_text(data_dir):
    market_cache.write("binance", [{"symbol": "A/B", "odd": {1: object}}], version="4.5")
    (market,) = market_cache.read("binance", version="4.5")
    assert market["symbol"] == "A/B"
    assert list(data_dir.glob("markets/*.part")) == []


def test_many_writers_leave_one_whole_list(data_dir):
    lists = [[{"symbol": f"{name}/USDT", "pad": "x" * 50_000}] for name in "ABCDEF"]
    threads = [
        threading.Thread(target=market_cache.write, args=("binance", each), kwargs={"version": "1"})
        for each in lists
    ]
    with gekko_lab.options(data_dir=data_dir):
        gekko_lab.options.data_dir = data_dir  # threads don't see the with block
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        gekko_lab.options.data_dir = None
    assert market_cache.read("binance", version="1") in lists
    assert [file.name for file in (data_dir / "markets").iterdir()] == ["binance.json"]


def test_an_empty_list_of_markets_is_not_kept(fake_exchange, data_dir):
    """An exchange in maintenance may list nothing; that shall not last for a day."""
    given = [[], [{"market": "BTC-EUR", "status": "trading", "base": "BTC", "quote": "EUR"}]]

    def answer(path, query):
        return 200, (given.pop(0) if path.endswith("/markets") else [])

    source = fake_exchange("bitvavo", answer)
    assert source.rules() == {}
    assert not list(data_dir.glob("markets/*"))
    assert set(source.rules()) == {"BTC/EUR"}

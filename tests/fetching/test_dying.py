"""Downloads that are killed, or run out of disk, go on where they were."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
import warnings
from contextlib import ExitStack, contextmanager

import numpy as np
import pytest

import gekko_lab
from gekko_lab import datalog
from gekko_lab.errors import DiskFull, IncompleteData
from gekko_lab.frames.schemas import CANDLES
from gekko_lab.market.timeframe import MINUTE, Timeframe

KLINES = "/api/v3/klines"
START = 1_640_995_200_000  # 2022-01-01
PAGE = 1000
EIGHT = [f"{base}/USDT" for base in ("BTC", "ETH", "LTC", "XRP")]
EIGHT += [f"{base}/EUR" for base in ("BTC", "ETH", "LTC", "XRP")]

DOWNLOAD = """
import json, sys
import gekko_lab

config, folder, symbols, since, until, pages = json.loads(sys.argv[1])
gekko_lab.options.data_dir = folder
gekko_lab.options.progress = "off"
source = gekko_lab.CcxtMarketData("binance", config=config)
asked = {"since": since, "until": until, "log": True}
if len(symbols) > 1:
    jobs = pages * len(symbols)
    gekko_lab.fetch_many(source, symbols, "1m", n_jobs=jobs, result="report", **asked)
else:
    gekko_lab.fetch(source, symbols[0], "1m", n_jobs=pages, **asked)
"""


def pages(server):
    return sum(request.path == KLINES for request in server.requests)


def until_of(count):
    return START + count * PAGE * MINUTE


def start(source, folder, pages_at_a_time, symbols, since, until):
    asked = [source.config, str(folder), symbols, since, until, pages_at_a_time]
    asked = json.dumps(asked)
    return subprocess.Popen([sys.executable, "-c", DOWNLOAD, asked])


def wait_for(server, count, running):
    """Wait until so many pages have been asked for, or there is nothing left to ask for."""
    deadline = time.monotonic() + 60
    while pages(server) < count and any(child.poll() is None for child in running):
        assert time.monotonic() < deadline
        time.sleep(0.002)


def held(source, symbols):
    """Give the number of minutes that the log holds of each symbol."""
    counts = {}
    for symbol in symbols:
        spans = datalog.Series("candles", source, symbol, "1m").coverage().held
        counts[symbol] = sum(span.until - span.since for span in spans) // MINUTE
    return counts


def kill_and_resume(server, source, folder, jobs, *, kills, seed, at_a_time):
    """Kill all downloads at random moments, so many times, then let them end."""
    chance = np.random.default_rng(seed)
    before = {symbol: 0 for symbols, *_ in jobs for symbol in symbols}
    died = 0
    for _ in range(kills):
        asked = pages(server)
        running = [start(source, folder, at_a_time, *job) for job in jobs]
        wait_for(server, asked + chance.integers(1, 6), running)
        time.sleep(chance.uniform(0, 0.02))
        for child in running:
            child.kill()
        died += sum(child.wait() < 0 for child in running)
        now = held(source, before)
        assert all(now[symbol] >= before[symbol] for symbol in before), "minutes were lost"
        before = now
    running = [start(source, folder, at_a_time, *job) for job in jobs]
    assert [child.wait() for child in running] == [0] * len(running)
    return died


def check_log(source, market, symbols, until):
    """All that is logged is sound, and is the truth."""
    datalog.verify(repair=True)
    assert datalog.verify().is_empty()
    minute = Timeframe.parse("1m")
    for symbol in symbols:
        truth = market.candles(symbol, minute, START, until).select(CANDLES.names())
        assert datalog.load(source, symbol, "1m").equals(truth), symbol


@pytest.fixture
def survives(binance, market, data_dir):
    """Let downloads be killed; check that nothing is lost, wrong, or asked for twice too often.

    What a death may cost is the pages that were asked for at that time: one of each walk.
    """

    def run(jobs, *, kills, seed, at_a_time=1):
        server, source = binance()
        source.market("BTC/USDT")
        asked_for = {"kills": kills, "seed": seed, "at_a_time": at_a_time}
        died = kill_and_resume(server, source, data_dir, jobs, **asked_for)
        symbols = sorted({symbol for symbols, *_ in jobs for symbol in symbols})
        needed = sum(
            len(names) * math.ceil((until - since) / MINUTE / PAGE) for names, since, until in jobs
        )
        series = sum(len(names) for names, *_ in jobs)
        asked = pages(server)
        print(f"\n{kills} kills of {len(jobs)}, {died} died at work: {asked} pages for {needed}")  # noqa: T201
        assert died > kills / 2
        assert needed <= asked <= needed + kills * series * at_a_time
        check_log(source, market, symbols, max(until for *_, until in jobs))

    return run


def parts(writers, each):
    """Give each writer a part of one series."""
    return [(["BTC/USDT"], until_of(n * each), until_of((n + 1) * each)) for n in range(writers)]


def test_a_killed_download_goes_on_where_it_was(survives):
    survives([(["BTC/USDT", "ETH/USDT"], START, until_of(30))], kills=2, seed=1)


def test_pages_beside_each_other_cost_one_each(survives):
    survives([(["BTC/USDT"], START, until_of(60))], kills=2, seed=3, at_a_time=8)


def test_killed_downloads_of_one_series_do_not_harm_each_other(survives):
    survives(parts(2, 12), kills=1, seed=2)


@pytest.mark.campaign
@pytest.mark.parametrize("symbols", [["BTC/USDT"], EIGHT[:3]])
def test_a_download_survives_fifty_kills(survives, symbols):
    survives([(symbols, START, until_of(300 // len(symbols)))], kills=50, seed=len(symbols))


@pytest.mark.campaign
def test_a_download_of_eight_pages_at_a_time_survives_fifty_kills(survives):
    survives([(["BTC/USDT"], START, until_of(600))], kills=50, seed=5, at_a_time=8)


@pytest.mark.campaign
def test_eight_downloads_of_one_series_survive(survives):
    survives(parts(8, 40), kills=12, seed=8)


@pytest.mark.campaign
def test_eight_downloads_of_eight_series_survive(survives):
    survives([([symbol], START, until_of(40)) for symbol in EIGHT], kills=12, seed=9)


@contextmanager
def small_disk(folder, kilobytes):
    """Mount a disk of that size, and give a function that makes it larger."""

    def mount(options):
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    folder.mkdir()
    if sys.platform != "linux" or not mount(f"size={kilobytes}k"):
        pytest.skip("this user may not mount a small disk")
    with ExitStack() as stack:
        stack.callback(subprocess.run, ["umount", "-l", str(folder)], check=True)
        yield lambda size: mount(f"remount,size={size}k")


def full_disk(binance, market, folder, *, kilobytes, count):
    server, source = binance()
    asked = {"since": START, "until": until_of(count), "log": True}
    with small_disk(folder, kilobytes) as enlarge, gekko_lab.options(data_dir=folder):
        with pytest.raises(DiskFull, match=r"no room left .*Make room, or choose another"):
            gekko_lab.fetch(source, "BTC/USDT", "1m", **asked)
        kept = held(source, ["BTC/USDT"])["BTC/USDT"]
        assert 0 < kept < count * PAGE
        assert datalog.verify().is_empty()
        truth = market.candles("BTC/USDT", Timeframe.parse("1m"), START, until_of(count))
        read = datalog.load(source, "BTC/USDT", "1m")
        assert len(read) == kept
        assert truth.select(CANDLES.names()).join(read, on=list(CANDLES)).height == kept
        with pytest.raises((IncompleteData, DiskFull), match="no room left"):
            gekko_lab.fetch_many(source, ["BTC/USDT"], "1m", **asked)
        assert enlarge(kilobytes + 200 * count)
        before = pages(server)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            gekko_lab.fetch(source, "BTC/USDT", "1m", **asked)
        assert pages(server) - before == count - kept // PAGE
        check_log(source, market, ["BTC/USDT"], until_of(count))
    print(f"\n{kilobytes} kB: {kept // PAGE} of {count} pages before it was full")  # noqa: T201


def test_a_full_disk_is_told_and_after_making_room_the_download_goes_on(binance, market, tmp_path):
    full_disk(binance, market, tmp_path / "small", kilobytes=1024, count=40)


@pytest.mark.campaign
@pytest.mark.parametrize("kilobytes", [300, 3000, 16_000, 18_000, 20_000])
def test_disks_of_many_sizes(binance, market, tmp_path, kilobytes):
    full_disk(binance, market, tmp_path / "small", kilobytes=kilobytes, count=600)

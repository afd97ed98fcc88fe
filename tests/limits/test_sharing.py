"""Real threads and processes against one file and one served exchange, in real time."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from itertools import accumulate
from pathlib import Path

import pytest

import gekko_lab
from gekko_lab.limits import status, table
from gekko_lab.limits.budget import Budget
from gekko_lab.limits.limit import Limit
from gekko_lab.server import Fault, serve
from gekko_lab.server import limits as server_limits

WORKER = Path(__file__).with_name("worker.py")
SINCE = 1_709_164_800_000  # 2024-02-29


def run(processes, seconds, **asked):
    """Let processes ask for some seconds; give the begin and their turns in order of time."""
    command = [sys.executable, str(WORKER), json.dumps(asked)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with ExitStack() as stack:
        children = [
            stack.enter_context(subprocess.Popen(command, **pipes)) for _ in range(processes)
        ]
        assert [child.stdout.readline() for child in children] == ["ready\n"] * processes
        begin = time.time() + 0.2
        for child in children:
            child.stdin.write(json.dumps([begin, begin + seconds]) + "\n")
            child.stdin.flush()
        told = [child.communicate(timeout=seconds + 120)[0] for child in children]
    assert [child.returncode for child in children] == [0] * processes
    return begin, sorted(tuple(turn) for text in told for turn in json.loads(text))


def most_in(went, window_s):
    """Give the greatest sum of costs in any window of that length, by the turns' moments."""
    sums = [0, *accumulate(cost for *_, cost in went)]
    most, first = 0, 0
    for last, (moment, *_) in enumerate(went):
        while went[first][0] <= moment - window_s * 1e9:
            first += 1
        most = max(most, sums[last + 1] - sums[first])
    return most


def check_turns(limit, begin, went, seconds):
    for window_s in (0.1, limit.window_s / 3, limit.window_s):
        assert most_in(went, window_s) <= limit.rate * window_s + limit.capacity + 1e-6
    until = (begin + seconds) * 1e9
    spent = sum(cost for moment, _, cost in went if moment <= until)
    possible = limit.rate * seconds + limit.capacity
    assert spent >= 0.95 * (limit.rate + limit.capacity / limit.window_s) * seconds
    return spent / possible


@pytest.mark.parametrize(("processes", "threads"), [(1, 1), (1, 8), (2, 2), (4, 2)])
def test_threads_and_processes_together_keep_the_limit_and_use_it(tmp_path, processes, threads):
    limit = Limit("weight", 400, 2)
    begin, went = run(
        processes,
        what="budget",
        folder=str(tmp_path / "state"),
        threads=threads,
        seconds=2.0,
        limit=(limit.amount, limit.window_s),
        url="http://127.0.0.1:1",
    )
    check_turns(limit, begin, went, 2.0)


@pytest.fixture(autouse=True)
def no_traces(monkeypatch, tmp_path):
    """Other processes keep their market lists here too."""
    monkeypatch.setenv("GEKKO_LAB_DATA_DIR", str(tmp_path / "data"))


def serve_small(monkeypatch, market, weight, window_s, **options):
    """Serve Binance with a limit for windows of some seconds, and let this process know it."""
    monkeypatch.setattr(server_limits, "_WINDOW_S", window_s)
    return serve(market, weight_limit=weight, clock=lambda: SINCE + 86_400_000, **options)


def test_programs_with_mixed_requests_cause_no_refusal(monkeypatch, market, state_dir):
    with serve_small(monkeypatch, market, 100, 2) as server:
        run(
            2,
            what="exchange",
            folder=str(state_dir),
            threads=2,
            seconds=4.5,
            limit=(100, 2),
            url=server.url,
            since=SINCE,
        )
        requests = server.requests
    assert {request.status for request in requests} == {200}
    assert {request.path.split("/")[-1] for request in requests} >= {"klines", "aggTrades"}
    rate = 0.92 * 100 / 2
    assert sum(request.weight for request in requests) >= 0.8 * rate * 4.5  # on a busy machine


def test_nobody_asks_before_retry_after_has_passed(monkeypatch, market, state_dir):
    with serve_small(monkeypatch, market, 2000, 2) as server:
        server.faults.add(Fault("rate_limited", path=None, skip=40, count=1, value=1))
        run(
            2,
            what="exchange",
            folder=str(state_dir),
            threads=2,
            seconds=2.0,
            limit=(2000, 2),
            url=server.url,
            since=SINCE,
        )
        requests = server.requests
    (refused,) = [request for request in requests if request.status == 429]
    known = refused.time + 0.3  # by then the answer has come, however slow the machine
    assert not [each for each in requests if known < each.time < refused.time + 1.0]
    assert [each for each in requests if each.time >= refused.time + 1.0]


def test_weight_of_a_foreign_client_is_respected(monkeypatch, market, state_dir):
    monkeypatch.setattr(table, "SERVICES", table.SERVICES)
    with serve(market, weight_limit=6000, clock=lambda: SINCE) as server:
        while time.time() % 60 > 50:  # the rest of the minute must be long enough to see a pause
            time.sleep(0.5)
        server._exchange._counter.charge("127.0.0.1", 5800)
        source = gekko_lab.CcxtMarketData("binance", config=server.ccxt_config())
        source.timeframes()
        source.now()
        source.close()
        (row,) = status().filter(budget="spot weight").rows(named=True)
    assert row["hold_reason"].startswith("others use 127.0.0.1")
    assert row["wait"] > 5


def test_a_source_without_rate_limit_counts_nothing_and_waits_for_nobody(
    binance, state_dir, monkeypatch
):
    server, source = binance()
    server.faults.add(Fault("rate_limited", path=None, count=1, value=60))
    with pytest.raises(gekko_lab.errors.RateLimited):
        source.now()
    source.now()
    assert not state_dir.exists()


def test_a_refusal_in_a_body_holds_as_well(hands, fake_exchange, state_dir):
    """Kraken refuses with HTTP 200 and a list of errors."""
    refusal = {"error": ["EAPI:Rate limit exceeded"], "result": {}}
    source = fake_exchange("kraken", lambda path, query: (200, refusal), enableRateLimit=True)
    with pytest.raises(gekko_lab.errors.RateLimited):
        source.now()
    (row,) = status().rows(named=True)
    assert row["host"] == "api.kraken.com"
    assert row["hold_reason"] == "hold after a refusal"
    assert row["wait"] == pytest.approx(10)


@pytest.mark.campaign
def test_programs_that_are_killed_at_any_moment_block_nobody(tmp_path):
    folder = tmp_path / "state"
    asked = {"what": "budget", "folder": str(folder), "threads": 4, "limit": (200_000, 1)}
    command = [sys.executable, str(WORKER), json.dumps({**asked, "url": "http://127.0.0.1:1"})]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    chance = random.Random(7)  # noqa: S311 (no secret)
    for _ in range(50):
        with subprocess.Popen(command, **pipes) as child:
            child.stdout.readline()
            child.stdin.write(f"[0, {time.time() + 60}]\n")
            child.stdin.flush()
            time.sleep(chance.uniform(0.02, 0.2))
            child.kill()
        began = time.monotonic()
        Budget("binance", folder).acquire("http://127.0.0.1:1/api/v3/klines")
        assert time.monotonic() - began < 0.5
    with closing(sqlite3.connect(folder / "limits.sqlite3")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.campaign
@pytest.mark.parametrize(("processes", "threads"), [(1, 1), (1, 4), (1, 8), (2, 4), (4, 2), (4, 8)])
def test_long_campaign_of_turns(tmp_path, processes, threads):
    limit = Limit("weight", 2000, 5)
    begin, went = run(
        processes,
        what="budget",
        folder=str(tmp_path / "state"),
        threads=threads,
        seconds=20,
        limit=(limit.amount, limit.window_s),
        url="http://127.0.0.1:1",
    )
    share = check_turns(limit, begin, went, 20)
    print(f"\n{processes} x {threads}: {len(went)} turns, {share:.2%} of what was possible")  # noqa: T201


@pytest.mark.campaign
@pytest.mark.parametrize(("processes", "threads"), [(1, 4), (2, 4), (4, 2)])
def test_long_campaign_on_the_official_limit(market, state_dir, processes, threads):
    """Two and a half minutes on Binance's own limit, bans on."""
    with serve(
        market, weight_limit=6000, refusals_before_ban=0, clock=lambda: SINCE + 86_400_000
    ) as server:
        run(
            processes,
            what="exchange",
            folder=str(state_dir),
            threads=threads,
            seconds=150,
            limit=(6000, 60),
            url=server.url,
            since=SINCE,
        )
        requests = server.requests
    minutes = {}
    for request in requests:
        minute = int(request.time // 60)
        minutes[minute] = minutes.get(minute, 0) + request.weight
    whole = sorted(minutes)[1:-1]
    refused = [request for request in requests if request.status != 200]
    print(f"\n{processes} x {threads}: {minutes} weight a minute, {len(refused)} refused")  # noqa: T201
    assert not refused
    assert all(0.95 * 5700 <= minutes[minute] <= 5700 for minute in whole)


@pytest.mark.campaign
@pytest.mark.parametrize(("processes", "threads"), [(1, 2), (1, 8), (2, 4), (4, 2)])
def test_campaign_of_fetches_and_trades_mixed(monkeypatch, market, state_dir, processes, threads):
    """Whole fetches, as users do them, with a ban waiting for the first refusal."""
    window_s, weight, seconds = 5, 300, 30
    small = serve_small(monkeypatch, market, weight, window_s, refusals_before_ban=0)
    with small as server:
        run(
            processes,
            what="fetch",
            folder=str(state_dir),
            threads=threads,
            seconds=seconds,
            limit=(weight, window_s),
            url=server.url,
            since=SINCE,
        )
        requests = server.requests
    windows = {}
    for request in requests:
        window = int(request.time // window_s)
        windows[window] = windows.get(window, 0) + request.weight
    whole = sorted(windows)[2:-2]
    asked = {request.path.split("/")[-1] for request in requests}
    used = sum(windows[window] for window in whole) / len(whole)
    refused = [request for request in requests if request.status != 200]
    share = used / (0.95 * weight)
    print(f"\n{processes} x {threads}: {share:.1%} of the budget, {len(refused)} refused")  # noqa: T201
    assert not refused
    assert asked >= {"klines", "aggTrades"}
    assert all(windows[window] <= 0.95 * weight for window in whole)
    assert share >= 0.95

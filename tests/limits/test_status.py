"""Budgets, holds and connections as a user sees them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import pytest

import gekko_lab
from gekko_lab.cli import main
from gekko_lab.errors import RateLimited
from gekko_lab.fetching.asking import ask
from gekko_lab.fetching.progress import Progress
from gekko_lab.limits import Wait, connection, on_wait, status
from gekko_lab.limits.budget import Budget
from gekko_lab.limits.clock import SECOND
from gekko_lab.limits.waiting import announce

KLINES = "https://api.binance.com/api/v3/klines?symbol=BTCUSDT&limit=1000"


def test_nothing_asked_is_an_empty_table_and_makes_no_file(state_dir):
    table = status()
    assert table.is_empty()
    assert not state_dir.exists()
    assert type(status(frame="pandas")).__module__.startswith("pandas")


def test_status_tells_use_and_holds(hands, state_dir):
    budget = Budget("binance", state_dir)
    for _ in range(30):
        budget.acquire(KLINES)
    rows = {row["budget"]: row for row in status().rows(named=True)}
    assert rows["spot weight"]["used"] == 60
    assert rows["spot weight"]["limit"] == 6000
    assert rows["spot weight"]["window"] == 60
    assert rows["spot weight"]["used_share"] == pytest.approx(0.01)
    assert rows["spot requests"]["used"] == 30
    assert rows["spot weight"]["wait"] == 0
    assert rows["spot weight"]["hold_until"] is None
    budget.learn(KLINES, 429, {"Retry-After": "40"})
    (row,) = status().filter(budget="spot weight").rows(named=True)
    assert row["hold_until"] == datetime.fromtimestamp(hands.now / SECOND + 40, UTC)
    assert row["hold_reason"] == "hold after 429"
    assert row["wait"] == pytest.approx(40)


def test_use_fades_with_the_window(hands, state_dir):
    budget = Budget("binance", state_dir)
    for _ in range(30):
        budget.acquire(KLINES)
    seen = []
    for _ in range(4):
        seen.append(status().filter(budget="spot weight")["used"].item())
        hands.now += 30 * SECOND
    assert seen == [60, 60, 60, 30]
    hands.now += 60 * SECOND
    assert status().filter(budget="spot weight")["used"].item() == 0


def test_info_tells_what_is_used_and_on_hold(hands, state_dir, capsys):
    assert main(["info"]) == 0
    told = capsys.readouterr().out
    assert "limits       nothing asked for lately\n" in told
    assert f"state_dir    {state_dir}\n" in told
    budget = Budget("binance", state_dir)
    for _ in range(60):
        budget.acquire(KLINES)
    assert main(["info"]) == 0
    assert "api.binance.com spot weight 2%" in capsys.readouterr().out
    budget.learn(KLINES, 418, {"Retry-After": "600"})
    assert main(["info"]) == 0
    assert "api.binance.com on hold until 00:10:00 UTC (hold after 418)" in capsys.readouterr().out


def test_so_many_connections_at_once(hands, state_dir):
    def sleep(seconds):
        raise TimeoutError(seconds)

    hands.sleep = sleep
    told = []
    third = connection("archive.test", most=2)
    with connection("archive.test", most=2), connection("archive.test", most=2):
        with connection("other.test", most=2):
            pass
        with on_wait(told.append), pytest.raises(TimeoutError):
            third.__enter__()
    assert told[0].reason == "connections to archive.test"
    with connection("archive.test", most=1):
        pass


def test_a_connection_whose_holder_died_is_free_after_its_lease(hands, state_dir):
    held = connection("archive.test", most=1, lease_s=30)
    held.__enter__()  # and never left
    with connection("archive.test", most=1, lease_s=30):
        assert 30 <= sum(hands.slept) < 31


def test_the_progress_line_shows_the_wait(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with Progress("binance BTC/USDT 1m", 4000, "on") as report:
        report(1000)
        announce(Wait("api.binance.com", "budget of api.binance.com", 3.2))
    announce(Wait("api.binance.com", "after the end", 9.0))
    shown = capsys.readouterr().err
    assert "1,000 rows of 4,000 (25%)" in shown
    assert "waiting (budget of api.binance.com: 3 s)" in shown
    assert "after the end" not in shown


def test_a_wait_is_told_where_progress_is_hidden_only_to_the_log(capsys, caplog):
    caplog.set_level("INFO", logger="gekko_lab")
    with Progress("binance BTC/USDT 1m", None, "off"):
        announce(Wait("api.binance.com", "hold after 429", 60.0))
    assert capsys.readouterr().err == ""
    assert "hold after 429: 60 s" in caplog.text


def test_a_state_folder_can_be_chosen(tmp_path, monkeypatch):
    with gekko_lab.options(state_dir=tmp_path / "mine"):
        source = gekko_lab.CcxtMarketData("binance")
        source._client.ccxt.enableRateLimit = True
        source._client._budget.acquire(KLINES)
        assert len(status()) == 2
        source.close()
    assert (tmp_path / "mine").is_dir()
    assert status().is_empty()


def test_a_wait_that_an_exchange_asked_for_is_told(monkeypatch):
    told, answers = [], [RateLimited("slow down", retry_after=30.0)]

    def question():
        if answers:
            raise answers.pop()
        return "answer"

    with on_wait(told.append):
        assert ask(question) == "answer"
    assert [str(wait) for wait in told] == ["the exchange asked to wait: 30 s"]

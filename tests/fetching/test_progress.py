"""The line that tells how far a fetch is: only for those who see it, and gone at the end."""

from __future__ import annotations

import builtins
import io
import sys
import time

import polars as pl
import pytest

import gekko_lab
from gekko_lab.errors import InvalidOption
from gekko_lab.fetching.progress import Board, Progress
from gekko_lab.fetching.watching import Step
from gekko_lab.limits import Wait


class Screen(io.StringIO):
    """A stderr that may be a terminal."""

    def __init__(self, *, terminal=True):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal

    @property
    def line(self):
        """What a terminal shows in the end."""
        shown = ""
        for part in self.getvalue().split("\r"):
            shown = part + shown[len(part) :]
        return shown.rstrip()


@pytest.fixture
def clock(monkeypatch):
    passed = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: passed[0])
    return passed


@pytest.fixture
def screen(monkeypatch):
    def show(**options):
        stream = Screen(**options)
        monkeypatch.setattr(sys, "stderr", stream)
        return stream

    return show


def test_on_shows_the_first_page_and_auto_waits_a_second(screen, clock):
    for kind, first in (("on", True), ("auto", False)):
        stream = screen()
        with Progress("binance BTC/USDT 1m", 4000, kind) as report:
            report(1000)
            assert bool(stream.line) == first
            clock[0] += 1.5
            report(2000)
            assert stream.line.startswith("binance BTC/USDT 1m: 2,000 rows of 4,000 (50%)")


def test_the_line_tells_the_time_that_is_left(screen, clock):
    stream = screen()
    with Progress("x", 4000, "on") as report:
        clock[0] += 30
        report(1000)
        assert stream.line == "x: 1,000 rows of 4,000 (25%), 90 s left"
        clock[0] += 60
        report(4000)
        assert stream.line == "x: 4,000 rows of 4,000 (100%)"


def test_a_total_that_nobody_knows_is_not_invented(screen, clock):
    stream = screen()
    with Progress("x", None, "on") as report:
        clock[0] += 1
        report(1234)
        assert stream.line == "x: 1,234 rows"


def test_more_than_expected_is_no_more_than_all(screen, clock):
    stream = screen()
    with Progress("x", 10, "on") as report:
        clock[0] += 1
        report(11)
        assert stream.line == "x: 11 rows of 10 (100%)"


def test_the_line_is_wiped_at_the_end_and_after_an_error(screen, clock):
    assert clock
    stream = screen()
    with pytest.raises(KeyError), Progress("x", 10, "on") as report:  # noqa: PT012 (the block is the subject)
        report(5)
        assert stream.line
        raise KeyError
    assert stream.line == ""
    assert stream.getvalue().endswith("\r")
    assert "\n" not in stream.getvalue()


def test_a_shorter_line_leaves_no_rest_of_a_longer_one(screen, clock):
    stream = screen()
    with Progress("x", 1000, "on") as report:
        clock[0] += 100
        report(1)
        clock[0] += 1
        report(1000)
        assert stream.line == "x: 1,000 rows of 1,000 (100%)"


def test_it_is_not_written_more_than_five_times_a_second(screen, clock):
    stream = screen()
    with Progress("x", None, "on") as report:
        for rows in range(1000):
            clock[0] += 0.01
            report(rows)
    assert 40 <= stream.getvalue().count("\r") <= 55


@pytest.mark.parametrize("kind", ["off", "auto"])
def test_off_and_auto_without_a_reader_write_nothing(screen, clock, kind):
    stream = screen(terminal=False)
    with Progress("x", 10, kind) as report:
        clock[0] += 60
        report(5)
    assert stream.getvalue() == ""


def test_a_notebook_is_a_reader(screen, clock, monkeypatch):
    monkeypatch.setattr(builtins, "__IPYTHON__", True, raising=False)
    stream = screen(terminal=False)
    with Progress("x", 10, "auto") as report:
        clock[0] += 60
        report(5)
    assert stream.getvalue()


@pytest.mark.parametrize("kind", ["auto", "on", "off"])
def test_without_a_stderr_there_is_no_line_and_no_crash(monkeypatch, clock, kind):
    monkeypatch.setattr(sys, "stderr", None)  # as under pythonw
    with Progress("x", 10, kind) as report:
        clock[0] += 60
        report(5)


def test_fetch_shows_it_when_asked_to(screen):
    asked = {"since": "2024-01-01", "limit": 10}
    stream = screen()
    gekko_lab.fetch("simulator", "BTC/USDT", "1m", progress="on", **asked)
    assert "simulator BTC/USDT 1m: 10 rows of 10" in stream.getvalue()
    assert stream.line == ""
    stream = screen()
    gekko_lab.fetch_trades("simulator", "BTC/USDT", progress="on", **asked)
    assert "simulator BTC/USDT trades" in stream.getvalue()
    stream = screen()
    gekko_lab.fetch("simulator", "BTC/USDT", "1m", **asked)  # the option says off
    assert stream.getvalue() == ""
    with pytest.raises(InvalidOption, match="'auto', 'on', 'off'"):
        gekko_lab.fetch("simulator", "BTC/USDT", progress=True)


def row(name, **told):
    exchange, symbol, timeframe = name.split()
    given = {"exchange": exchange, "symbol": symbol, "timeframe": timeframe, "status": "complete"}
    given |= {"rows": 0, "pages": 0, "waited": 0.0, "gaps": None, "error": None, **told}
    return pl.DataFrame([given])


def test_a_board_shows_each_series_with_its_time_left_and_why_it_waits(screen, clock):
    stream = screen()
    with Board(3, "on") as board:
        clock[0] += 10
        board(Step("binance", "BTC/USDT", "1m", "running", 1000, 4000, 10.0))
        hold = Wait("api.binance.com", "hold after 429", 30.0)
        board(Step("kraken", "BTC/EUR", "1m", "waiting", 5, None, 3.0, hold))
        shown = stream.getvalue().split("\x1b[K")[-1]
    assert shown.split("\n")[:3] == [
        "0 of 3 series, 1,005 rows, waiting (hold after 429: 30 s)",
        "  binance BTC/USDT 1m: 1,000 rows of 4,000 (25%), 30 s left",
        "  kraken BTC/EUR 1m: 5 rows, waiting (hold after 429: 30 s)",
    ]


def test_a_board_keeps_a_line_for_what_ended_where_that_is_wanted(screen, clock):
    stream = screen()
    with Board(2, "on", lasting=True) as board:
        clock[0] += 1
        board.finish(row("binance BTC/USDT 1m", rows=1440, pages=2, waited=12.3))
        failed = {"status": "failed", "error": "no such market"}
        board.finish(row("binance BTC/USTD 1m", **failed))
    lines = stream.getvalue()
    assert "binance BTC/USDT 1m: complete, 1,440 rows, 2 pages, waited 12 s\n" in lines
    assert "binance BTC/USTD 1m: failed, 0 rows; no such market\n" in lines


def test_a_board_is_one_line_in_a_notebook_and_wiped_at_the_end(screen, clock, monkeypatch):
    monkeypatch.setattr(builtins, "__IPYTHON__", True, raising=False)
    stream = screen(terminal=False)
    with Board(2, "auto") as board:
        clock[0] += 5
        board(Step("binance", "BTC/USDT", "1m", "running", 1000, 4000, 5.0))
        assert stream.line.startswith("0 of 2 series, 1,000 rows; ")
    assert stream.line == ""
    assert "\n" not in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_a_board_that_nobody_reads_writes_nothing(screen, clock):
    stream = screen(terminal=False)
    with Board(2, "auto", lasting=True) as board:
        clock[0] += 5
        board(Step("binance", "BTC/USDT", "1m", "running", 1000, 4000, 5.0))
        board.finish(row("binance BTC/USDT 1m"))
    assert stream.getvalue() == ""


def test_a_line_says_nothing_more_once_its_fetch_is_over(screen, clock):
    stream = screen()
    with Progress("x", 10, "on") as report:
        pass
    clock[0] += 10
    report(5)  # as a thread does that ends its page after an interruption
    assert stream.getvalue() == ""

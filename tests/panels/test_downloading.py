"""`download`: a job at once, with a row a series; stop, resume, and the cell run again."""

from __future__ import annotations

import asyncio
import threading
import time

import polars as pl
import pytest

import gekko_lab
from gekko_lab.errors import InvalidArgument

DAYS = {"since": "2024-01-01", "until": "2024-01-11"}


@pytest.fixture
def download(opened):
    def begin(*given, **settings):
        return opened(gekko_lab.download(*given, **{**DAYS, **settings}))

    return begin


def until(true):
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_each_series_has_a_row_that_ends_complete(download, cells):
    panel = download("simulator", ["BTC/USDT", "ETH/USDT"], ["1h", "4h"])
    asyncio.run(panel.ready())
    assert panel.state == "done"
    assert cells(panel, "rows") == ["240", "60", "240", "60"]
    assert cells(panel, "status") == ["✔ complete"] * 4
    assert [each["parts"] for each in cells(panel, "strip")] == [[(0.0, 1.0, "held")]] * 4
    assert panel.report["rows"].to_list() == [240, 60, 240, 60]
    assert panel.frame["status"].unique().to_list() == ["complete"]


def test_the_code_does_the_same(download):
    panel = download("simulator", "BTC/USDT", "1h")
    asyncio.run(panel.ready())
    known = {"gekko_lab": gekko_lab}
    *lines, last = panel.code.splitlines()
    exec("\n".join([*lines, f"report = {last}"]), known)  # noqa: S102 (our own text)
    columns = ["exchange", "symbol", "timeframe", "status", "rows"]
    assert known["report"].select(columns).equals(panel.report.select(columns))


def test_it_comes_back_at_once_and_stops_and_resumes_where_it_was(download, binance, cells):
    going, server_asked = threading.Event(), threading.Event()
    server, source = binance(clock="2024-01-11T00:00:30")
    page = source.candles

    def slow(*given, **settings):
        server_asked.set()
        going.wait(20)
        return page(*given, **settings)

    source.candles = slow
    panel = download(source, "BTC/USDT", "1m", source="rest", n_jobs=1)
    assert server_asked.wait(20)
    assert panel.state == "running"
    assert [panel.controls[name].disabled for name in ("stop", "resume", "retry")] == [
        False,
        True,
        True,
    ]
    panel.controls["stop"].click()
    going.set()
    asyncio.run(panel.ready())
    assert panel.state == "stopped"
    assert cells(panel, "status") == ["stopped"]
    assert not panel.controls["resume"].disabled
    before = len(server.requests)
    panel.controls["resume"].click()
    asyncio.run(panel.ready())
    assert (panel.state, panel.report["status"].to_list()) == ("done", ["complete"])
    assert len(server.requests) > before
    held = gekko_lab.datalog.load(source, "BTC/USDT", "1m")
    assert held.equals(gekko_lab.fetch("simulator", "BTC/USDT", "1m", **DAYS))


def test_running_the_cell_again_shows_the_same_download_while_it_runs(download, binance):
    going = threading.Event()
    _, source = binance(clock="2024-01-11T00:00:30")
    page = source.candles
    source.candles = lambda *given, **settings: going.wait(20) and page(*given, **settings)
    first = download(source, "BTC/USDT", "1h", source="rest")
    assert download(source, "BTC/USDT", "1h", source="rest") is first
    going.set()
    asyncio.run(first.ready())
    again = download(source, "BTC/USDT", "1h", source="rest")
    asyncio.run(again.ready())
    assert again is not first
    assert again.report.select("source", "rows").row(0) == ("log", 240)


def test_what_failed_says_why_and_can_be_retried(download, binance, cells):
    _, source = binance(clock="2024-01-11T00:00:30")
    works = threading.Event()
    page = source.candles

    def broken(*given, **settings):
        if not works.is_set():
            raise gekko_lab.errors.BadResponse("the exchange answers nonsense")
        return page(*given, **settings)

    source.candles = broken
    panel = download(source, "BTC/USDT", "1h", source="rest")
    asyncio.run(panel.ready())
    (status,) = cells(panel, "status")
    assert status.startswith("✘ ")
    assert "nonsense" in status
    assert not panel.controls["retry"].disabled
    works.set()
    panel.controls["retry"].click()
    asyncio.run(panel.ready())
    assert cells(panel, "status") == ["✔ complete"]
    assert panel.controls["retry"].disabled


def test_candles_that_do_not_exist_are_named_in_the_status(download, market, binance, cells):
    _, source = binance(clock="2024-01-11T00:00:30")
    panel = download(source, "NONE/SUCH", "1h")
    asyncio.run(panel.ready())
    assert "NONE/SUCH" in cells(panel, "status")[0]
    assert panel.report["status"].to_list() == ["failed"]


def test_chosen_rows_are_the_selection(download):
    panel = download("simulator", ["BTC/USDT", "ETH/USDT"], "1h")
    asyncio.run(panel.ready())
    heard = []
    panel.on("selection", heard.append)
    assert panel.selection is None
    panel._table.selected = ["1"]
    assert panel.selection["symbol"].to_list() == ["ETH/USDT"]
    assert heard == [panel]


def test_pandas_is_given_to_those_who_set_it(download):
    with gekko_lab.options(frame="pandas"):
        panel = download("simulator", ["BTC/USDT", "ETH/USDT"], "1h")
        asyncio.run(panel.ready())
        panel._table.selected = ["0"]
        assert list(panel.selection["symbol"]) == ["BTC/USDT"]


def test_a_wrong_request_begins_nothing():
    with pytest.raises(InvalidArgument):
        gekko_lab.download("simulator", [], "1h", **DAYS)


def test_the_saved_picture_tells_nothing_that_differs_from_run_to_run(download):
    bundles = []
    for _ in range(2):
        panel = download("simulator", ["BTC/USDT", "ETH/USDT"], "1h")
        asyncio.run(panel.ready())
        bundles.append(panel._repr_mimebundle_()["text/html"])
        panel.close()
    assert bundles[0] == bundles[1]


def test_a_frame_tells_how_far_each_series_is(download):
    panel = download("simulator", ["BTC/USDT"], "1h")
    asyncio.run(panel.ready())
    assert isinstance(panel.frame, pl.DataFrame)
    assert panel.frame["rows"].item() == 240

"""`browse`: the catalog with what is held and missing; updating, verifying, repairing."""

from __future__ import annotations

import asyncio

import pytest

import gekko_lab
from gekko_lab.errors import InvalidArgument
from gekko_lab.market.moments import read_time

MARKET = gekko_lab.ExchangeSimulator(seed=7)


@pytest.fixture
def stored():
    hours = gekko_lab.fetch(MARKET, "BTC/USDT", "1h", since="2024-01-01", until="2024-01-03")
    write = gekko_lab.datalog.write
    write(hours[[*range(12), *range(36, 48)]], "mine", "BTC/USDT", "1h")
    write(hours, MARKET.identity, "BTC/USDT", "1h")
    return hours


@pytest.fixture
def browse(opened):
    def begin(**only):
        panel = opened(gekko_lab.browse(**only))
        return asyncio.run(panel.ready())

    return begin


def test_each_series_shows_what_it_holds_and_lacks(stored, browse, cells):
    panel = browse()
    assert panel.frame.equals(gekko_lab.datalog.catalog())
    assert cells(panel, "rows") == ["24", "48"]
    assert cells(panel, "gaps") == ["24", "0"]
    first, second = cells(panel, "strip")
    assert first["parts"] == [(0.0, 0.25, "held"), (0.75, 1.0, "held")]
    assert second["parts"] == [(0.0, 1.0, "held")]
    assert cells(panel, "spark")[1][-1] == pytest.approx(stored["close"][-1], rel=1e-5)
    assert panel._header.parts == ["data log", "2 series", "72 rows", "24 missing"]


def test_words_narrow_what_is_shown(stored, browse, cells):
    panel = browse()
    panel.controls["find"].value = "MINE 1h"
    assert cells(panel, "exchange") == ["mine"]
    assert panel.frame["exchange"].to_list() == ["mine"]


def test_the_code_loads_what_is_chosen(stored, browse):
    panel = browse()
    assert panel.code == "gekko_lab.datalog.catalog()"
    panel.select(1)
    assert panel.selection["exchange"].to_list() == [MARKET.identity]
    assert eval(panel.code).equals(stored)  # noqa: S307 (our own text)


def test_an_update_fills_what_is_missing_and_says_what_it_could_not(
    stored, browse, cells, monkeypatch
):
    now = read_time("2024-01-05T00:00:30", now=0)
    monkeypatch.setattr(gekko_lab.ExchangeSimulator, "now", lambda _: now)
    default = gekko_lab.ExchangeSimulator()
    day = {"since": "2024-01-01", "until": "2024-01-02"}
    gekko_lab.fetch(default, "BTC/USDT", "1h", **day, log=True)
    panel = browse()
    panel.controls["update"].click()
    asyncio.run(panel.ready())
    told = dict(zip(cells(panel, "exchange"), cells(panel, "status"), strict=True))
    assert told[default.identity] == "✔ complete"
    assert "mine" in told["mine"]
    assert told["mine"].startswith("✘ skipped")
    rows = dict(zip(cells(panel, "exchange"), cells(panel, "rows"), strict=True))
    assert rows[default.identity] == "96"
    assert panel.findings["status"].to_list().count("complete") == 1


def test_damage_is_found_and_repaired(stored, browse, cells, data_dir):
    gekko_lab.datalog.fold()
    file = next((data_dir / "candles").rglob("*mine*/**/*.parquet"))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(bytes(content))
    panel = browse(exchange="mine")
    panel.controls["verify"].click()
    asyncio.run(panel.ready())
    assert cells(panel, "status")[0].startswith("✘ ")
    assert panel.findings["action"].to_list() == ["none"]
    panel.controls["repair"].click()
    asyncio.run(panel.ready())
    assert panel.findings["action"].to_list() == ["set aside"]
    panel.controls["verify"].click()
    asyncio.run(panel.ready())
    assert panel.findings.is_empty()
    assert cells(panel, "rows") == ["0"]


def test_without_damage_all_is_well(stored, browse, cells):
    panel = browse()
    panel.select(0)
    panel.controls["verify"].click()
    asyncio.run(panel.ready())
    assert cells(panel, "status") == ["✔ all is well", None]


def test_an_empty_log_is_no_error_until_something_is_wanted_of_it(browse):
    panel = browse()
    assert panel.frame.is_empty()
    panel.controls["verify"].click()
    with pytest.raises(InvalidArgument, match="no series to work on"):
        asyncio.run(panel.ready())


def test_what_was_stored_meanwhile_comes_with_refresh(stored, browse, cells):
    panel = browse()
    gekko_lab.datalog.write(stored, "mine", "ETH/USDT", "1h")
    panel.controls["refresh"].click()
    asyncio.run(panel.ready())
    assert cells(panel, "symbol") == ["BTC/USDT", "ETH/USDT", "BTC/USDT"]


def test_a_chosen_series_is_shown_as_a_chart(stored, browse):
    panel = browse()
    panel.select(1)
    panel.controls["explore"].click()
    asyncio.run(panel.explored.ready())
    assert panel.explored.frame.equals(stored)
    first = panel.explored
    panel.controls["explore"].click()
    assert first.state == "closed"

"""`simulator_lab`: controls make the market, its facts are checked, and its code makes it again."""

from __future__ import annotations

import asyncio

import pytest

import gekko_lab
from gekko_lab.errors import InvalidArgument

WEEK = {"since": "2024-01-01", "until": "2024-01-03"}


@pytest.fixture
def simulator_lab(opened):
    def begin(*given, **settings):
        return opened(gekko_lab.simulator_lab(*given, **{"days": 2, **settings}))

    return begin


def run(code):
    known = {"gekko_lab": gekko_lab}
    *lines, last = code.splitlines()
    exec("\n".join([*lines, f"report = {last}"]), known)  # noqa: S102 (our own text)
    return known


def test_it_shows_the_candles_and_facts_of_its_market(simulator_lab, cells):
    panel = simulator_lab(seed=7)
    asyncio.run(panel.ready())
    market = gekko_lab.ExchangeSimulator(seed=7)
    candles = gekko_lab.fetch(market, "BTC/USDT", "1m", **WEEK)
    report = gekko_lab.realism_report(candles).filter(needs="candles")
    assert panel.frame.equals(candles)
    assert panel.report.equals(report)
    marks = {True: "✔", False: "✘", None: "-"}
    assert [told[0] for told in cells(panel, "verdict")] == [marks[p] for p in report["passed"]]
    assert cells(panel, "target")[:3] == ["5 … 100", "≤ 0.7", "≥ 0.5"]


def test_a_slider_changes_the_market_and_the_code_makes_it_again(simulator_lab):
    panel = simulator_lab()
    panel.controls["season"].value = 0.25
    panel.controls["trend"].value = "up"
    panel.controls["symbol"].value = "ETH/USDT"
    asyncio.run(panel.ready())
    expected = gekko_lab.ExchangeSimulator(season=0.25, trend="up")
    assert panel.frame.equals(gekko_lab.fetch(expected, "ETH/USDT", "1m", **WEEK))
    known = run(panel.code)
    assert known["candles"].equals(panel.frame)
    assert known["market"].identity == panel.simulator.identity


def test_a_preset_turns_all_knobs(simulator_lab):
    panel = simulator_lab(season=0.25)
    panel.controls["preset"].value = "fx"
    asyncio.run(panel.ready())
    assert panel.controls["annual_volatility"].value == 0.09
    assert panel.controls["season"].value == 1.0
    assert panel.controls["symbol"].value in gekko_lab.ExchangeSimulator("fx").rules()
    assert panel.simulator.identity == gekko_lab.ExchangeSimulator("fx").identity


def test_thin_markets_are_held_to_the_targets_of_thin_ones(simulator_lab):
    panel = simulator_lab("thin", symbol="LTC/EUR")
    asyncio.run(panel.ready())
    thin = gekko_lab.realism_report(panel.frame, kind="thin").filter(needs="candles")
    assert panel.report.equals(thin)
    assert run(panel.code)["report"].filter(needs="candles").equals(thin)


def test_a_match_takes_over_all_that_was_fitted(simulator_lab, cells):
    recorded = gekko_lab.fetch(
        "simulator:thin", "LTC/EUR", "1m", since="2024-01-01", until="2024-01-03"
    )
    gekko_lab.datalog.write(recorded, "mine", "LTC/EUR", "1m")
    panel = simulator_lab()
    assert panel.controls["recorded"].value == ("mine", "LTC/EUR", "1m")
    panel.controls["match"].click()
    asyncio.run(panel.ready())
    found = gekko_lab.calibrate(recorded, symbol="LTC/EUR")
    assert panel.calibration.parameters == found.parameters
    assert panel.simulator.identity == found.simulator.identity
    assert panel.controls["symbol"].value == "LTC/EUR"
    told = [row["cells"]["moment"] for row in panel._moments.rows]
    assert told == found.report["moment"].to_list()
    assert run(panel.code)["market"].identity == found.simulator.identity


def test_without_stored_candles_a_match_says_what_to_do(simulator_lab):
    panel = simulator_lab()
    asyncio.run(panel.ready())
    panel.controls["match"].click()
    with pytest.raises(InvalidArgument, match="fetch or download two days"):
        asyncio.run(panel.ready())
    assert "no candles to match" in panel._header.error


def test_a_wrong_request_is_refused_at_once(simulator_lab):
    with pytest.raises(InvalidArgument, match="from 1 to 30"):
        simulator_lab(days=31)
    with pytest.raises(gekko_lab.errors.UnknownSymbol):
        simulator_lab(symbol="NONE/SUCH")


def test_the_figure_follows_the_theme_of_the_page(simulator_lab):
    panel = simulator_lab()
    asyncio.run(panel.ready())
    light = panel.figure.layout.template.layout.paper_bgcolor
    panel._surroundings.dark = True
    dark = panel._figure.layout.template.layout.paper_bgcolor
    assert (light, dark) == ("#ffffff", "#131722")


def test_the_saved_picture_is_that_of_the_data(simulator_lab):
    bundles = []
    for _ in range(2):
        panel = simulator_lab(seed=3)
        asyncio.run(panel.ready())
        bundles.append(panel._repr_mimebundle_()["text/html"])
    assert bundles[0] == bundles[1]
    assert len(bundles[0]) < 50_000

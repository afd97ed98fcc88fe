"""The commands for many series: what they write, and with which exit code they end."""

from __future__ import annotations

import polars as pl
import pytest

import gekko_lab
from gekko_lab import datalog
from gekko_lab.cli import main
from gekko_lab.errors import AccessDenied

MONTH = ("--since", "2024-01-01", "--until", "2024-02-01")
SERIES = ("simulator", "BTC/USDT,ETH/USDT", "1h,1d")


def test_download_fills_the_log_and_reports(capsys, tmp_path):
    report = tmp_path / "report.csv"
    assert main(["download", *SERIES, *MONTH, "--progress", "on", "--out", str(report)]) == 0
    table = pl.read_csv(report)
    assert table.select("symbol", "timeframe", "status", "rows").rows() == [
        ("BTC/USDT", "1h", "complete", 744),
        ("BTC/USDT", "1d", "complete", 31),
        ("ETH/USDT", "1h", "complete", 744),
        ("ETH/USDT", "1d", "complete", 31),
    ]
    assert datalog.load(gekko_lab.ExchangeSimulator(), "ETH/USDT", "1h").height == 744
    told = capsys.readouterr().err
    assert "simulator ETH/USDT 1d: complete, 31 rows, 1 page\n" in told


def test_a_series_that_fails_spoils_no_other_and_ends_with_4(capsys, tmp_path):
    report = tmp_path / "report.json"
    given = ["download", "simulator", "BTC/USDT,BTC/USTD", "1d", *MONTH, "--out", str(report)]
    assert main(given) == 4
    assert pl.read_json(report)["status"].to_list() == ["complete", "failed"]
    assert "1 of 2 series could not be had" in capsys.readouterr().err


@pytest.mark.parametrize("symbols", ["XXX/USDT", "XXX/USDT,BTC/USTD"])
@pytest.mark.parametrize("more", [["1d"], ["--trades"]])
def test_a_download_that_can_have_nothing_is_a_wrong_request(capsys, tmp_path, symbols, more):
    report = tmp_path / "report.csv"
    given = ["download", "simulator", symbols, *more, *MONTH, "--out", str(report)]
    assert main(given) == 2
    told = capsys.readouterr().err
    assert "no market 'XXX/USDT'" in told
    assert f"{1 + symbols.count(',')} of {1 + symbols.count(',')} series" in told
    assert not report.exists()


def test_a_download_of_an_exchange_that_gives_nothing_ends_with_3(capsys, monkeypatch):
    def candles(*_, **__):
        raise AccessDenied("simulator refuses this region")

    monkeypatch.setattr(gekko_lab.ExchangeSimulator, "candles", candles)
    assert main(["download", "simulator", "BTC/USDT,ETH/USDT", "1d", *MONTH]) == 3
    assert "refuses this region" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["download", "plan"])
def test_names_may_have_blanks_behind_their_commas(tmp_path, command):
    out = tmp_path / "out.csv"
    given = [command, "simulator", "BTC/USDT, ETH/USDT", "1h, 1d", *MONTH, "--out", str(out)]
    assert main(given) == 0
    assert pl.read_csv(out)["rows"].to_list() == [744, 31, 744, 31]


def test_an_interrupted_download_says_how_to_go_on(capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(gekko_lab.Job, "wait", interrupted)
    monkeypatch.setattr(gekko_lab.Job, "stop", lambda *_: True)
    assert main(["download", *SERIES, *MONTH]) == 130
    assert "the same command goes on from there" in capsys.readouterr().err


def test_plan_tells_what_would_be_asked_for(tmp_path):
    out = tmp_path / "plan.csv"
    assert main(["plan", *SERIES, *MONTH, "--out", str(out)]) == 0
    assert pl.read_csv(out)["rows"].to_list() == [744, 31, 744, 31]
    assert not datalog.catalog().height


def test_update_brings_the_log_up_to_now(capsys, tmp_path):
    market = gekko_lab.ExchangeSimulator()
    gekko_lab.fetch(market, "BTC/USDT", "1h", since="3d", until="2d", log=True)
    out = tmp_path / "report.csv"
    assert main(["update", "--symbol", "BTC/USDT", "--out", str(out)]) == 0
    row = pl.read_csv(out).row(0, named=True)
    assert row["status"] == "complete"
    assert 47 <= row["rows"] <= 48
    assert main(["update", "--symbol", "ETH/USDT"]) == 2
    assert "fetch something first" in capsys.readouterr().err


def test_no_rounds_are_a_wrong_request(capsys):
    gekko_lab.fetch("simulator", "BTC/USDT", "1d", since="9d", until="8d", log=True)
    assert main(["update", "--every", "1h", "--rounds", "0"]) == 2
    assert "rounds=0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["download", "simulator", "BTC/USDT"], "--since"),
        (["download", *SERIES, *MONTH, "--source", "disk"], "invalid choice"),
        (["plan", "simulator"], "symbols"),
    ],
)
def test_arguments_that_cannot_be_read_end_with_2(capsys, given, message):
    with pytest.raises(SystemExit) as ended:
        main(given)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_fetch_reads_the_log_without_asking(tmp_path):
    gekko_lab.fetch("simulator", "BTC/USDT", "1d", since="2024-01-01", until="2024-01-11", log=True)
    out = tmp_path / "held.csv"
    given = ["fetch", "simulator", "BTC/USDT", "1d", "--source", "log", "--since", "2024-01-01"]
    assert main([*given, "--out", str(out)]) == 0
    assert pl.read_csv(out).height == 10

"""`gekko-lab record`: a table while it goes on, an honest word at the end, and an exit code."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

import pytest

import gekko_lab
from gekko_lab.cli import main
from gekko_lab.cli.commands import DONE, INTERRUPTED, WRONG_REQUEST

RANGE = ["--since", "2024-01-01", "--for", "3m", "--speed", "max"]


def test_a_recording_that_ends_tells_what_is_kept(data_dir, capsys):
    code = main(["record", "simulator", "BTC/USDT", "ETH/USDT", *RANGE, "--progress", "on"])
    told = capsys.readouterr()
    assert code == DONE
    rows = int(re.search(r"([\d,]+) rows are in the data log, without a gap", told.err)[1])
    simulator = gekko_lab.ExchangeSimulator()
    kept = [
        gekko_lab.datalog.load(simulator.identity, symbol, kind="trades").height
        for symbol in ("BTC/USDT", "ETH/USDT")
    ]
    assert rows == sum(kept) + 2 * 3
    assert "simulator ETH/USDT ended" in told.err
    assert "BTC/USDT" in told.out


def test_the_status_goes_where_it_is_to_go(data_dir, capsys, tmp_path):
    file = tmp_path / "status.json"
    kinds = ["--kinds", "candle", "--timeframe", "1m", "--out", str(file)]
    assert main(["record", "simulator", "BTC/USDT,ETH/USDT", *RANGE, *kinds]) == DONE
    status = json.loads(file.read_text())
    assert [(each["symbol"], each["state"], each["rows"]) for each in status] == [
        ("BTC/USDT", "ended", 3),
        ("ETH/USDT", "ended", 3),
    ]
    assert capsys.readouterr().out == ""


def test_names_may_have_blanks_behind_their_commas(data_dir, tmp_path):
    file = tmp_path / "status.json"
    given = ["simulator", "BTC/USDT, ETH/USDT", *RANGE, "--kinds", "trade, candle"]
    assert main(["record", *given, "--out", str(file)]) == DONE
    status = json.loads(file.read_text())
    assert [each["symbol"] for each in status] == ["BTC/USDT", "ETH/USDT"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["simulator", "BTC/USDTX"], "Did you mean"),
        (["simulator", "BTC/USDT", "--speed", "fast"], "'max'"),
        (["simulator", "BTC/USDT", "--kinds", "trade,quote"], "no kind 'quote'"),
        (["simulator", "BTC/USDT", "--for", "soon"], "soon"),
        (["simulator", "BTC/USDT", "--out", "nowhere/x.csv"], "no folder"),
        (["binance", "BTC/USDT", "--speed", "5"], "as it goes on now"),
    ],
)
def test_a_wrong_request_is_told(data_dir, capsys, arguments, told):
    assert main(["record", *arguments]) == WRONG_REQUEST
    assert told in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is a signal here")
def test_ctrl_c_ends_it_and_says_what_is_kept(data_dir):
    command = [sys.executable, "-m", "gekko_lab", "record", "simulator", "BTC/USDT", "--kinds"]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "GEKKO_LAB_DATA_DIR": str(data_dir),
    }
    with subprocess.Popen(
        [*command, "trade", "--speed", "600", "--progress", "on"],
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    ) as running:
        for line in running.stderr:
            if "running" in line:
                break
        running.send_signal(signal.SIGINT)
        told = running.stderr.read()
    assert running.returncode == INTERRUPTED
    assert "rows are in the data log, without a gap" in told
    assert gekko_lab.datalog.verify().is_empty()

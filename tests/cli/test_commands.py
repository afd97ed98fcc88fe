"""The command line: what is written where, and with which exit code."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import gekko_lab
from gekko_lab import kernels
from gekko_lab.cli import main
from gekko_lab.errors import (
    AccessDenied,
    BadResponse,
    DataError,
    GapWarning,
    IncompleteData,
    NetworkFailed,
    SourceTimeout,
)
from gekko_lab.frames.schemas import TIME
from gekko_lab.settings import Options

TEN_HOURS = ("--since", "2024-01-01", "--until", "2024-01-01T10:00")
FETCH = ("fetch", "simulator", "BTC/USDT", "1h", *TEN_HOURS)


@pytest.fixture
def candles():
    return gekko_lab.fetch(
        "simulator", "BTC/USDT", "1h", since="2024-01-01", until="2024-01-01T10:00"
    )


@pytest.fixture
def answer(monkeypatch):
    """Let `gekko_lab.fetch` end in this way, and count how often it was asked."""
    asked = []

    def arrange(outcome):
        def fetch(*_, **__):
            asked.append(1)
            return outcome()

        monkeypatch.setattr(gekko_lab, "fetch", fetch)
        return asked

    return arrange


def raising(error):
    def raise_it():
        raise error

    return raise_it


def read(content, kind, schema):
    """Read a written table back as one of that schema."""
    if kind == "parquet":
        return pl.read_parquet(content)
    if kind == "json":
        frame = pl.from_dicts(json.loads(content.read()))
    else:
        frame = pl.read_csv(content, schema_overrides={"timestamp": pl.String, "id": pl.String})
    times = pl.col("timestamp").str.to_datetime("%+", time_unit="us", time_zone="UTC")
    return frame.with_columns(times).cast(dict(schema))


def run(*arguments, **variables):
    """Run the program as a process of its own."""
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", **variables}
    return subprocess.run(
        [sys.executable, "-m", "gekko_lab", *arguments],
        capture_output=True,
        env=environment,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "exit codes:"),
        (("fetch",), "--chart FILE.html"),
        (("simulate",), "--volatility"),
        (("symbols",), "--format {csv,json,parquet}"),
        (("serve",), "--fault rate_limited:candles:every=10"),
        (("init",), "usage: gekko-lab init"),
        (("info",), "usage: gekko-lab info"),
        (("warmup",), "usage: gekko-lab warmup"),
    ],
    ids=repr,
)
def test_every_command_explains_itself(capsys, arguments, expected):
    with pytest.raises(SystemExit) as caught:
        main([*arguments, "--help"])
    assert caught.value.code == 0
    assert expected in capsys.readouterr().out


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.strip() == gekko_lab.__version__


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("download",),
        ("fetch", "simulator"),
        ("fetch", "simulator", "BTC/USDT", "--limit", "many"),
        ("fetch", "simulator", "BTC/USDT", "--format", "xlsx", "--out", "a.xlsx"),
        ("fetch", "simulator", "BTC/USDT", "--progress", "loud"),
        ("symbols", "simulator", "--limit", "3"),
    ],
    ids=" ".join,
)
def test_arguments_that_cannot_be_read_end_with_2(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: gekko-lab" in capsys.readouterr().err


def test_without_a_target_the_table_is_shown(capsys, candles):
    assert main(FETCH) == 0
    shown = capsys.readouterr()
    assert "shape: (10, 6)" in shown.out
    assert all(str(close) in shown.out for close in candles["close"])
    assert shown.err == ""


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_a_file_holds_what_fetch_gives(capsys, tmp_path, candles, kind):
    file = tmp_path / f"candles.{kind}"
    assert main([*FETCH, "--out", str(file)]) == 0
    assert_frame_equal(read(io.BytesIO(file.read_bytes()), kind, candles.schema), candles)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == f"gekko-lab: 10 rows in {file}\n"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_stdout_holds_what_fetch_gives(capfdbinary, candles, kind):
    assert main([*FETCH, "--out", "-", "--format", kind]) == 0
    shown = capfdbinary.readouterr()
    assert_frame_equal(read(io.BytesIO(shown.out), kind, candles.schema), candles)
    assert shown.err == b""


def test_stdout_is_csv_unless_told(capsys, candles):
    assert main([*FETCH, "--out", "-"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "timestamp,open,high,low,close,volume"
    assert lines[1].split(",")[0] == "2024-01-01T00:00:00Z"
    assert [float(line.split(",")[4]) for line in lines[1:]] == candles["close"].to_list()


def test_a_chosen_format_wins_over_the_name(tmp_path, candles):
    file = tmp_path / "candles.txt"
    assert main([*FETCH, "--out", str(file), "--format", "json"]) == 0
    assert len(json.loads(file.read_text())) == len(candles)
    upper = tmp_path / "CANDLES.CSV"
    assert main([*FETCH, "--out", str(upper)]) == 0
    assert upper.read_text().startswith("timestamp,")


def test_an_older_file_is_replaced(tmp_path, candles):
    file = tmp_path / "candles.parquet"
    file.write_text("old")
    assert main([*FETCH, "--out", str(file)]) == 0
    assert_frame_equal(pl.read_parquet(file), candles)


def test_full_candles_have_all_columns(tmp_path):
    file = tmp_path / "candles.parquet"
    assert main([*FETCH, "--full", "--out", str(file)]) == 0
    expected = gekko_lab.fetch(
        "simulator", "BTC/USDT", "1h", since="2024-01-01", limit=10, columns="full"
    )
    assert_frame_equal(pl.read_parquet(file), expected)


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_trades_are_written_as_fetch_trades_gives_them(tmp_path, kind):
    file = tmp_path / f"trades.{kind}"
    asked = ["--trades", "--since", "2024-01-01", "--limit", "25", "--out", str(file)]
    assert main(["fetch", "simulator", "BTC/USDT", *asked]) == 0
    expected = gekko_lab.fetch_trades("simulator", "BTC/USDT", since="2024-01-01", limit=25)
    found = read(io.BytesIO(file.read_bytes()), kind, expected.schema)
    assert_frame_equal(found, expected)


@pytest.mark.parametrize("since", ["2024", "2024-01", "2024-01-01T00:00Z", "1704067200000"])
def test_times_are_written_as_for_fetch(tmp_path, candles, since):
    file = tmp_path / "candles.parquet"
    asked = ["--since", since, "--limit", "10", "--out", str(file)]
    assert main(["fetch", "simulator", "BTC/USDT", *asked]) == 0
    assert_frame_equal(pl.read_parquet(file), candles)


def test_options_of_the_user_do_not_change_files(tmp_path, candles):
    file = tmp_path / "candles.parquet"
    with gekko_lab.options(frame="pandas"):
        assert main([*FETCH, "--out", str(file)]) == 0
    assert_frame_equal(pl.read_parquet(file), candles)


def test_the_log_keeps_what_was_fetched(tmp_path, candles):
    file = tmp_path / "candles.parquet"
    assert main([*FETCH, "--log", "--out", str(file)]) == 0
    assert_frame_equal(pl.read_parquet(file), candles)
    held = gekko_lab.datalog.load(gekko_lab.ExchangeSimulator(), "BTC/USDT", "1h")
    assert_frame_equal(held, candles)


def test_simulate_takes_the_choices_of_the_simulator(tmp_path):
    file = tmp_path / "candles.parquet"
    choices = ["--seed", "7", "--volatility", "high", "--trend", "up"]
    assert main(["simulate", "ETH/USDT", "1d", *choices, *TEN_HOURS, "--out", str(file)]) == 0
    source = gekko_lab.ExchangeSimulator(seed=7, volatility="high", trend="up")
    expected = gekko_lab.fetch(
        source, "ETH/USDT", "1d", since="2024-01-01", until="2024-01-01T10:00"
    )
    assert_frame_equal(pl.read_parquet(file), expected)


def test_simulate_without_choices_is_the_simulator(tmp_path, candles):
    file = tmp_path / "candles.parquet"
    assert main(["simulate", *TEN_HOURS, "--out", str(file)]) == 0
    assert_frame_equal(pl.read_parquet(file), candles)


def test_simulate_takes_a_preset_and_a_process(tmp_path):
    file = tmp_path / "candles.parquet"
    choices = ["--preset", "thin", "--process", "gbm"]
    assert main(["simulate", "LTC/EUR", "1m", *choices, *TEN_HOURS, "--out", str(file)]) == 0
    source = gekko_lab.ExchangeSimulator("thin", process="gbm")
    expected = gekko_lab.fetch(
        source, "LTC/EUR", "1m", since="2024-01-01", until="2024-01-01T10:00"
    )
    assert_frame_equal(pl.read_parquet(file), expected)


def test_warmup_says_whether_there_was_something_to_compile(capsys, monkeypatch):
    for known, said in ((False, "are compiled"), (True, "were compiled already")):
        monkeypatch.setattr(kernels, "are_compiled", lambda known=known: known)
        assert main(["warmup"]) == 0
        told = capsys.readouterr()
        assert said in told.out
        assert ("compiling" in told.err) is not known
    assert kernels._loops.loaded


def test_symbols_are_those_of_the_exchange(capsys, tmp_path):
    file = tmp_path / "symbols.parquet"
    assert main(["symbols", "simulator", "--out", str(file)]) == 0
    expected = gekko_lab.symbols("simulator")
    assert_frame_equal(pl.read_parquet(file), expected)
    assert main(["symbols", "simulator"]) == 0
    assert f"shape: {expected.shape}" in capsys.readouterr().out


def test_info_tells_versions_and_where_data_are_kept(capsys, data_dir):
    (data_dir / "markets").mkdir(parents=True)
    (data_dir / "markets" / "kraken.json").write_text("{}")
    assert main(["info"]) == 0
    shown = capsys.readouterr().out
    facts = dict(re.split(r"\s+", line, maxsplit=1) for line in shown.splitlines())
    assert facts["gekko-lab"] == gekko_lab.__version__
    assert facts["polars"] == pl.__version__
    assert facts["data_dir"] == str(data_dir)
    assert facts["frame"] == "polars"
    assert facts["loops"] in {"compiled", "not compiled yet"}
    assert facts["market"] == "lists kraken"
    assert facts["data"].split() == ["log", "0", "series"]
    assert facts["exchanges"].startswith(f"{len(gekko_lab.exchanges())}, ")


def test_init_makes_a_data_folder_that_all_below_it_uses(capsys, tmp_path, monkeypatch):
    (tmp_path / "deep").mkdir()
    assert main(["init", str(tmp_path)]) == 0
    assert str(tmp_path / "data") in capsys.readouterr().out
    monkeypatch.chdir(tmp_path / "deep")
    assert Options().data_dir == tmp_path / "data"
    assert main(["init", str(tmp_path)]) == 0
    assert main(["init", str(tmp_path / "none")]) == 2
    assert "doesn't exist" in capsys.readouterr().err


def test_a_chart_is_a_page_that_needs_no_network(capsys, tmp_path):
    file, chart = tmp_path / "candles.csv", tmp_path / "chart.html"
    assert main([*FETCH, "--out", str(file), "--chart", str(chart)]) == 0
    page = chart.read_text(encoding="utf-8")
    assert "Plotly.newPlot" in page
    assert "simulator BTC\\u002fUSDT 1h" in page or "simulator BTC/USDT 1h" in page
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=[\"']?(?:https?:)?//", page)
    assert capsys.readouterr().err.splitlines() == [
        f"gekko-lab: 10 rows in {file}",
        f"gekko-lab: chart in {chart}",
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("fetch", "simulatr", "BTC/USDT"), "simulator"),
        (("fetch", "simulator", "BTC/USDX"), "BTC/USDX"),
        (("fetch", "simulator", "BTC/USDT", "1x"), "'1x' is not a timeframe"),
        (("fetch", "simulator", "BTC/USDT", "--since", "junk"), "since='junk' is not a time"),
        (("fetch", "simulator", "BTC/USDT", "--until", "1704067200"), "looks like seconds"),
        (("fetch", "simulator", "BTC/USDT", "--since", "²²²²²"), "is not a time"),
        (("fetch", "simulator", "BTC/USDT", "--limit", "0"), "ask for at least one row"),
        ((*FETCH, "--limit", "3"), "since, until and limit contradict each other"),
        ((*FETCH, "--trades", "--full"), "--full is for candles"),
        ((*FETCH, "--trades", "--chart", "a.html"), "--chart is for candles"),
        ((*FETCH, "--format", "csv"), "--format csv needs --out FILE"),
        ((*FETCH, "--out", "candles.xlsx"), "name the file .csv, .json or .parquet"),
        ((*FETCH, "--out", "candles"), "name the file .csv, .json or .parquet"),
        ((*FETCH, "--out", "nowhere/candles.csv"), "there is no folder 'nowhere'"),
        ((*FETCH, "--chart", "nowhere/chart.html"), "there is no folder 'nowhere'"),
        ((*FETCH, "--chart", "chart.png"), "--chart chart.png: name the file .html"),
        ((*FETCH, "--chart", "chart"), "--chart chart: name the file .html"),
        ((*FETCH, "--out", "folder.csv"), "is a folder"),
        ((*FETCH, "--chart", "folder.csv"), "is a folder"),
        (("simulate", "--volatility", "extreme"), "extreme"),
        (("simulate", "--trend", "diagonal"), "diagonal"),
        (("symbols", "simulatr"), "simulator"),
        (("symbols", "simulator", "--format", "csv"), "--format csv needs --out FILE"),
    ],
    ids=lambda value: " ".join(value[1:]) if isinstance(value, tuple) else "",
)
def test_a_wrong_request_ends_with_2_and_writes_nothing(
    capsys, monkeypatch, tmp_path, arguments, expected
):
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("gekko-lab: ")
    assert expected in shown.err
    assert shown.out == ""
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(
    "target",
    [
        ("--out", "nowhere/a.csv"),
        ("--chart", "nowhere/a.html"),
        ("--chart", "a.png"),
        ("--out", "a"),
        ("--format", "csv"),
    ],
    ids=" ".join,
)
def test_a_target_is_checked_before_anything_is_fetched(answer, target):
    asked = answer(raising(AssertionError("fetched")))
    assert main([*FETCH, *target]) == 2
    assert not asked


@pytest.mark.parametrize("option", ["--out", "--chart"])
def test_a_folder_without_leave_to_write_is_found_before(
    capsys, monkeypatch, tmp_path, answer, option
):
    asked = answer(raising(AssertionError("fetched")))
    monkeypatch.setattr(os, "access", lambda path, mode: (Path(path), mode) != (tmp_path, os.W_OK))
    assert main([*FETCH, option, str(tmp_path / "a.csv")]) == 2
    assert "can't be written" in capsys.readouterr().err
    assert not asked


@pytest.mark.parametrize(
    "error",
    [
        NetworkFailed("binance could not be reached"),
        SourceTimeout("binance did not answer"),
        AccessDenied("binance refuses this region"),
        BadResponse("binance sent half a page"),
        DataError("binance sent a candle that isn't sound"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_failed_exchange_ends_with_3(capsys, tmp_path, answer, error):
    answer(raising(error))
    assert main([*FETCH, "--out", str(tmp_path / "candles.csv")]) == 3
    shown = capsys.readouterr()
    assert shown.err == f"gekko-lab: {error}\n"
    assert shown.out == ""
    assert not list(tmp_path.iterdir())


def test_a_failed_disk_ends_with_3_and_leaves_the_old_file(capsys, monkeypatch, tmp_path):
    file = tmp_path / "candles.csv"
    file.write_text("old")

    def fill(self, content):
        with self.open("wb") as part:
            part.write(content[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill)
    assert main([*FETCH, "--out", str(file)]) == 3
    assert "No space left on device" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [file]
    assert file.read_text() == "old"


def incomplete(candles):
    return IncompleteData("6 candles could not be had", frame=candles[:4], report=None)


def test_a_part_is_written_and_ends_with_4(capsys, tmp_path, answer, candles):
    answer(raising(incomplete(candles)))
    file, chart = tmp_path / "candles.parquet", tmp_path / "chart.html"
    assert main([*FETCH, "--out", str(file), "--chart", str(chart)]) == 4
    assert_frame_equal(pl.read_parquet(file), candles[:4])
    assert chart.stat().st_size > 0
    assert capsys.readouterr().err.endswith("gekko-lab: 6 candles could not be had\n")


def test_a_part_that_cannot_be_written_ends_with_3(capsys, monkeypatch, tmp_path, answer, candles):
    answer(raising(incomplete(candles)))
    monkeypatch.setattr(Path, "write_bytes", lambda *_: raising(OSError(28, "No space left"))())
    assert main([*FETCH, "--out", str(tmp_path / "candles.csv")]) == 3
    assert "No space left" in capsys.readouterr().err


def test_an_interruption_ends_with_130(capsys, tmp_path, answer):
    answer(raising(KeyboardInterrupt()))
    assert main([*FETCH, "--out", str(tmp_path / "candles.csv")]) == 130
    assert capsys.readouterr().err.endswith("gekko-lab: interrupted\n")
    assert not list(tmp_path.iterdir())


def test_what_does_not_exist_is_told_and_ends_with_0(capsys, answer, candles):
    def gapped():
        warnings.warn("simulator lacks 2 candles", GapWarning, stacklevel=2)
        return candles

    answer(gapped)
    for _ in range(2):  # told each time
        assert main([*FETCH, "--out", "-"]) == 0
        assert capsys.readouterr().err == "gekko-lab: simulator lacks 2 candles\n"


@pytest.mark.parametrize("failing", [False, True])
def test_warnings_of_the_caller_stay_as_they_were(capsys, answer, candles, failing):
    answer(raising(NetworkFailed("no way")) if failing else lambda: candles)
    shown, filters = warnings.showwarning, list(warnings.filters)
    main(FETCH)
    assert warnings.showwarning is shown
    assert warnings.filters == filters
    capsys.readouterr()


def test_progress_is_shown_where_it_is_wanted(capsys):
    assert main([*FETCH, "--out", "-", "--progress", "on"]) == 0
    shown = capsys.readouterr()
    assert "\rsimulator BTC/USDT 1h: 10 rows of 10 (100%)" in shown.err
    assert shown.out.startswith("timestamp,")
    assert main([*FETCH, "--out", "-", "--progress", "off"]) == 0
    assert capsys.readouterr().err == ""


def test_the_program_runs_as_a_module():
    done = run("fetch", "simulator", "BTC/USDT", "--since", "2024", "--limit", "3", "--out", "-")
    assert (done.returncode, done.stderr) == (0, b"")
    expected = gekko_lab.fetch("simulator", "BTC/USDT", since="2024", limit=3)
    found = read(io.BytesIO(done.stdout), "csv", expected.schema)
    assert_frame_equal(found, expected)
    assert found.schema["timestamp"] == TIME


def test_the_program_ends_with_its_exit_code(tmp_path):
    done = run("fetch", "simulator", "BTC/USDT", "--limit", "0", GEKKO_LAB_DATA_DIR=str(tmp_path))
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.startswith(b"gekko-lab: limit=0")
    assert b"Traceback" not in done.stderr


def test_a_terminal_without_unicode_sees_the_table():
    asked = ("fetch", "simulator", "BTC/USDT", "--since", "2024", "--limit", "3")
    done = run(*asked, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"shape: (3, 6)" in done.stdout


def test_a_timeframe_of_trades_is_refused(capsys):
    assert main(["fetch", "simulator", "BTC/USDT", "5m", "--trades", "--limit", "2"]) == 2
    assert "trades have no timeframe; leave out '5m'" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX pipe")
def test_a_reader_that_has_seen_enough_is_no_error():
    asked = ["fetch", "simulator", "BTC/USDT", "1m", "--until", "2024-01-01", "--limit", "20000"]
    with subprocess.Popen(
        [sys.executable, "-m", "gekko_lab", *asked, "--out", "-"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout.readline().startswith(b"timestamp,open")
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX links and pipes")
def test_links_stay_links_modes_stay_and_pipes_are_written_to(tmp_path):
    asked = ["simulate", "--until", "2024-01-01", "--limit", "2"]
    target, link = tmp_path / "target.csv", tmp_path / "link.csv"
    target.touch(mode=0o600)
    target.chmod(0o600)
    link.symlink_to(target)
    assert main([*asked, "--out", str(link)]) == 0
    assert link.is_symlink()
    assert target.read_text().count("\n") == 3
    assert target.stat().st_mode & 0o777 == 0o600
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert main([*asked, "--out", str(pipe), "--format", "csv"]) == 0
        assert os.read(reader, 10**6).startswith(b"timestamp,open")
        assert pipe.is_fifo()
    finally:
        os.close(reader)

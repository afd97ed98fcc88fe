"""The command `serve`: what it says, how it is steered and how it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import ccxt
import pytest
import requests

from gekko_lab.cli import main
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.server import Server
from gekko_lab.server.fault_reading import parse_fault
from gekko_lab.simulation import SimulatedMarket, presets

MINUTE = Timeframe.parse("1m")
MARCH = 1_709_251_200_000


@contextmanager
def served(*arguments):
    """Run the command as a process of its own, and give it with what it said."""
    program = [sys.executable, "-W", "error", "-m", "gekko_lab", "serve", "--port", "0"]
    with subprocess.Popen(
        [*program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            said = []
            for line in process.stdout:
                said.append(line)
                if line.startswith("Ctrl-C"):
                    break
            found = re.search(r"at (https?://\S+)", "".join(said))
            yield process, found and found[1], "".join(said)
        finally:
            process.kill()
            process.communicate()


@pytest.fixture
def ask():
    with requests.Session() as session:
        session.trust_env = False
        yield lambda server, path: session.get(server.url + path, timeout=30)


@pytest.fixture
def serving(monkeypatch, capsys):
    """Run the command until a check of its server is over; gives what it said."""

    def run(check, *arguments):
        def wait(server):
            check(server)
            return False

        monkeypatch.setattr(Server, "wait", wait)
        assert main(["serve", "--port", "0", *arguments]) == 0
        return capsys.readouterr().out

    return run


def test_it_serves_the_market_that_was_asked_for():
    options = ("--preset", "thin", "--seed", "7", "--start", "2024-03-01", "--speed", "0.001")
    with served(*options) as (process, url, said):
        assert said.startswith(f"The simulated market is served as binance at {url}\n")
        config = requests.get(f"{url}/_gekko_lab/clients/ccxt", timeout=30).json()
        client = ccxt.binance(config)
        client.session.trust_env = False
        got = client.fetch_ohlcv("BTC/USDT", "1m", since=MARCH - 600_000, limit=10)
        client.session.close()
        market = SimulatedMarket(presets.choose("thin", {"seed": 7}))
        truth = market.candles("BTC/USDT", MINUTE, MARCH - 600_000, MARCH)
        columns = [truth["timestamp"].dt.epoch("ms"), *truth.get_columns()[1:6]]
        assert got == [list(row) for row in zip(*columns, strict=True)]
        told = requests.get(f"{url}/_gekko_lab/clock", timeout=30).json()
        assert told["datetime"].startswith("2024-03-01")
        assert requests.post(f"{url}/_gekko_lab/shutdown", timeout=30).ok
        assert process.wait(30) == 0
        assert process.stderr.read() == ""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for other processes")
def test_ctrl_c_ends_it_as_other_commands():
    with served() as (process, url, _):
        assert requests.get(f"{url}/api/v3/ping", timeout=30).ok
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr.read() == "\ngekko-lab: interrupted\n"


def test_faults_and_limits_are_those_of_the_command_line(serving, ask):
    def check(server):
        answers = [ask(server, "/0/public/OHLC?pair=XBTUSDT") for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 418]
        told = ask(server, "/_gekko_lab/faults").json()["faults"]
        assert [(each["kind"], each["path"], each["hits"]) for each in told] == [
            ("status", "candles", 1),
            ("delay", None, 1),
        ]

    faults = ("--fault", "status:candles:every=2:value=418", "--fault", "delay:*:count=1:value=0")
    said = serving(check, "--exchange", "kraken", "--weight-limit", "100", *faults)
    assert "ccxt.kraken(config)" in said
    assert "python-binance" not in said


@pytest.mark.parametrize(("limits", "refused"), [((), True), (("--limits", "off"), False)])
def test_the_official_limits_hold_unless_they_are_off(serving, ask, limits, refused):
    def check(server):
        answers = [ask(server, "/0/public/Time").json()["error"] for _ in range(50)]
        assert answers[0] == []
        assert (["EGeneral:Too many requests"] in answers) == refused

    serving(check, "--exchange", "kraken", *limits)


def test_tls_comes_from_files(serving, certificate):
    def check(server):
        assert server.url.startswith("https://127.0.0.1:")
        answer = requests.get(f"{server.url}/api/v3/ping", verify=certificate[0], timeout=30)
        assert answer.json() == {}

    said = serving(check, "--tls-cert", str(certificate[0]), "--tls-key", str(certificate[1]))
    assert "wss://127.0.0.1" in said


def test_a_taken_port_is_told(capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == 3
    told = capsys.readouterr().err
    assert told == (
        f"gekko-lab: port {port} of 127.0.0.1 is taken: choose another --port, or --port 0 for a "
        "free one\n"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--host", "0.0.0.0"), 2, "add --allow-remote if that is wanted"),  # noqa: S104
        (("--preset", "thinn"), 2, "preset is 'thinn'"),
        (("--start", "yesterday"), 2, "start='yesterday' is not a time"),
        (("--speed", "0"), 2, "speed=0.0: give 0.001 to"),
        (("--fault", "drop_row"), 2, "Did you mean 'drop_rows'"),
        (("--fault", "delay:candles:evry=2"), 2, "Did you mean 'every'"),
        (("--fault", "delay:candles:trades"), 2, "tells its path twice"),
        (("--fault", "delay:candles:every=often"), 2, "Expected `int`, got `str` - at `$.every`"),
        (("--tls-cert", "a.pem"), 2, "--tls-cert and --tls-key go together"),
        (("--tls-cert", "a.pem", "--tls-key", "b.pem"), 3, "a.pem and --tls-key b.pem can't be"),
        (("--host", "256.1.1.1", "--allow-remote"), 3, "can't listen on port 8642 of 256.1.1.1"),
        (("--control-token", ""), 2, "control_token must be printable"),
    ],
)
def test_what_cant_be_served_is_told(capsys, arguments, code, told):
    assert main(["serve", *arguments]) == code
    captured = capsys.readouterr()
    assert told in captured.err
    assert captured.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("--port", "70000"),
        ("--port", "http"),
        ("--exchange", "bitstamp"),
        ("--limits", "off", "--weight-limit", "5"),
    ],
    ids=" ".join,
)
def test_wrong_options_are_refused(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        main(["serve", *arguments])
    assert caught.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_a_server_for_others_says_so_and_keeps_its_control_to_itself(serving, ask):
    def check(server):
        server.url = server.url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104
        assert ask(server, "/_gekko_lab/clock").status_code == 403
        assert ask(server, "/api/v3/ping").ok

    said = serving(check, "--host", "0.0.0.0", "--allow-remote")  # noqa: S104
    assert "other machines can reach it" in said
    assert "off, as there is no --control-token" in said


def test_the_token_is_part_of_what_is_said(serving):
    said = serving(lambda _: None, "--control-token", "sesame")
    assert 'curl -H "Authorization: Bearer sesame" http://127.0.0.1:' in said


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("reset", {"path": "candles"}),
        ("reset:*", {"path": None}),
        ("reset:/api/v3/depth:skip=3", {"path": "/api/v3/depth", "skip": 3}),
        ("delay:value=0.5:symbol=BTC/USDT", {"value": 0.5, "symbol": "BTC/USDT"}),
        ("stream_skip:@depth:every=7", {"stream": "@depth", "every": 7, "path": "candles"}),
        ("stream_close:*", {"stream": None}),
    ],
)
def test_faults_are_read_from_short_texts(text, settings):
    fault = parse_fault(text)
    assert fault.kind == text.split(":", maxsplit=1)[0]
    assert {name: getattr(fault, name) for name in settings} == settings

"""The control API, asked as any program would."""

from __future__ import annotations

import threading

import ccxt
import pytest
import requests

from gekko_lab.server import Clock, serve
from gekko_lab.server.request_log import RequestLog
from gekko_lab.simulation import HORIZON, Parameters, SimulatedMarket

PAGE = "/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=10"
START = 1_704_153_600_000  # 2024-01-02


@pytest.fixture
def paused(market):
    with serve(market, clock=Clock(START, paused=True)) as server:
        yield server


@pytest.fixture
def call():
    """Ask the control API; gives status and content."""
    with requests.Session() as session:
        session.trust_env = False

        def ask(server, method, path, content=None, **headers):
            answer = session.request(
                method,
                f"{server.url}/_gekko_lab/{path}",
                json=content,
                timeout=10,
                headers={name.replace("_", "-"): value for name, value in headers.items()},
            )
            assert answer.headers["Content-Type"].startswith("application/json")
            return answer.status_code, answer.json()

        yield ask


def candles(server):
    return requests.get(server.url + PAGE, timeout=10)


def test_requests_come_by_cursor(paused, call):
    for _ in range(3):
        candles(paused)
    status, first = call(paused, "GET", "requests?limit=2")
    assert (status, len(first["requests"]), first["next"], first["missed"]) == (200, 2, 2, 0)
    assert first["requests"][0]["path"] == "/api/v3/klines"
    assert first["requests"][0]["query"]["symbol"] == "BTCUSDT"
    assert first["requests"][0]["status"] == 200
    _, rest = call(paused, "GET", "requests?since=2")
    assert (len(rest["requests"]), rest["next"]) == (1, 3)
    _, none = call(paused, "GET", "requests?since=3")
    assert (none["requests"], none["next"]) == ([], 3)


def test_forgotten_requests_count_as_missed(paused, call):
    candles(paused)
    assert call(paused, "DELETE", "requests") == (200, {"deleted": 1})
    assert paused.requests == []
    candles(paused)
    _, told = call(paused, "GET", "requests")
    assert (len(told["requests"]), told["next"], told["missed"]) == (1, 2, 1)
    _, ahead = call(paused, "GET", "requests?since=99")
    assert (ahead["requests"], ahead["next"], ahead["missed"]) == ([], 2, 0)


def test_a_full_log_tells_what_it_lost():
    log = RequestLog(3)
    for each in range(5):
        log.add(each)
    assert log.part(0, 10) == ([2, 3, 4], 5, 2)
    assert log.part(3, 1) == ([3], 4, 0)
    assert log.part(4, 10) == ([4], 5, 0)


def test_the_control_api_is_neither_counted_nor_logged_nor_struck(market, call):
    with serve(market, weight_limit=1, limit_clock=lambda: 5.0) as server:
        call(server, "POST", "faults", {"kind": "reset", "path": None})
        for _ in range(20):
            assert call(server, "GET", "market")[0] == 200
        call(server, "DELETE", "faults")
        assert server.requests == []
        answer = requests.get(f"{server.url}/api/v3/ping", timeout=10)
    assert answer.headers["X-MBX-USED-WEIGHT"] == "1"


def test_faults_are_committed_counted_and_removed(paused, call):
    status, added = call(
        paused,
        "POST",
        "faults",
        {"kind": "drop_rows", "every": 2, "value": 3, "symbol": "BTC/USDT"},
    )
    assert (status, [each["id"] for each in added["faults"]]) == (200, [0])
    assert [len(candles(paused).json()) for _ in range(4)] == [10, 7, 10, 7]
    _, told = call(paused, "GET", "faults")
    (fault,) = told["faults"]
    assert (fault["kind"], fault["path"], fault["seen"], fault["hits"]) == (
        *("drop_rows", "candles"),
        *(4, 2),
    )
    both = [{"kind": "delay", "path": "time"}, {"kind": "status", "path": "/api/v3/klines"}]
    _, added = call(paused, "POST", "faults", both)
    assert [each["id"] for each in added["faults"]] == [1, 2]
    assert candles(paused).status_code == 503
    assert call(paused, "DELETE", "faults/2") == (200, {"deleted": 1})
    assert candles(paused).status_code == 200
    assert call(paused, "DELETE", "faults") == (200, {"deleted": 2})
    assert call(paused, "GET", "faults") == (200, {"faults": []})
    _, added = call(paused, "POST", "faults", {"kind": "delay"})
    assert added["faults"][0]["id"] == 0


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"kind": "drop_row"}, "Did you mean 'drop_rows'"),
        ({"kind": "delay", "evry": 2}, "Did you mean 'every'"),
        ({"kind": "delay", "every": "2"}, "Expected `int`, got `str` - at `$.every`"),
        ({"kind": "delay", "every": 0}, "every ≥ 1"),
        ({"kind": "delay", "path": "klines"}, "path='klines' is neither"),
        ({"kind": ["delay"]}, "is no fault"),
        ({}, "kind=None is no fault"),
        (
            {"kind": "drop_rows", "value": -3},
            "value=-3 is impossible for 'drop_rows'",
        ),
        ({"kind": "status", "value": 1000}, "give an HTTP status, 200 to 599"),
        ({"kind": "rate_limited", "value": -5}, "give seconds, 0 to 1000000000"),
        ({"kind": "delay", "value": "1"}, "Expected `float | null`, got `str`"),
        ([{"kind": "delay"}, {"kind": "delay", "value": -1}], "give seconds, 0 to"),
        ([{"kind": "delay"}, 5], "send a fault such as"),
        ([{"kind": "delay"}, {"kind": "oops"}], "kind='oops' is no fault"),
    ],
)
def test_wrong_faults_are_told_and_none_is_kept(paused, call, content, told):
    status, answer = call(paused, "POST", "faults", content)
    assert status == 400
    assert told in answer["error"]
    assert call(paused, "GET", "faults") == (200, {"faults": []})


def test_the_clock_is_told_paused_sped_up_and_set_forward(paused, call):
    assert call(paused, "GET", "clock") == (
        200,
        {
            "time": START,
            "datetime": "2024-01-02",
            "adjustable": True,
            "speed": 1.0,
            "paused": True,
        },
    )
    _, told = call(paused, "POST", "clock", {"step": "1h"})
    assert told["time"] == START + 3_600_000
    _, told = call(paused, "POST", "clock", {"time": "2024-01-02T02:00Z", "step": 250})
    assert told["time"] == START + 7_200_250
    served = requests.get(f"{paused.url}/api/v3/time", timeout=10).json()["serverTime"]
    assert served == START + 7_200_250
    _, told = call(paused, "POST", "clock", {"speed": 1000, "paused": False})
    assert (told["speed"], told["paused"]) == (1000.0, False)
    while paused.clock() == served:
        pass
    _, told = call(paused, "POST", "clock", {"paused": True})
    assert told["time"] == paused.clock() > served


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"speed": 0}, "speed=0: give 0.001 to 1,000,000"),
        ({"speed": "fast"}, "speed='fast' is a str"),
        ({"paused": 1}, "paused=1: send true or false"),
        ({"step": -5}, "step=-5 goes back"),
        ({"step": "soon"}, "step='soon': give a time such as '90m'"),
        ({"step": 1.5}, "step=1.5: give text"),
        ({"time": "2024-01-01"}, "is over"),
        ({"time": "2024-01-01", "speed": 5}, "is over"),
        ({"time": "2200-01-01T00:01Z"}, "time=2200-01-01T00:01Z: markets have the time from 2010"),
        ({"time": "2300", "speed": 5}, "from 2010-01-01 until 2200-01-01"),
        ({"step": 6 * 10**12}, "leads to 2214-02-19T10:40Z: markets have the time from 2010-01"),
        ({"step": 10**15, "paused": False}, "from 2010-01-01 until 2200-01-01"),
        ({"time": "2199-12-31T23:59Z", "step": "2m"}, "leads to 2200-01-01T00:01Z"),
        ({"pause": True}, "'pause' isn't known here: choose among paused, speed, step, time"),
        ([], "send an object"),
    ],
)
def test_wrong_settings_leave_the_clock_as_it_is(paused, call, content, told):
    before = call(paused, "GET", "clock")
    status, answer = call(paused, "POST", "clock", content)
    assert status == 400
    assert told in answer["error"]
    assert call(paused, "GET", "clock") == before


def test_a_clock_that_ran_beyond_the_market_can_be_paused(market, call):
    with serve(market, clock=Clock("2199-12-31T23:59:59Z", speed=1_000_000)) as server:
        while server.clock() <= HORIZON:
            pass
        status, told = call(server, "POST", "clock", {"paused": True})
        assert (status, told["paused"]) == (200, True)
        assert told["time"] > HORIZON


def test_time_and_step_add_up(paused, call):
    wanted = {"time": "2199-12-31T23:59Z", "step": "1m"}
    assert call(paused, "POST", "clock", wanted)[1]["time"] == HORIZON


def test_a_clock_of_the_serving_program_is_only_told(server, call, clock):
    _, told = call(server, "GET", "clock")
    assert (told["time"], told["adjustable"]) == (clock.now, False)
    status, answer = call(server, "POST", "clock", {"speed": 2})
    assert status == 409
    assert "keeps the clock itself" in answer["error"]


def test_the_market_is_described(call):
    simulated = SimulatedMarket(Parameters(seed=7))
    with serve(simulated, exchange="kraken") as server:
        status, told = call(server, "GET", "market")
    assert status == 200
    assert (told["exchange"], told["url"], told["seed"]) == ("kraken", server.url, 7)
    assert told["market"] == "SimulatedMarket"
    assert told["fingerprint"] == simulated.parameters.fingerprint
    assert told["symbols"] == list(simulated.rules)
    assert told["parameters"]["trades_per_minute"] == simulated.parameters.trades_per_minute
    assert told["parameters"]["currencies"][0]["code"] == simulated.parameters.currencies[0].code


def test_a_market_without_parameters_is_described_too(paused, call):
    _, told = call(paused, "GET", "market")
    assert (told["market"], told["seed"], told["parameters"]) == ("FrameMarket", None, None)
    assert told["symbols"] == ["BTC/USDT", "ETH/BTC"]


def test_the_calls_are_listed(paused, call):
    _, told = call(paused, "GET", "")
    assert "POST /_gekko_lab/clock" in told["calls"]
    assert call(paused, "GET", "connections") == (200, {"connections": []})


@pytest.mark.parametrize(
    ("method", "path", "status", "told"),
    [
        ("GET", "prices", 404, "choose /_gekko_lab/ and one of requests, faults"),
        ("GET", "clock/now", 404, "there is no /_gekko_lab/clock/now"),
        ("POST", "requests", 405, "use GET or DELETE"),
        ("GET", "faults/0", 405, "use DELETE"),
        ("DELETE", "faults/0", 404, "there is no fault 0; there are []"),
        ("DELETE", "faults/all", 404, "there is no fault all"),
        ("GET", "requests?since=-1", 400, "since='-1': give a whole number"),
        ("GET", "requests?limit=few", 400, "limit='few'"),
    ],
)
def test_wrong_calls_are_told(paused, call, method, path, status, told):
    found, answer = call(paused, method, path)
    assert found == status
    assert told in answer["error"]


def test_a_body_that_is_no_json_is_told(paused):
    answer = requests.post(f"{paused.url}/_gekko_lab/clock", data="paused", timeout=10)
    assert answer.status_code == 400
    assert "the body is not JSON" in answer.json()["error"]


def test_shutdown_answers_and_closes(market, call):
    with serve(market) as server:
        assert call(server, "POST", "shutdown") == (200, {"state": "closing"})
        assert server.wait() is False
        assert "closed" in repr(server)
    assert not [each for each in threading.enumerate() if each.name == "gekko-lab-server"]


def test_restart_keeps_port_clock_and_log(paused, call):
    candles(paused)
    assert call(paused, "POST", "restart", {"down_s": 0}) == (200, {"state": "restarting"})
    paused.restart()  # waits until it listens
    assert candles(paused).status_code == 200
    assert len(paused.requests) == 2
    status, answer = call(paused, "POST", "restart", {"down_s": "soon"})
    assert (status, answer["error"]) == (400, "down_s='soon': send seconds, 0 or more")


def test_a_token_is_asked_for_where_there_is_one(market, call):
    with serve(market, control_token="open sesame") as server:  # noqa: S106
        for shown in ({}, {"Authorization": "open sesame"}, {"Authorization": "Bearer nothing"}):
            status, answer = call(server, "GET", "clock", **shown)
            assert status == 401
            assert "Bearer" in answer["error"]
        assert call(server, "GET", "clock", Authorization="Bearer open sesame")[0] == 200
        assert candles(server).status_code == 200


def test_where_others_can_reach_the_server_it_is_off_without_a_token(market, call):
    with serve(market, host="0.0.0.0") as server:  # noqa: S104
        server.url = server.url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104
        status, answer = call(server, "POST", "shutdown")
        assert status == 403
        assert "serve with a control token" in answer["error"]
        assert candles(server).status_code == 200
    with serve(market, host="0.0.0.0", control_token="sesame") as server:  # noqa: S104, S106
        server.url = server.url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104
        assert call(server, "GET", "clock", Authorization="Bearer sesame")[0] == 200
        assert call(server, "GET", "clock")[0] == 401


@pytest.mark.parametrize("options", [{}, {"control_token": "sesame"}])
def test_settings_for_clients_are_open_to_all(market, call, options):
    with serve(market, **options) as server:
        _, told = call(server, "GET", "clients")
        assert list(told) == ["ccxt", "freqtrade", "python-binance"]
        assert told["ccxt"] == server.ccxt_config()
        assert call(server, "GET", "clients/ccxt") == (200, server.ccxt_config())
        _, named = call(server, "GET", "clients/python-binance", Host="exchange.test:99")
        assert named["API_URL"] == "http://exchange.test:99/api"
        status, answer = call(server, "GET", "clients/zipline")
        assert (status, answer["error"]) == (
            404,
            "there is nothing for 'zipline': choose ccxt, freqtrade, python-binance",
        )


def test_a_client_configured_over_http_gets_candles(served_as, ask):
    for exchange in ("binance", "coinbaseexchange", "kraken"):
        server = served_as(exchange)
        client = getattr(ccxt, exchange)(ask(server, "/_gekko_lab/clients/ccxt").json())
        client.session.trust_env = False
        assert len(client.fetch_ohlcv("BTC/USDT", "1m", limit=5)) == 5
        client.session.close()


def test_web_pages_may_not_steer(paused, call):
    status, answer = call(paused, "POST", "shutdown", Origin="https://example.org")
    assert (status, answer["error"]) == (403, "web pages may not steer this server")
    assert "running" in repr(paused)

"""ccxt's classes with their traps closed: no answer passes for "no data" that isn't."""

from __future__ import annotations

import gc
import gzip
import threading
import time
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
import pytest
import requests

import gekko_lab
from gekko_lab.errors import BadResponse, NetworkFailed, RateLimited, SourceTimeout
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.sources.ccxt_client import Client

HOUR = Timeframe.parse("1h")
BTC = {
    "id": "BTC-USDT",
    "symbol": "BTC/USDT",
    "base": "BTC",
    "quote": "USDT",
    "type": "spot",
    "spot": True,
    "precision": {},
    "limits": {},
}


class Scripted(requests.Session):
    """Answers each request with what a function of its URL gives: status, body, headers."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer
        self.options = []

    def request(self, method, url, **options):
        self.options.append(options)
        given = self.answer(url)
        if isinstance(given, Exception):
            raise given
        status, body, *headers = given
        response = requests.Response()
        response.status_code, response.reason, response.url = status, "Some", url
        response.headers.update(headers[0] if headers else {})
        response._content = body.encode()
        response._content_consumed = True
        return response


@pytest.fixture
def scripted():
    """Give a client whose answers come from a function of the URL."""
    opened = []

    def start(answer, exchange="bitvavo", **config):
        if isinstance(answer, str):
            return start(lambda _: (200, answer), exchange, **config)
        settings = {"session": Scripted(answer), "enableRateLimit": False, **config}
        opened.append(Client(exchange, settings))
        return opened[-1]

    yield start
    for client in opened:
        client.close()


@pytest.fixture
def listening():
    """Give the address of a server on this machine that answers with a function."""
    opened = []

    def start(answer):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                answer(self)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        opened.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server in opened:
        server.shutdown()
        server.server_close()


def send(handler, body, **headers):
    handler.send_response(200)
    headers = {"Content-Length": str(len(body)), **headers}
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


BAD_BODIES = {
    "empty": "",
    "blank": " \r\n",
    "null": "null",
    "null and a line": "null\n",
    "page": "<!DOCTYPE html><html><body>busy</body></html>",
    "page behind a line": "\n\n  <html><body>busy</body></html>",
    "cut list": '[[1704067200000,"1","2"',
    "cut behind a line": '\n[[1704067200000,"1","2"',
    "cut object": '{"code":0,"data":[',
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES)
@pytest.mark.parametrize("exchange", ["bitvavo", "okx", "gate"])
def test_a_success_without_data_is_a_bad_response(scripted, exchange, body):
    client = scripted(body, exchange)
    client.ccxt.set_markets([BTC])
    with pytest.raises(BadResponse) as told, client.asking("candles of BTC/USDT") as ccxt:
        ccxt.fetch_ohlcv("BTC/USDT", "1h")
    assert told.value.retryable
    assert exchange in str(told.value)


@pytest.mark.parametrize("status", [201, 202, 203, 204, 206])
def test_every_kind_of_success_must_hold_data(scripted, status):
    client = scripted(lambda _: (status, ""))
    with pytest.raises(BadResponse), client.asking("something") as ccxt:
        ccxt.fetch("https://example.org/")


@pytest.mark.parametrize(
    "body",
    ["upstream connect error", "error code: 1015", '"try later"', "true", "7", "\ufeff"],
)
@pytest.mark.parametrize("exchange", ["binance", "bitvavo", "okx"])
def test_text_is_no_candles_and_no_trades(fake_exchange, exchange, body):
    """ccxt takes plain text for an answer, and finds no rows in it."""
    source = fake_exchange(exchange, lambda path, query: (200, body))
    source._client.ccxt.set_markets([BTC])
    with pytest.raises(BadResponse):
        source.candles("BTC/USDT", HOUR, 0, 3_600_000)
    with pytest.raises(BadResponse):
        source.trades("BTC/USDT", gekko_lab.sources.source.TradeCursor(0), 10)


def test_text_passes_where_ccxt_takes_it(scripted):
    with scripted("pong").asking("a ping") as ccxt:
        assert ccxt.fetch("https://example.org/ping") == "pong"


@pytest.mark.parametrize("body", ["[]", "{}", " [1] ", '{"a": null}'])
def test_json_passes_as_it_is(scripted, body):
    with scripted(body).asking("something") as ccxt:
        assert ccxt.fetch("https://example.org/") == orjson.loads(body)


def test_an_empty_error_keeps_its_status(scripted):
    client = scripted(lambda _: (429, "", {"retry-after": "7"}))
    with pytest.raises(RateLimited, match=r"HTTP 429") as told, client.asking("x") as ccxt:
        ccxt.fetch("https://example.org/")
    assert told.value.retry_after == 7


def test_an_error_keeps_what_it_was_made_of(scripted):
    client = scripted(lambda _: requests.ConnectionError("no route"))
    with pytest.raises(NetworkFailed, match="no route") as told, client.asking("x") as ccxt:
        ccxt.fetch("https://example.org/")
    assert type(told.value.__cause__).__module__.startswith("ccxt")
    assert isinstance(told.value.__cause__.__cause__, requests.ConnectionError)


def test_a_cut_body_is_told_with_its_cause(scripted):
    client = scripted("[1, 2")
    with pytest.raises(BadResponse, match="cut or is of another shape") as told:
        client.ccxt.fetch("https://example.org/")
    assert isinstance(told.value.__cause__, ValueError)


def test_threads_do_not_see_each_other_s_answers(scripted):
    asked = threading.Barrier(2)
    failures = {"a": (429, "{}", {"Retry-After": "11"}), "b": (503, "{}", {"Retry-After": "22"})}

    def answer(url):
        asked.wait(5)  # both questions are open before either is answered
        return failures[url[-1]]

    client = scripted(answer)
    seen = {}

    def ask(name):
        try:
            with client.asking(name) as ccxt:
                ccxt.fetch(f"https://example.org/{name}")
        except gekko_lab.errors.SourceError as error:
            seen[name] = (type(error).__name__, error.retry_after)

    threads = [threading.Thread(target=ask, args=(name,)) for name in failures]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {"a": ("RateLimited", 11), "b": ("SourceUnavailable", 22)}


def test_an_answer_of_before_says_nothing_about_a_broken_connection(scripted):
    given = [(429, "{}", {"Retry-After": "99"}), requests.ConnectionError("gone")]
    client = scripted(lambda _: given.pop(0))
    for kind in (RateLimited, NetworkFailed):
        with pytest.raises(kind) as told, client.asking("x") as ccxt:
            ccxt.fetch("https://example.org/")
    assert told.value.retry_after is None
    assert "HTTP" not in str(told.value)


def test_another_decoder_is_for_one_question_of_one_thread(scripted):
    client = scripted("[1]")
    with client.decoding(lambda _: ["other"]):
        assert client.ccxt.fetch("https://example.org/") == ["other"]
        found = []
        thread = threading.Thread(
            target=lambda: found.append(client.ccxt.fetch("https://example.org/"))
        )
        thread.start()
        thread.join()
        assert found == [[1]]
    assert client.ccxt.fetch("https://example.org/") == [1]


def test_threads_share_one_rate_limit(scripted, monkeypatch):
    client = scripted("{}", rateLimit=100, enableRateLimit=True)
    clock = [1_000_000.0]
    real_sleep = time.sleep

    def sleep(seconds):  # sleepers sleep side by side, as real ones do
        until = clock[0] + seconds * 1000
        real_sleep(0.0005)
        clock[0] = max(clock[0], until)

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(client.ccxt, "milliseconds", lambda: clock[0])
    start = clock[0]

    def ask():
        for _ in range(6):
            client.ccxt.throttle(1)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock[0] - start >= 23 * 100


def test_a_dearer_request_waits_longer(scripted, monkeypatch):
    client = scripted("{}", rateLimit=50, enableRateLimit=True)
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(client.ccxt, "milliseconds", lambda: 1_000_000)
    client.ccxt.throttle(1)
    client.ccxt.throttle(20)
    assert slept == [1.0]


def test_ccxt_itself_tries_nothing_twice(scripted):
    asked = []

    def answer(url):
        asked.append(url)
        return 503, "{}"

    client = scripted(answer, "binance", options={"defaultType": "swap"})
    with pytest.raises(gekko_lab.errors.SourceUnavailable), client.asking("x") as ccxt:
        ccxt.publicGetPing()
    assert len(asked) == 1
    assert client.ccxt.options["defaultType"] == "swap"


def test_a_user_s_settings_are_respected(scripted):
    client = scripted("[]", timeout=1234, options={"maxRetriesOnFailure": 3, "mine": 1})
    client.ccxt.fetch("https://example.org/")
    assert client.ccxt.session.options[0]["timeout"] == 1.234
    assert client.ccxt.options["maxRetriesOnFailure"] == 3
    assert client.ccxt.options["mine"] == 1


def test_the_settings_that_were_given_stay_as_they_were():
    config = {"options": {"mine": 1}}
    Client("binance", config).close()
    assert config == {"options": {"mine": 1}}


def test_the_class_keeps_ccxt_s_name_and_rows_keep_their_order(scripted):
    client = scripted("[]")
    assert type(client.ccxt).__name__ == "bitvavo"
    rows = [[2000, "1", "1", "1", "1", "1"], [1000, "1", "1", "1", "1", "1"]]
    assert [row[0] for row in client.ccxt.parse_ohlcvs(rows)] == [2000, 1000]


@pytest.fixture
def client():
    made = Client("bitvavo", {"enableRateLimit": False, "timeout": 5000})
    yield made
    made.close()


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("part", [1, 7, 1 << 20])
def test_packed_bodies_come_whole_however_they_drip(client, listening, encoding, part):
    import zlib

    rows = [[time, "1.5"] for time in range(400)]
    pack = {"gzip": gzip.compress, "deflate": zlib.compress}[encoding]
    packed = pack(orjson.dumps(rows))

    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Encoding", encoding)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for place in range(0, len(packed), part):
            piece = packed[place : place + part]
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.wfile.write(b"0\r\n\r\n")

    assert client.ccxt.fetch(listening(answer)) == rows


def test_a_packed_body_that_is_cut_is_a_bad_response(client, listening):
    packed = gzip.compress(orjson.dumps(list(range(5000))))

    def answer(handler):
        send(handler, packed[: len(packed) // 2], Content_Encoding="gzip")

    with pytest.raises(BadResponse), client.asking("x") as ccxt:
        ccxt.fetch(listening(answer))


def test_an_answer_that_is_no_http_is_a_bad_response(client, listening):
    def answer(handler):
        send(handler, b"[1, 2]", Content_Length="600")  # two headers that contradict each other

    with pytest.raises(BadResponse, match="unmatching values"), client.asking("x") as ccxt:
        ccxt.fetch(listening(answer))


def test_a_body_that_is_not_packed_as_announced_is_a_bad_response(client, listening):
    with pytest.raises(BadResponse), client.asking("x") as ccxt:
        ccxt.fetch(listening(lambda handler: send(handler, b"[1, 2]", Content_Encoding="gzip")))


def test_a_body_shorter_than_announced_is_a_bad_response(client, listening):
    def answer(handler):
        send(handler, b"[1, 2]", **{"Content-Length": "600"})
        handler.close_connection = True

    with pytest.raises(BadResponse), client.asking("x") as ccxt:
        ccxt.fetch(listening(answer))


def test_the_deadline_is_for_the_whole_body(listening):
    left = threading.Event()

    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "400")
        handler.end_headers()
        for _ in range(400):
            if left.wait(0.02):
                return
            handler.wfile.write(b" ")
            handler.wfile.flush()

    client = Client("bitvavo", {"enableRateLimit": False, "timeout": 200})
    began = time.monotonic()
    with pytest.raises(SourceTimeout, match=r"within 0\.2 s"), client.asking("x") as ccxt:
        ccxt.fetch(listening(answer))
    assert time.monotonic() - began < 2
    left.set()
    client.close()


def test_a_connection_serves_many_requests(client, listening):
    peers = []

    def answer(handler):
        peers.append(handler.client_address)
        send(handler, b"[1]")

    address = listening(answer)
    for _ in range(4):
        assert client.ccxt.fetch(address) == [1]
    assert len(set(peers)) == 1


def test_close_leaves_no_socket_behind(listening):
    address = listening(lambda handler: send(handler, b"[1]"))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        made = Client("bitvavo", {"enableRateLimit": False})
        made.ccxt.fetch(address)
        made.close()
        del made
        gc.collect()
    assert not [warning for warning in told if issubclass(warning.category, ResourceWarning)]


def test_a_forgotten_source_closes_its_connections(binance):
    server, source = binance()
    config = source.config
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        other = gekko_lab.CcxtMarketData("binance", config=config)
        other.now()
        del other
        gc.collect()
    assert server.requests
    assert not [warning for warning in told if issubclass(warning.category, ResourceWarning)]


def test_a_closed_source_opens_again(binance):
    server, source = binance()
    source.market("BTC/USDT")
    source.close()
    source.close()
    assert source.market("BTC/USDT").base == "BTC"
    assert [request.path for request in server.requests].count("/api/v3/exchangeInfo") == 1


class Watched:
    """A budget that lets everything pass and notes it."""

    def __init__(self):
        self.acquired, self.learned, self.refusals = [], [], []

    def acquire(self, url, pace):
        self.acquired.append((url, pace.every_ms, pace.cost))

    def learn(self, url, status, headers, body):
        self.learned.append((url, status, headers, body))

    def refused(self, url, seconds, reason):
        self.refusals.append((url, seconds, reason))


def watched(exchange, answer, **config):
    budget = Watched()
    return budget, Client(exchange, {"session": Scripted(answer), **config}, budget=budget)


def test_each_request_is_let_pass_by_the_budget_and_its_answer_told():
    budget, client = watched("binance", lambda _: (200, "{}", {"Some": "header"}))
    client.ccxt.publicGetKlines({"symbol": "BTCUSDT", "limit": 5})
    client.close()
    url = "https://api.binance.com/api/v3/klines?symbol=BTCUSDT&limit=5"
    assert budget.acquired == [(url, 50, 0.4)]
    assert budget.learned == [(url, 200, {"Some": "header"}, "{}")]


def test_retries_that_a_user_asks_of_ccxt_wait_for_the_budget_too():
    options = {"maxRetriesOnFailure": 3}
    budget, client = watched("binance", lambda _: (503, "{}"), options=options)
    with pytest.raises(gekko_lab.errors.SourceUnavailable), client.asking("x") as ccxt:
        ccxt.publicGetPing()
    client.close()
    assert len(budget.acquired) == 4


def test_a_refusal_that_stands_in_the_body_alone_is_told_to_the_budget():
    refusal = orjson.dumps({"error": ["EAPI:Rate limit exceeded"]}).decode()
    budget, client = watched("kraken", lambda _: (200, refusal))
    with pytest.raises(RateLimited), client.asking("x") as ccxt:
        ccxt.fetch_time()
    client.close()
    assert budget.refusals == [
        ("https://api.kraken.com/0/public/Time", None, "hold after a refusal")
    ]


def test_without_rate_limit_the_budget_is_not_asked():
    budget, client = watched("binance", lambda _: (200, "{}"), enableRateLimit=False)
    client.ccxt.publicGetPing()
    client.close()
    assert budget.acquired == budget.learned == []


class _Moved(BaseHTTPRequestHandler):
    """Sends one path on to another, and tells what headers came."""

    def do_GET(self):
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/here")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = orjson.dumps({"path": self.path, "headers": dict(self.headers)})
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *told):
        """Say nothing."""


@pytest.fixture
def moved():
    with ThreadingHTTPServer(("127.0.0.1", 0), _Moved) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("path", ["/here", "/moved"])
def test_a_plain_request_comes_back_like_one_of_requests_itself(moved, path):
    client = Client("binance", {"enableRateLimit": False})
    try:
        with client.asking("it") as ccxt:
            ours = ccxt.fetch(moved + path, "GET", {"X-Mine": "1"})
        theirs = requests.get(moved + path, headers={"X-Mine": "1"}, timeout=10).json()
    finally:
        client.close()
    assert ours["path"] == theirs["path"] == "/here"
    assert ours["headers"]["X-Mine"] == "1"
    assert {"Host", "Accept", "Accept-Encoding", "User-Agent"} <= set(ours["headers"])

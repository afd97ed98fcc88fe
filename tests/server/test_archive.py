"""The served archive has the rows of the served exchange, in files, as wrong as they are to be."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from datetime import UTC, datetime
from typing import get_args

import pytest
import requests

from gekko_lab.errors import InvalidArgument
from gekko_lab.server import Fault, serve
from gekko_lab.server.archive import FileFault, serve_archive
from gekko_lab.server.archive_faults import FileKind
from gekko_lab.simulation import Parameters, SimulatedMarket

NOW = 1_738_400_000_000  # 2025-02-01T08:53:20
HOURS = "data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-12.zip"
DAY = "data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-12-30.zip"


def ms(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000


@pytest.fixture(scope="module")
def simulated():
    return SimulatedMarket(Parameters())


@pytest.fixture
def start(simulated):
    opened = []

    def begin(**options):
        opened.append(serve_archive(simulated, clock=lambda: NOW, **options))
        return opened[-1]

    yield begin
    for each in opened:
        each.close()


def get(server, path):
    with requests.Session() as session:
        session.trust_env = False
        return session.get(f"{server.url}/{path}", timeout=20)


def rows(server, path):
    answer = get(server, path)
    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(answer.content)) as folder:
        name = path.rpartition("/")[2].replace(".zip", ".csv")
        assert folder.namelist() == [name]
        return list(csv.reader(io.StringIO(folder.read(name).decode())))


@pytest.mark.parametrize(
    ("interval", "name", "since", "until"),
    [
        ("1m", "daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-12-31", "2024-12-31", "2024-12-31T16:40"),
        ("1h", "monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-12", "2024-12-01", "2025-01-01"),
        ("1s", "daily/klines/BTCUSDT/1s/BTCUSDT-1s-2024-12-31", "2024-12-31", "2024-12-31T00:10"),
        ("1M", "monthly/klines/BTCUSDT/1mo/BTCUSDT-1mo-2024-12", "2024-12-01", "2025-01-01"),
    ],
)
def test_a_file_holds_the_klines_of_the_exchange(start, simulated, interval, name, since, until):
    found = rows(start(), f"data/spot/{name}.zip")
    asked = {"symbol": "BTCUSDT", "interval": interval, "limit": 1000}
    with serve(simulated, clock=lambda: NOW) as exchange, requests.Session() as session:
        session.trust_env = False
        asked |= {"startTime": ms(since), "endTime": ms(until) - 1}
        page = session.get(f"{exchange.url}/api/v3/klines", params=asked, timeout=20).json()
    assert len(page) > 0
    assert found[: len(page)] == [[str(value) for value in row] for row in page]


def test_trades_of_a_day_are_those_of_the_exchange(start, simulated):
    found = rows(start(), "data/spot/daily/aggTrades/LTCUSD/LTCUSD-aggTrades-2024-12-30.zip")
    asked = {"symbol": "LTCUSD", "startTime": ms("2024-12-30"), "limit": 1000}
    with serve(simulated, clock=lambda: NOW) as exchange, requests.Session() as session:
        session.trust_env = False
        page = session.get(f"{exchange.url}/api/v3/aggTrades", params=asked, timeout=20).json()
    assert found[:1000] == [[str(row[key]) for key in "apqflTmM"] for row in page]
    days = {datetime.fromtimestamp(int(row[5]) // 1000, UTC).date().isoformat() for row in found}
    assert days == {"2024-12-30"}


def test_times_are_microseconds_from_2025_on(start):
    name = "data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-{}.zip"
    server = start()
    before, after = rows(server, name.format("2024-12-31")), rows(server, name.format("2025-01-01"))
    assert before[0][0] == str(ms("2024-12-31"))
    assert before[0][6] == str(ms("2024-12-31T01:00") - 1)
    assert after[0][0] == str(ms("2025-01-01") * 1000)
    assert after[0][6] == str(ms("2025-01-01T01:00") * 1000 - 1)
    never = rows(start(microseconds_since=None), name.format("2025-01-01"))
    assert never[0][0] == str(ms("2025-01-01"))


def test_futures_have_a_header_and_milliseconds(start):
    server = start(folder="futures/um")
    hours = rows(server, "data/futures/um/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2025-01-01.zip")
    assert hours[0][:3] == ["open_time", "open", "high"]
    assert hours[1][0] == str(ms("2025-01-01"))
    trades = rows(server, "data/futures/um/daily/aggTrades/LTCUSD/LTCUSD-aggTrades-2025-01-01.zip")
    assert trades[0][-1] == "is_buyer_maker"
    assert {row[-1] for row in trades[1:]} == {"true", "false"}
    assert get(server, DAY).status_code == 404
    with pytest.raises(InvalidArgument):
        start(folder="futures/cm")


def test_the_checksum_is_that_of_the_file(start):
    server = start()
    told = get(server, f"{HOURS}.CHECKSUM").text
    body = get(server, HOURS).content
    assert told == f"{hashlib.sha256(body).hexdigest()}  {HOURS.rpartition('/')[2]}\n"


@pytest.mark.parametrize(
    "path",
    [
        "data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2025-02-01.zip",  # the day isn't over
        "data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2025-02.zip",
        "data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-02-30.zip",
        "data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-2h-2024-02-20.zip",
        "data/spot/daily/klines/BTCUSDT/1mo/BTCUSDT-1mo-2024-02-20.zip",
        "data/spot/monthly/klines/BTCUSDT/1M/BTCUSDT-1M-2024-02.zip",
        "data/spot/daily/klines/NOUSDT/1h/NOUSDT-1h-2024-02-20.zip",
        "data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-01-01.zip",  # not listed yet
        "data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-03-01.zip",  # an outage
        "",
    ],
)
def test_what_does_not_exist_is_not_found(start, path):
    day = (ms("2024-03-01"), ms("2024-03-02"))
    server = start(listed_since={"BTC/USDT": ms("2024-02-01")}, outages=[day])
    assert get(server, path).status_code == 404


def test_nothing_is_published_after_a_given_time(start):
    server = start(published_until=ms("2024-12-31"))
    assert get(server, DAY).status_code == 200
    assert get(server, DAY.replace("-30.", "-31.")).status_code == 404
    assert get(server, HOURS).status_code == 404


def lines(text):
    return [line.split(",") for line in text.splitlines()]


@pytest.mark.parametrize("kind", get_args(FileKind))
def test_each_fault_is_seen_in_its_file_alone(start, kind):
    good = start()
    bad = start()
    bad.files.add(FileFault(kind, "*-2024-12-30"))
    other = DAY.replace("-30.", "-29.")
    assert get(bad, other).content == get(good, other).content
    if kind in {"missing", "no_checksum"}:
        assert get(bad, f"{DAY}.CHECKSUM").status_code == 404
        assert get(bad, DAY).status_code == (404 if kind == "missing" else 200)
        return
    body, told = get(bad, DAY).content, get(bad, f"{DAY}.CHECKSUM").text
    fits = told.startswith(hashlib.sha256(body).hexdigest())
    assert fits == (kind not in {"wrong_checksum", "odd_checksum", "damaged"})
    if kind in {"wrong_checksum", "odd_checksum"}:
        assert body == get(good, DAY).content
    if kind in {"wrong_name", "two_members", "bomb"}:
        with zipfile.ZipFile(io.BytesIO(body)) as folder:
            assert folder.namelist() != ["BTCUSDT-1h-2024-12-30.csv"] or kind == "bomb"
            assert folder.infolist()[0].file_size > 10**8 or kind != "bomb"
    if kind == "no_zip":
        assert not zipfile.is_zipfile(io.BytesIO(body))
    if kind.endswith("_rows") or kind == "replaced":
        had, want = rows(bad, DAY), rows(good, DAY)
        odd = [row for row in had if row not in want]
        counts = {"drop_rows": (19, 0), "double_rows": (29, 0), "nan_rows": (24, 5)}
        counts |= {"short_rows": (24, 5), "future_rows": (29, 5), "replaced": (24, 24)}
        assert (len(had), len(odd)) == counts[kind]


def test_a_late_file_comes_after_so_many_requests(start):
    server = start()
    server.files.add(FileFault("missing", value=2))
    assert [get(server, DAY).status_code for _ in range(4)] == [404, 404, 200, 200]
    server.files.clear()
    assert get(server, DAY).status_code == 200


def test_faults_of_the_transport_and_the_log_are_those_of_the_exchange(start):
    server = start()
    server.faults.add(Fault("rate_limited", path="/data", value=7, count=1))
    answer = get(server, DAY)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert [(request.path, request.status) for request in server.requests] == [(f"/{DAY}", 429)]


def test_an_unknown_fault_is_refused():
    with pytest.raises(InvalidArgument, match="choose one of"):
        FileFault("gone")


@pytest.mark.parametrize("value", [-1, 0, 2.5, float("nan"), "2", True])
def test_a_fault_of_files_counts_from_one_on(value):
    with pytest.raises(InvalidArgument, match=r"value=.*: give a whole number, 1 or more"):
        FileFault("drop_rows", value=value)

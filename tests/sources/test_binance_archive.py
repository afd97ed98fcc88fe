"""Binance's archive: names, rows of every shape, and files that can't be trusted."""

from __future__ import annotations

import hashlib
import http.server
import io
import math
import pickle
import threading
import time
import zipfile

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gekko_lab
from gekko_lab.errors import (
    AccessDenied,
    BadResponse,
    DataError,
    InvalidArgument,
    InvalidType,
    NetworkFailed,
    RateLimited,
    RequestRefused,
    SourceTimeout,
    SourceUnavailable,
)
from gekko_lab.frames.schemas import CANDLES_FULL, TRADES
from gekko_lab.market.spans import Span
from gekko_lab.market.timeframe import DAY, Timeframe
from gekko_lab.sources import archive_rows, archive_zip, downloads
from gekko_lab.sources.archive_address import ADDRESS, find_address
from gekko_lab.sources.binance_archive import BinanceArchive, find_archive
from gekko_lab.sources.downloads import Downloads
from gekko_lab.sources.source import Archived

START = 1_704_067_200_000  # 2024-01-01
HOUR = Timeframe.parse("1h")
BAD = (DataError, pl.exceptions.PolarsError)


def kline(place=0, *, unit=1, **changes):
    row = {
        "open_time": (START + place * 3_600_000) * unit,
        "open": "42000.10000000",
        "high": "42100.00000000",
        "low": "41999.99000000",
        "close": "42050.00000000",
        "volume": "12.34567000",
        "close_time": (START + (place + 1) * 3_600_000) * unit - 1,
        "quote_volume": "519000.12345678",
        "count": 321,
        "taker_buy_volume": "6.0",
        "taker_buy_quote_volume": "250000.5",
        "ignore": "0",
    }
    return ",".join(str(value) for value in (row | changes).values()) + "\n"


def trade(number, **changes):
    row = {"a": number, "p": "42000.1", "q": "0.5", "f": number, "l": number, "T": START + number}
    return ",".join(str(value) for value in (row | {"m": "True", "M": "True"} | changes).values())


class TestRows:
    @pytest.mark.parametrize("unit", [1, 1000])
    @pytest.mark.parametrize("header", ["", "open_time,open,high,low,close,volume,close_time,…\n"])
    def test_candles_in_both_units_with_and_without_a_header(self, unit, header):
        text = header + kline(0, unit=unit) + kline(1, unit=unit)
        found = archive_rows.candles([text.encode()])
        assert found.schema == CANDLES_FULL
        assert found["timestamp"].dt.epoch("us").to_list() == [
            START * 1000,
            START * 1000 + 3_600_000_000,
        ]
        assert found.row(0)[1:] == (
            42000.1,
            42100.0,
            41999.99,
            42050.0,
            12.34567,
            519000.12345678,
            321,
        )

    def test_no_text_and_a_header_alone_are_no_candles(self):
        assert archive_rows.candles([]).schema == CANDLES_FULL
        assert archive_rows.candles([b"open_time,open\n"]).is_empty()
        assert archive_rows.trades([]).schema == TRADES

    @pytest.mark.parametrize(
        "text",
        [
            kline(0) + kline(1, unit=1000),
            kline(0)[:40] + "\n" + kline(1),
            kline(0).replace(",0\n", "\n") + kline(1),
            kline(0).replace(",0\n", ",0,0\n") + kline(1),
            kline(0) + "\n" + kline(1),
            kline(0, volume=""),
            kline(0, close="many"),
            kline(0, count="1.5"),
            "<html>\n" + "<body>\n",
        ],
    )
    def test_text_that_is_not_such_rows_is_refused(self, text):
        with pytest.raises(BAD):
            archive_rows.candles([text.encode()])

    @given(st.decimals(0, 10**9, places=8))
    def test_numbers_are_those_that_python_reads(self, number):
        text = f"{number:f}"
        found = archive_rows.candles([kline(0, volume=text, quote_volume=text).encode()])
        assert found["volume"].item() == float(text)
        assert found["quote_volume"].item() == float(text)

    def test_sides_and_times_of_trades(self):
        text = "\n".join([trade(7), trade(8, m="false", T=(START + 8) * 1000 + 999)]) + "\n"
        spot = archive_rows.trades([text.splitlines()[0].encode()])
        assert spot.rows() == [(*spot["timestamp"], "7", "sell", 42000.1, 0.5)]
        futures = b"agg_trade_id,price\n" + trade(8, m="false").rpartition(",")[0].encode()
        assert archive_rows.trades([futures])["side"].to_list() == ["buy"]
        micro = trade(8, T=(START + 8) * 1000 + 999)
        found = archive_rows.trades([micro.encode()])
        assert found["timestamp"].dt.epoch("us").item() == (START + 8) * 1000

    @pytest.mark.parametrize("numbers", [[1, 3], [1, 1], [2, 1]])
    def test_trades_whose_ids_do_not_follow_each_other_are_refused(self, numbers):
        with pytest.raises(DataError, match="follow each other"):
            archive_rows.trades([f"{trade(number)}\n".encode() for number in numbers])

    def test_a_maker_that_is_neither_is_refused(self):
        with pytest.raises(DataError, match="neither"):
            archive_rows.trades([trade(1, m="maybe").encode()])


def zipped(*members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as folder:
        for name, text in members:
            folder.writestr(name, text)
    return out.getvalue()


class TestZip:
    @given(st.binary(max_size=200), st.integers(1, 50))
    def test_blocks_are_whole_lines_and_lose_nothing(self, text, size):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(archive_zip, "_BLOCK", size)
            blocks = list(archive_zip.blocks_of(zipped(("a.csv", text)), "a.csv", most=10**6))
        assert b"".join(blocks) == text
        assert all(block.endswith(b"\n") for block in blocks[:-1])

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html>",
            zipped(),
            zipped(("b.csv", b"1")),
            zipped(("a.csv", b"1"), ("b.csv", b"2")),
            zipped(("../a.csv", b"1")),
            zipped(("a.csv", b"1" * 10_001)),
            zipped(("a.csv", b"1" * 9000))[:-30],
            zipped(("a.csv", b"12345678")).replace(b"a.csv", b"a.csw", 1),
        ],
    )
    def test_what_is_no_sound_zip_of_that_file_is_a_bad_answer(self, body):
        with pytest.raises(BadResponse, match=r"a\.csv"):
            list(archive_zip.blocks_of(body, "a.csv", most=10_000))

    def test_changed_text_is_noticed(self):
        body = bytearray(zipped(("a.csv", bytes(range(256)) * 20)))
        body[60] ^= 255
        with pytest.raises(BadResponse):
            list(archive_zip.blocks_of(bytes(body), "a.csv", most=10_000))

    def test_a_checksum_is_read_for_its_file_alone(self):
        code = hashlib.sha256(b"x").hexdigest()
        assert archive_zip.checksum_of(f"{code}  a.zip\n".encode(), "a.zip") == code
        assert archive_zip.checksum_of(f"{code} *a.zip".encode(), "a.zip") == code
        for text in (b"", b"<html>", code.encode(), f"{code}  b.zip".encode(), b"\xff" * 80):
            with pytest.raises(BadResponse, match=r"a\.zip"):
                archive_zip.checksum_of(text, "a.zip")


class TestNames:
    def urls(self, timeframe, since, until, folder="spot"):
        archive = BinanceArchive("http://host", folder, "BTCUSDT", None)
        span = Span(START + since * DAY, START + until * DAY)
        files = archive.files(Timeframe.parse(timeframe), span, now=START + 200 * DAY)
        return [file.url for file in files]

    def test_files_are_named_as_binance_does(self):
        assert self.urls("1m", 30, 32) == [
            "http://host/data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2024-01.zip",
            "http://host/data/spot/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2024-02.zip",
            "http://host/data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-01-31.zip",
            "http://host/data/spot/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-02-01.zip",
        ]
        assert self.urls("1M", 31, 32, "futures/um") == [
            "http://host/data/futures/um/monthly/klines/BTCUSDT/1mo/BTCUSDT-1mo-2024-02.zip"
        ]

    def test_trades_have_a_file_a_day(self):
        archive = BinanceArchive("http://host", "spot", "BTCUSDT", None)
        files = archive.trade_days(Span(START + 5, START + DAY + 5), now=START + 3 * DAY)
        url = "http://host/data/spot/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2024-01-{}.zip"
        assert [file.url for file in files] == [url.format("01"), url.format("02")]
        assert files[1].span == Span(START + DAY, START + 2 * DAY)

    def test_contracts_that_count_otherwise_have_no_archive(self):
        def folder(**market):
            found = find_archive("http://host", {"id": "X", **market}, None)
            return found and found._root.removeprefix("http://host/data/")

        assert folder(spot=True) == "spot"
        assert folder(linear=True, swap=True) == "futures/um"
        assert folder(inverse=True, swap=True) is None
        assert folder(linear=True, option=True) is None


class TestAddress:
    def test_only_the_plain_exchange_has_the_public_archive(self):
        assert gekko_lab.CcxtMarketData("binance")._address == ADDRESS
        assert gekko_lab.CcxtMarketData("binanceusdm", config={"timeout": 5000})._address == ADDRESS
        assert gekko_lab.CcxtMarketData("binance", archive=None)._address is None
        for exchange in ("kraken", "binanceus", "binancecoinm"):
            assert gekko_lab.CcxtMarketData(exchange)._address is None

    @pytest.mark.parametrize(
        "config",
        [
            {"urls": {"api": {"public": "http://127.0.0.1:1"}}},
            {"sandbox": True},
            {"session": object()},
            {"options": {"defaultType": "future"}},
        ],
    )
    def test_another_server_is_never_mixed_with_the_public_archive(self, config):
        source = gekko_lab.CcxtMarketData("binance", config=config)
        assert source._address is None
        assert source.archive("BTC/USDT") is None

    def test_an_address_is_part_of_the_identity(self):
        plain = gekko_lab.CcxtMarketData("binance")
        none = gekko_lab.CcxtMarketData("binance", archive=None)
        copy = gekko_lab.CcxtMarketData("binance", archive="http://127.0.0.1:1/")
        other = gekko_lab.CcxtMarketData("binance", archive="http://127.0.0.1:2/")
        assert plain.identity == none.identity == "binance"
        assert len({plain.identity, copy.identity, other.identity}) == 3
        assert copy._address == "http://127.0.0.1:1"
        again = pickle.loads(pickle.dumps(copy))  # noqa: S301 (our own)
        assert (again.identity, again._address) == (copy.identity, copy._address)
        assert "archive='http://127.0.0.1:1/'" in repr(copy)
        assert isinstance(copy, Archived)

    @pytest.mark.parametrize("wrong", ["", "data", "ftp://host", "file:///data"])
    def test_what_is_no_address_is_refused(self, wrong):
        with pytest.raises(InvalidArgument, match="archive="):
            gekko_lab.CcxtMarketData("binance", archive=wrong)

    def test_an_address_for_an_exchange_without_archive_is_refused(self):
        with pytest.raises(InvalidArgument, match="kraken has no archive"):
            gekko_lab.CcxtMarketData("kraken", archive="http://127.0.0.1:1")

    def test_another_type_is_refused(self):
        with pytest.raises(InvalidType):
            find_address(5, "binance", plain=True)


@pytest.fixture
def web():
    """A web server that answers as told; gives its address."""
    answers = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, headers, parts = answers[self.path]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            for part in parts:
                self.wfile.write(part)
                self.wfile.flush()
                if len(parts) > 1:
                    time.sleep(0.02)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()

    def answer(path, status=200, parts=(b"body",), **headers):
        size = str(sum(map(len, parts)))
        answers[path] = status, {"Content-Length": size, **headers}, parts
        return f"http://127.0.0.1:{server.server_port}{path}"

    yield answer
    server.shutdown()
    server.server_close()
    thread.join()


class TestDownloads:
    @pytest.fixture
    def get(self):
        pool = Downloads()

        def ask(url, most=1000, deadline_s=20.0):
            return pool.get(url, most=most, deadline_s=deadline_s)

        yield ask
        pool.close()

    def test_a_file_is_its_body_and_a_missing_one_is_none(self, web, get):
        assert get(web("/a")) == b"body"
        assert get(web("/b", 404)) is None

    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            *[(429, RateLimited), (418, RateLimited), (403, AccessDenied), (451, AccessDenied)],
            *[(500, SourceUnavailable), (503, SourceUnavailable), (400, RequestRefused)],
        ],
    )
    def test_a_refusal_is_told_by_its_kind(self, web, get, status, kind):
        with pytest.raises(kind, match=f"HTTP {status}") as caught:
            get(web("/a", status, **{"Retry-After": "7"}))
        limited = kind in {RateLimited, SourceUnavailable}
        assert caught.value.retry_after == (7 if limited else None)

    def test_a_body_that_drips_ends_with_the_deadline(self, web, get):
        url = web("/a", parts=[b"x"] * 100)
        with pytest.raises(SourceTimeout):
            get(url, deadline_s=0.1)

    def test_a_body_that_is_too_large_is_not_read_to_its_end(self, web, get):
        with pytest.raises(BadResponse, match="larger than 10 bytes"):
            get(web("/a", parts=[b"x" * 11]), most=10)

    def test_a_body_that_is_cut_is_a_bad_answer(self, web, get):
        with pytest.raises(BadResponse, match="was cut"):
            get(web("/a", **{"Content-Length": "100", "Connection": "close"}))

    def test_nobody_there_is_a_failure_of_the_network(self, get):
        with pytest.raises(NetworkFailed):
            get("http://127.0.0.1:1/a")

    def test_connections_to_a_host_are_counted_over_the_machine(self, web, get, monkeypatch):
        counted = []
        real = downloads.connection

        def connection(host, **options):
            counted.append((host, options["most"], options["lease_s"] > 20.0))
            return real(host, **options)

        monkeypatch.setattr(downloads, "connection", connection)
        url = web("/a")
        get(url)
        assert counted == [(url.split("/")[2], 8, True)]


def test_numbers_of_a_candle_are_finite():
    found = archive_rows.candles([kline(0, close="nan").encode()])
    assert math.isnan(found["close"].item())  # which the check of the rows refuses afterwards

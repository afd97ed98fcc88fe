"""`fetch_trades`: no trade is lost between pages, and what is missing is named."""

from __future__ import annotations

import time
import warnings

import polars as pl
import pytest

import gekko_lab
from gekko_lab.errors import (
    AccessDenied,
    BadResponse,
    GapWarning,
    IncompleteData,
    InvalidRange,
    SourceError,
    SourceUnavailable,
    UnknownSymbol,
)
from gekko_lab.frames.schemas import TRADES
from gekko_lab.server import Fault
from gekko_lab.sources.source import TradeCursor, TradePage

AGG = "/api/v3/aggTrades"
CLOCK = "2024-03-01T00:00:30"
START = 1_704_067_200_000  # 2024-01-01
MARKET = {
    "id": "BTC-EUR",
    "symbol": "BTC/EUR",
    "base": "BTC",
    "quote": "EUR",
    "type": "spot",
    "spot": True,
    "precision": {},
    "limits": {},
}


@pytest.fixture
def truth(market, ms):
    """What the market itself says, as Binance names it."""

    def trades(since, until, symbol="BTC/USDT"):
        since, until = (ms(time) if isinstance(time, str) else time for time in (since, until))
        frame = market.trades(symbol, since, until)
        return frame.with_columns(pl.col("id").cast(pl.String))

    return trades


def pages(server):
    return [request for request in server.requests if request.path == AGG]


class TestBinance:
    def test_a_range_is_every_trade_in_it(self, binance, truth):
        server, exchange = binance()
        asked = ("2024-01-01T00:00", "2024-01-01T00:30")
        trades = gekko_lab.fetch_trades(exchange, "BTC/USDT", since=asked[0], until=asked[1])
        assert trades.equals(truth(*asked))
        assert trades.schema == TRADES
        assert len(trades) > 1000
        assert len(pages(server)) == len(trades) // 1000 + 1

    def test_the_first_and_the_last_so_many(self, binance, truth):
        _, exchange = binance()
        whole = truth("2024-01-01", "2024-01-01T01:00")
        first = gekko_lab.fetch_trades(exchange, "BTC/USDT", since="2024-01-01", limit=2500)
        assert first.equals(whole.head(2500))
        last = gekko_lab.fetch_trades(exchange, "BTC/USDT", until="2024-01-01T01:00", limit=2500)
        assert last.equals(whole.tail(2500))

    def test_the_default_is_the_last_500(self, binance, truth):
        _, exchange = binance(clock=CLOCK)
        trades = gekko_lab.fetch_trades(exchange, "BTC/USDT")
        assert trades.equals(truth("2024-02-29T23:30", CLOCK).tail(500))

    def test_nothing_newer_than_the_clock_is_missed_or_made_up(self, binance, truth):
        _, exchange = binance(clock=CLOCK)
        trades = gekko_lab.fetch_trades(exchange, "BTC/USDT", since="2024-02-29T23:50")
        assert trades.equals(truth("2024-02-29T23:50", CLOCK))

    def test_hours_without_a_trade_are_crossed(self, binance, truth, ms):
        outage = (ms("2024-01-01T00:05"), ms("2024-01-01T09:55"))
        _, exchange = binance(outages=[outage], hours_between=1)
        whole = pl.concat([truth("2024-01-01", outage[0]), truth(outage[1], "2024-01-01T10:00")])
        asked = {"since": "2024-01-01", "until": "2024-01-01T10:00"}
        assert gekko_lab.fetch_trades(exchange, "BTC/USDT", **asked).equals(whole)
        last = gekko_lab.fetch_trades(
            exchange, "BTC/USDT", until="2024-01-01T10:00", limit=len(whole) - 10
        )
        assert last.equals(whole.tail(len(whole) - 10))

    @pytest.mark.parametrize(
        "kind",
        [
            *("rate_limited", "status", "status_html", "reset", "reset_body", "early_fin"),
            *("truncated", "html", "empty", "null", "empty_page", "short_page", "double_rows"),
            *("shuffle_rows", "reverse_rows", "nan_rows"),
        ],
    )
    def test_a_passing_fault_costs_no_trade(self, binance, truth, kind):
        server, exchange = binance()
        server.faults.add(Fault(kind, path=AGG, skip=1, every=2))
        asked = ("2024-01-01T00:00", "2024-01-01T00:30")
        trades = gekko_lab.fetch_trades(exchange, "BTC/USDT", since=asked[0], until=asked[1])
        assert trades.equals(truth(*asked))

    def test_an_empty_answer_is_believed_only_twice(self, binance, truth):
        server, exchange = binance()
        server.faults.add(Fault("empty_page", path=AGG, count=1))
        asked = ("2024-01-01T00:00", "2024-01-01T00:05")
        trades = gekko_lab.fetch_trades(exchange, "BTC/USDT", since=asked[0], until=asked[1])
        assert trades.equals(truth(*asked))

    def test_what_came_before_a_failure_is_kept(self, binance, truth, ms):
        server, exchange = binance()
        server.faults.add(Fault("status", path=AGG, skip=2, value=451))
        with pytest.raises(IncompleteData, match=r"2000 rows came, .*could not be had") as told:
            gekko_lab.fetch_trades(
                exchange, "BTC/USDT", since="2024-01-01", until="2024-01-01T00:30"
            )
        whole = truth("2024-01-01", "2024-01-01T00:30")
        assert told.value.frame.equals(whole.head(2000))
        assert isinstance(told.value.__cause__, AccessDenied)
        (row,) = told.value.report.to_dicts()
        assert row["since"] == whole["timestamp"][1999]
        assert int(row["until"].timestamp() * 1000) == ms("2024-01-01T00:30")
        assert (row["missing"], row["reason"]) == (None, "failed")
        assert "HTTP 451" in row["error"]

    def test_a_failure_before_the_first_trade_is_itself(self, binance):
        server, exchange = binance()
        server.faults.add(Fault("status", path=AGG, value=503))
        with pytest.raises(SourceUnavailable):
            gekko_lab.fetch_trades(exchange, "BTC/USDT", since="2024-01-01", limit=5)
        assert len(pages(server)) == 8

    def test_the_last_ones_are_kept_too_when_older_ones_fail(self, binance, truth):
        server, exchange = binance()
        server.faults.add(Fault("status", path=AGG, skip=3, value=451))
        with pytest.raises(IncompleteData) as told:
            gekko_lab.fetch_trades(exchange, "BTC/USDT", until="2024-01-02", limit=9000)
        kept = told.value.frame
        whole = truth("2024-01-01T22:00", "2024-01-02")
        assert 0 < len(kept) < 9000
        assert kept.join(whole, on=["id", "timestamp"], how="semi").height == len(kept)

    def test_a_wrong_request_asks_for_no_trade(self, binance):
        server, exchange = binance()
        with pytest.raises(UnknownSymbol):
            gekko_lab.fetch_trades(exchange, "BTC/USDX")
        with pytest.raises(InvalidRange, match="contradict"):
            gekko_lab.fetch_trades(exchange, "BTC/USDT", since="2024", until="2025", limit=1)
        with pytest.raises(InvalidRange, match="clock"):
            gekko_lab.fetch_trades(exchange, "BTC/USDT", since="2024-03-02")
        assert not pages(server)

    def test_no_trades_are_a_table_all_the_same(self, binance, ms):
        _, exchange = binance(outages=[(ms("2024-01-01"), ms("2024-01-02"))])
        asked = {"since": "2024-01-01T10:00", "until": "2024-01-01T11:00"}
        trades = gekko_lab.fetch_trades(exchange, "BTC/USDT", **asked)
        assert trades.is_empty()
        assert trades.schema == TRADES
        table = gekko_lab.fetch_trades(exchange, "BTC/USDT", frame="pandas", **asked)
        assert list(table.columns) == ["id", "side", "price", "amount"]
        assert len(table) == 0

    def test_pandas_is_the_same_table(self, binance):
        _, exchange = binance()
        asked = {"since": "2024-01-01", "limit": 20}
        table = gekko_lab.fetch_trades(exchange, "BTC/USDT", frame="pandas", **asked)
        trades = gekko_lab.fetch_trades(exchange, "BTC/USDT", **asked)
        assert str(table.index.dtype) == "datetime64[us, UTC]"
        assert table["price"].tolist() == trades["price"].to_list()
        assert table["side"].tolist() == trades["side"].to_list()

    def test_many_trades_in_one_millisecond_all_come(self, fake_exchange):
        """2500 aggregate trades of one millisecond: only ids lead through them."""

        def answer(path, query):
            if path.endswith("time"):
                return 200, {"serverTime": START + 60_000}
            first = int(query.get("fromId", 0))
            rows = [
                {"a": n, "p": "4", "q": "1", "T": START + (n >= 2500), "m": False}
                for n in range(first, 2600)
            ]
            return 200, rows[:1000]

        exchange = fake_exchange("binance", answer)
        exchange._client.ccxt.set_markets([MARKET])
        trades = gekko_lab.fetch_trades(exchange, "BTC/EUR", since=START)
        assert trades["id"].to_list() == [str(n) for n in range(2600)]

    def test_an_answer_that_never_goes_on_is_an_error_not_a_loop(self, fake_exchange):
        """A cache that forgets `fromId` gives the same page for ever."""
        row = {"p": "4", "q": "1", "T": START, "m": False}
        asked = []

        def answer(path, query):
            if path.endswith("time"):
                return 200, {"serverTime": START + 60_000}
            asked.append(query)
            assert len(asked) < 50
            return 200, [{**row, "a": n} for n in range(1000)]

        exchange = fake_exchange("binance", answer)
        exchange._client.ccxt.set_markets([MARKET])
        with pytest.raises(IncompleteData, match="1000 rows came") as told:
            gekko_lab.fetch_trades(exchange, "BTC/EUR", since=START)
        assert len(told.value.frame) == 1000


class Prints:
    """Bitvavo as it would be with these trades: paged by `since`, oldest first."""

    def __init__(self, rows, now, size=100, *, heeds=True, recent=None, flow=None):
        self.rows, self.now, self.size = rows, now, size
        self.heeds, self.recent, self.flow = heeds, recent, flow
        self.asked = 0

    def __call__(self, path, query):
        if path.endswith("/time"):
            return 200, {"time": self.now}
        self.asked += 1
        assert self.asked < 500, "this never ends"
        if self.flow:
            self.rows = [*self.rows, self.flow(self.asked)]
        rows = self.rows if self.recent is None else self.rows[-self.recent :]
        if "start" in query and self.heeds:
            rows = [row for row in rows if row["timestamp"] >= int(query["start"])][: self.size]
        else:
            rows = rows[-self.size :]
        return 200, rows[::-1]


def prints(times, *, ids=True):
    return [
        {
            **({"id": f"t{n:06d}"} if ids else {}),
            "timestamp": time,
            "price": "4",
            "amount": "1" if not ids else str(n + 1),
            "side": "buy",
        }
        for n, time in enumerate(times)
    ]


@pytest.fixture
def generic(fake_exchange):
    def start(rows, now=START + 3_600_000, **options):
        exchange = fake_exchange("bitvavo", Prints(rows, now, **options))
        exchange._client.ccxt.set_markets([MARKET])
        return exchange

    return start


class TestGeneric:
    def test_pages_overlap_in_a_millisecond_without_loss_or_double(self, generic):
        times = [START + 7 * (n // 30) for n in range(1000)]  # thirty a millisecond
        exchange = generic(prints(times))
        trades = gekko_lab.fetch_trades(exchange, "BTC/EUR", since=START)
        assert trades["id"].to_list() == [f"t{n:06d}" for n in range(1000)]
        assert trades.schema == TRADES

    def test_equal_trades_without_ids_are_all_kept(self, generic):
        times = [START + 7 * (n // 30) for n in range(1000)]
        exchange = generic(prints(times, ids=False))
        trades = gekko_lab.fetch_trades(exchange, "BTC/EUR", since=START)
        assert len(trades) == 1000
        assert trades["timestamp"].dt.epoch("ms").to_list() == times

    def test_first_and_last_so_many(self, generic):
        exchange = generic(prints([START + 1000 * n for n in range(700)]))
        first = gekko_lab.fetch_trades(exchange, "BTC/EUR", since=START, limit=250)
        assert first["id"].to_list() == [f"t{n:06d}" for n in range(250)]
        last = gekko_lab.fetch_trades(exchange, "BTC/EUR", limit=250)
        assert last["id"].to_list() == [f"t{n:06d}" for n in range(450, 700)]

    def test_a_range_ends_before_until(self, generic):
        exchange = generic(prints([START + 1000 * n for n in range(700)]))
        trades = gekko_lab.fetch_trades(
            exchange, "BTC/EUR", since=START + 1000, until=START + 250_000
        )
        assert trades["id"].to_list() == [f"t{n:06d}" for n in range(1, 250)]

    def test_more_trades_in_a_millisecond_than_a_page_are_told_and_the_rest_kept(self, generic):
        times = [START + n for n in range(50)] + [START + 60] * 150 + [START + 90]
        exchange = generic(prints(times))
        with pytest.raises(IncompleteData, match="in one millisecond and no way past") as told:
            gekko_lab.fetch_trades(exchange, "BTC/EUR", since=START)
        assert told.value.frame["id"].to_list() == [f"t{n:06d}" for n in range(100)]
        assert isinstance(told.value.__cause__, BadResponse)

    def test_that_is_told_also_where_pages_are_shorter_than_guessed(self, generic):
        times = [START + n for n in range(50)] + [START + 60] * 70 + [START + 90]
        exchange = generic(prints(times), size=40)
        with pytest.raises(IncompleteData, match="in one millisecond and no way past"):
            gekko_lab.fetch_trades(exchange, "BTC/EUR", since=START)

    def test_an_exchange_that_ignores_since_is_named(self, generic):
        exchange = generic(prints([START + 1000 * n for n in range(1000)]), heeds=False)
        with pytest.warns(GapWarning, match="older than what the exchange serves") as told:
            trades = gekko_lab.fetch_trades(exchange, "BTC/EUR", since=START)
        assert trades["id"].to_list() == [f"t{n:06d}" for n in range(900, 1000)]
        (row,) = told[0].message.report.to_dicts()
        assert row["reason"] == "not_served"
        assert row["until"] == trades["timestamp"][0]

    def test_it_is_named_also_while_trades_flow_in(self, generic):
        flow = 3_600_000
        exchange = generic(
            prints([START + 1000 * n for n in range(1000)]),
            heeds=False,
            flow=lambda n: prints([START + flow + n])[0] | {"id": f"new{n}"},
        )
        with pytest.warns(GapWarning, match="older than what the exchange serves"):
            trades = gekko_lab.fetch_trades(exchange, "BTC/EUR", since=START)
        assert len(trades) >= 99

    def test_the_last_ones_of_such_an_exchange_are_what_there_is(self, generic):
        exchange = generic(prints([START + 1000 * n for n in range(1000)]), heeds=False)
        few = gekko_lab.fetch_trades(exchange, "BTC/EUR", limit=60)
        assert few["id"].to_list() == [f"t{n:06d}" for n in range(940, 1000)]
        with pytest.warns(GapWarning, match="older than what the exchange serves"):
            many = gekko_lab.fetch_trades(exchange, "BTC/EUR", limit=160)
        assert len(many) == 100

    def test_a_market_with_fewer_trades_than_wanted_says_so(self, generic):
        exchange = generic(prints([START + 1000 * n for n in range(7)]))
        with pytest.warns(GapWarning, match="trades"):
            trades = gekko_lab.fetch_trades(exchange, "BTC/EUR", limit=100)
        assert len(trades) == 7


class Scripted:
    """The simulator with trades by a function of the cursor."""

    exchange = "scripted"
    identity = "scripted"
    foresees = False

    def __init__(self, answer):
        self._whole = gekko_lab.ExchangeSimulator()
        self.answer = answer
        self.calls = 0

    def __getattr__(self, name):
        return getattr(self._whole, name)

    def now(self):
        return START + 1000

    def rules(self):
        return self._whole.rules()

    def market(self, symbol):
        return self._whole.market(symbol)

    def timeframes(self):
        return self._whole.timeframes()

    def paging(self, symbol, timeframe):
        return self._whole.paging(symbol, timeframe)

    def candles(self, symbol, timeframe, since, until, *, full=False):
        return self._whole.candles(symbol, timeframe, since, until, full=full)

    def oldest_trade(self, symbol, since):
        return None

    def trades(self, symbol, cursor, until):
        self.calls += 1
        if self.calls > 200:
            pytest.fail("this never ends")
        return self.answer(cursor)


def table(*rows):
    return pl.DataFrame(
        [(time * 1000, name, "buy", 1.0, 1.0) for time, name in rows],
        schema={**TRADES, "timestamp": pl.Int64},
        orient="row",
    ).cast(dict(TRADES))


class TestAnySource:
    @pytest.mark.parametrize(
        "answer",
        [
            lambda cursor: TradePage(table(), cursor),
            lambda cursor: TradePage(table((cursor.time, "a")), TradeCursor(cursor.time)),
            lambda cursor: TradePage(table(), TradeCursor(cursor.time - 1)),
            lambda cursor: TradePage(
                table((cursor.time, "a")), TradeCursor(cursor.time, str(cursor.id) + "x")
            ),
            lambda cursor: TradePage(
                table((cursor.time + 1, "a")), TradeCursor(START + (cursor.time - START + 5) % 7)
            ),
        ],
        ids=["same place", "same trade", "back", "other id, same trade", "in a circle"],
    )
    def test_cursors_that_lead_nowhere_end_in_an_error(self, answer):
        with pytest.raises((IncompleteData, SourceError), match="trades"):
            gekko_lab.fetch_trades(Scripted(answer), "BTC/USDT", since=START)

    def test_trades_from_before_the_cursor_are_a_bad_answer(self):
        source = Scripted(lambda cursor: TradePage(table((cursor.time - 1, "a")), None))
        with pytest.raises(BadResponse, match="unsound trades"):
            gekko_lab.fetch_trades(source, "BTC/USDT", since=START)
        assert source.calls == 4

    def test_empty_windows_are_no_end(self):
        def answer(cursor):
            following = TradeCursor(cursor.time + 100) if cursor.time < START + 900 else None
            rows = [(START + 800, "a")] if cursor.time == START + 800 else []
            return TradePage(table(*rows), following)

        trades = gekko_lab.fetch_trades(Scripted(answer), "BTC/USDT", since=START)
        assert trades["id"].to_list() == ["a"]

    def test_a_quiet_past_is_searched_with_few_questions(self):
        source = Scripted(lambda cursor: TradePage(table(), None))
        began = time.monotonic()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            trades = gekko_lab.fetch_trades(source, "BTC/USDT")
        assert trades.is_empty()
        assert source.calls < 100
        assert time.monotonic() - began < 5
        assert [type(warning.message) for warning in told] == [GapWarning]


def test_trades_that_came_survive_a_question_about_their_begin_that_fails():
    class Shaky(gekko_lab.ExchangeSimulator):
        def oldest_trade(self, symbol, since):
            raise AccessDenied("the door closed meanwhile")

    with pytest.warns(GapWarning, match=r"trades that the exchange doesn't give.*\(2024-01-01 to"):
        trades = gekko_lab.fetch_trades(Shaky(), "BTC/USDT", since="2024-01-01", limit=10)
    assert len(trades) == 10

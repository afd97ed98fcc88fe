"""Simulated and recorded markets are told in order of time, at their time, and always the same."""

from __future__ import annotations

import polars as pl
import pytest

import gekko_lab
from gekko_lab.errors import (
    DataError,
    InvalidArgument,
    InvalidRange,
    InvalidType,
    NotInLog,
    UnknownSymbol,
    UnknownTimeframe,
)
from gekko_lab.feeds.played import ROWS
from tests.feeds.conftest import START_US, Hands

KINDS = ("trade", "candle", "order_book", "ticker")
SYMBOLS = ["ETH/USDT", "BTC/USDT"]
TWO_MINUTES = {"since": "2024-01-01T00:00:40", "until": "2024-01-01T00:01:10"}
PATIENCE_S = 60


def told(event):
    """Give all of an event but when it came."""
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    return event.kind, {name: value for name, value in fields.items() if name != "received_us"}


def time_of(event):
    return event.timestamp_us + (60_000_000 if event.kind == "candle" else 0)


def simulated(speed, clock=None, **options):
    return gekko_lab.stream(
        "simulator", SYMBOLS, kinds=KINDS, speed=speed, clock=clock, **TWO_MINUTES, **options
    )


def test_the_same_events_come_at_any_speed():
    fast = [told(event) for event in simulated("max")]
    assert {kind for kind, _ in fast} == set(KINDS)
    for speed in (1.0, 60):
        assert [told(event) for event in simulated(speed, Hands().clock)] == fast


def test_events_are_in_order_of_exchange_time_and_then_of_kind_and_symbol():
    order = {kind: place for place, kind in enumerate(("candle", "trade", "order_book", "ticker"))}
    events = list(simulated("max"))
    places = [(time_of(e), order[e.kind], SYMBOLS.index(e.symbol)) for e in events]
    assert places == sorted(places)
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))


def test_nothing_is_told_before_its_time(hands):
    hands.start_us = START_US
    feed = gekko_lab.stream("simulator", "BTC/USDT", kinds=KINDS, until=TWO_MINUTES["until"],
                            clock=hands.clock)  # fmt: skip
    events = list(feed)
    assert events
    assert all(time_of(event) <= event.received_us for event in events)
    assert max(event.received_us - time_of(event) for event in events) < 100_000
    assert feed.health().latency_p99_ms < 100  # by a clock that only the feed moves


def test_times_run_by_the_speed(hands):
    list(gekko_lab.stream("simulator", "BTC/USDT", speed=10, clock=hands.clock, **TWO_MINUTES))
    assert hands.passed == pytest.approx(3.0, abs=0.01)


def test_trades_books_and_tickers_are_those_of_the_source():
    feed = simulated("max")
    books = {(e.timestamp_us, e.symbol): e for e in feed if e.kind == "order_book"}
    trades = feed.frame("trades").filter(symbol="BTC/USDT").drop("symbol", "received", "sequence")
    assert trades.equals(gekko_lab.fetch_trades("simulator", "BTC/USDT", **TWO_MINUTES))
    at = START_US + 55_000_000
    fetched = gekko_lab.fetch_order_book("simulator", "BTC/USDT", at=at // 1000)
    streamed = books[at, "BTC/USDT"]
    for side, levels in (("bid", streamed.bids), ("ask", streamed.asks)):
        assert list(levels) == fetched.filter(side=side).select("price", "amount").rows()
    for ticker in feed.frame("tickers").filter(symbol="BTC/USDT").iter_rows(named=True):
        before = trades.filter(pl.col("timestamp") <= ticker["timestamp"])
        top = gekko_lab.fetch_order_book("simulator", "BTC/USDT", at=ticker["timestamp"], depth=1)
        assert [ticker["bid"], ticker["ask"]] == top["price"].to_list()
        assert before.is_empty() or ticker["last"] == before["price"][-1]
        day = gekko_lab.fetch_trades(
            "simulator", "BTC/USDT", until=ticker["timestamp"],
            since=ticker["timestamp"].replace(day=31, month=12, year=2023, second=0),
        )  # fmt: skip
        assert ticker["volume"] == pytest.approx(day["amount"].sum(), rel=1e-3)


def test_a_replay_of_frames_gives_their_rows_in_order_of_time():
    span = {"since": "2024-01-01", "until": "2024-01-01T00:10"}
    trades = {s: gekko_lab.fetch_trades("simulator", s, **span) for s in SYMBOLS}
    feed = gekko_lab.replay(trades)
    events = list(feed)
    together = pl.concat([trades[s].with_columns(symbol=pl.lit(s)) for s in SYMBOLS])
    expected = together.sort("timestamp", maintain_order=True)
    assert [e.id for e in events] == expected["id"].to_list()
    assert [e.side for e in events] == expected["side"].to_list()
    again = gekko_lab.replay(feed.frame("trades"))  # what a feed gives can be replayed
    assert [told(e)[1] for e in again] == [told(e)[1] for e in events]
    assert again.frame("trades")["received"].equals(feed.frame("trades")["received"])


def test_pandas_frames_and_polars_frames_replay_alike():
    candles = gekko_lab.fetch("simulator", "BTC/USDT", "1h", since="2024-01-01", limit=10)
    pandas = gekko_lab.fetch(
        "simulator", "BTC/USDT", "1h", since="2024-01-01", limit=10, frame="pandas"
    )
    one, other = (
        [told(e) for e in gekko_lab.replay(frame, "BTC/USDT")] for frame in (candles, pandas)
    )
    assert one == other
    assert [e["timeframe"] for _, e in one] == ["1h"] * 10
    assert [e["close"] for _, e in one] == candles["close"].to_list()


@pytest.mark.parametrize("kind", ["order_books", "tickers"])
def test_books_and_tickers_replay_too(kind):
    feed = simulated("max")
    events = [told(e)[1] for e in feed.events(kind[:-1])]
    again = [told(e)[1] for e in gekko_lab.replay(feed.frame(kind), SYMBOLS)]
    for event in events + again:
        del event["sequence"], event["exchange"]
    assert again == events


def test_candles_are_built_of_frames_of_trades():
    span = {"since": "2024-01-01", "until": "2024-01-01T01:00"}
    trades = gekko_lab.fetch_trades("simulator", "BTC/USDT", **span)
    feed = gekko_lab.replay(
        trades,
        "BTC/USDT",
        kinds="candle",
        timeframe="15m",
        since=span["since"],
        until=span["until"],
    )
    closes = [candle.close for candle in feed]
    built = gekko_lab.candles_from_trades(trades, "15m", until=span["until"])
    assert closes == built["close"].to_list()[-len(closes) :]
    assert len(closes) >= 3


def test_since_and_until_cut_a_replay():
    hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", since="2024-01-01", limit=24)
    feed = gekko_lab.replay(hours, "BTC/USDT", since="2024-01-01T05:00", until="2024-01-01T08:00")
    assert [candle.timestamp.hour for candle in feed] == [5, 6, 7]


def test_what_the_log_holds_is_replayed_as_it_was_fetched():
    span = {"since": "2024-01-01", "until": "2024-01-01T00:30"}
    for symbol in SYMBOLS:
        gekko_lab.fetch_trades("simulator", symbol, log=True, **span)
    live = gekko_lab.stream("simulator", SYMBOLS, kinds=("trade", "candle"), speed="max", **span)
    expected = [told(event) for event in live]
    feed = gekko_lab.stream("replay:simulator", SYMBOLS, kinds=("trade", "candle"), speed="max")
    replayed = [told(event) for event in feed]
    for _, event in expected + replayed:
        del event["exchange"]
    # The log begins with the first trade, so that the close before isn't known.
    assert replayed == expected


def test_candles_of_the_log_are_replayed_and_what_it_lacks_is_a_gap():
    for since, until in (
        ("2024-01-01T00:00", "2024-01-01T03:00"),
        ("2024-01-01T05:00", "2024-01-01T06:00"),
    ):
        gekko_lab.fetch("simulator", "BTC/USDT", "1h", log=True, since=since, until=until)
    events = list(gekko_lab.replay("simulator", "BTC/USDT", kinds="candle", timeframe="1h"))
    assert [(e.kind, e.timestamp.hour) for e in events] == [
        ("candle", 0), ("candle", 1), ("candle", 2), ("gap", 3), ("candle", 5),
    ]  # fmt: skip
    assert (events[3].reason, events[3].until.hour) == ("not_held", 5)


@pytest.mark.parametrize(("exchange", "quiet"), [("binance", 1), ("kraken", 0)])
def test_a_replay_of_the_log_asks_no_exchange(monkeypatch, exchange, quiet):
    """Whether quiet minutes have candles is known of binance (yes) and kraken (no)."""
    trades = gekko_lab.fetch_trades(
        "simulator", "BTC/USDT", since="2024-01-01", until="2024-01-01T00:03"
    )
    first = trades["timestamp"][0].replace(second=0, microsecond=0)
    minute = pl.lit(first) + pl.duration(minutes=1)
    busy = trades.filter(
        (pl.col("timestamp") < minute) | (pl.col("timestamp") >= minute + pl.duration(minutes=1))
    )
    since = int(first.timestamp() * 1000)
    with gekko_lab.datalog.Series("trades", exchange, "BTC/USDT") as series:
        span = gekko_lab.datalog.Span(since, since + 180_000)
        series.append(busy, span, closed_until=span.until)

    def ask(*_):
        pytest.fail("the exchange was asked")

    monkeypatch.setattr(gekko_lab.CcxtMarketData, "_with_markets", ask)
    candles = list(gekko_lab.replay(exchange, "BTC/USDT", kinds="candle"))
    assert [each.trade_count == 0 for each in candles].count(True) == quiet
    assert len(candles) == 2 + quiet


def test_a_recorded_exchange_can_be_streamed():
    hours = gekko_lab.fetch("simulator", "ETH/USDT", "1m", since="2024-01-01", limit=3)
    recorded = gekko_lab.ExchangeReplay({"ETH/USDT": hours})
    feed = gekko_lab.stream(
        recorded, "ETH/USDT", kinds=KINDS, timeframe="1m", speed="max", until="2024-01-01T00:02"
    )
    assert len(list(feed.events("candle"))) == 2
    assert feed.frame("candles")["close"].to_list() == hours["close"].to_list()[:2]
    assert feed.frame("trades").height > 2
    assert feed.frame("tickers").height > 2
    assert feed.frame("order_books").height > 100


def evenly(rate, seconds):
    """Give trades at even times."""
    places = pl.int_range(rate * seconds, eager=True)
    columns = {
        "timestamp": (START_US + places * (1_000_000 // rate)).cast(pl.Datetime("us", "UTC")),
        "id": places.cast(pl.String),
        "price": (10_000 + places % 977) / 100,
        "amount": (1 + places % 13) / 1000,
    }
    return pl.DataFrame(columns)


def test_what_waits_anywhere_is_bounded():
    """A minute of 1,000 trades a second of 20 symbols; bounds are counts, not bytes."""
    tape = evenly(1_000, 60)
    feed = gekko_lab.replay(
        {f"M{number}/USDT": tape for number in range(20)},
        kinds=("trade", "candle"),
        timeframe="1s",
        buffer=50_000,
        keep=500,
    )
    heard, waiting, kept = 0, [], []

    @feed.on("trade")
    def count(event):
        nonlocal heard
        heard += 1
        if event.sequence % 10_000 == 0:
            waiting.append(feed.health().waiting)
            kept.append(feed._recent.held())

    assert feed.wait(PATIENCE_S)
    assert heard == 20 * 60_000
    assert feed.health().events == 20 * (60_000 + 60)
    assert len(waiting) > 100
    assert max(waiting) <= ROWS  # a piece that is larger than the buffer is let in alone
    assert max(kept) <= 20 * (2 * 500 + 60)
    assert feed.frame("trades").group_by("symbol").len()["len"].to_list() == [500] * 20


@pytest.mark.parametrize(
    ("error", "words", "options"),
    [
        (InvalidArgument, "Did you mean 'trade'", {"kinds": ("trad",)}),
        (InvalidArgument, "name at least one", {"kinds": ()}),
        (InvalidArgument, "a positive number", {"speed": 0}),
        (InvalidArgument, "a positive number", {"speed": float("nan")}),
        (InvalidType, "or 'max'", {"speed": "fast"}),
        (UnknownTimeframe, "not a timeframe", {"timeframe": "1x"}),
        (UnknownTimeframe, "choose one of", {"timeframe": "7m", "kinds": "candle"}),
        (InvalidRange, "must be later", {"since": "2024-01-02", "until": "2024-01-01"}),
        (InvalidRange, "must be later", {"until": "2024-01-01"}),
        (InvalidRange, "after the last event", {"since": "2300-01-01"}),
        (InvalidArgument, "'100ms' or '1s'", {"interval": "5s"}),
        (InvalidArgument, "use 1 to", {"buffer": 0}),
        (InvalidType, "a whole number", {"keep": 1.5}),
        (InvalidArgument, "'drop_oldest'", {"overflow": "drop"}),
        (InvalidArgument, "use 1 to", {"depth": 9_000}),
    ],
)
def test_wrong_requests_are_refused_at_once(error, words, options):
    with pytest.raises(error, match=words):
        gekko_lab.stream("simulator", "BTC/USDT", **options)


def test_wrong_markets_are_refused_with_the_nearest():
    with pytest.raises(UnknownSymbol, match="Did you mean 'BTC/USDT'"):
        gekko_lab.stream("simulator", "BTC/USD T")
    with pytest.raises(InvalidArgument, match="more than once"):
        gekko_lab.stream("simulator", ["BTC/USDT", "BTC/USDT"])
    with pytest.raises(InvalidType, match="give text"):
        gekko_lab.stream("simulator", [])


def test_what_can_not_be_replayed_is_refused_at_once():
    candles = gekko_lab.fetch("simulator", "BTC/USDT", "1h", since="2024-01-01", limit=3)
    with pytest.raises(InvalidArgument, match="name the market"):
        gekko_lab.replay(candles)
    with pytest.raises(InvalidArgument, match="nothing to replay"):
        gekko_lab.replay(candles.head(0), "BTC/USDT")
    with pytest.raises(DataError, match="no column 'timestamp'"):
        gekko_lab.replay(candles.drop("timestamp"), "BTC/USDT")
    with pytest.raises(DataError, match="neither a DatetimeIndex"):
        gekko_lab.replay(candles.to_pandas().drop(columns="timestamp"), "BTC/USDT")
    with pytest.raises(DataError, match="of no kind of event"):
        gekko_lab.replay(candles.select("timestamp", "high"), "BTC/USDT")
    with pytest.raises(DataError, match="BTC/USDT: candle 1 of 3"):
        gekko_lab.replay(candles.reverse(), "BTC/USDT")
    named = candles.with_columns(symbol=pl.lit("BTC/USDT"))
    with pytest.raises(UnknownSymbol, match="Did you mean 'BTC/USDT'"):
        gekko_lab.replay(named, "BTC/USD T")
    with pytest.raises(InvalidArgument, match="two frames"):
        gekko_lab.replay([candles, candles], "BTC/USDT")
    with pytest.raises(InvalidArgument, match="no frame has rows of trade"):
        gekko_lab.replay(candles, "BTC/USDT", kinds=("trade", "candle"))
    with pytest.raises(InvalidType, match="a polars or pandas frame"):
        gekko_lab.replay(5, "BTC/USDT")


def test_candles_of_several_widths_are_refused_as_some_would_come_before_they_close():
    asked = {"since": "2024-01-01", "until": "2024-01-03"}
    hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", **asked)
    days = gekko_lab.fetch("simulator", "ETH/USDT", "1d", **asked)
    with pytest.raises(InvalidArgument, match=r"one width.*'BTC/USDT': '1h', 'ETH/USDT': '1d'"):
        gekko_lab.replay({"BTC/USDT": hours, "ETH/USDT": days})
    for timeframe in ("1m", "1d", "7h"):
        with pytest.raises(InvalidArgument, match=f"BTC/USDT: .*timeframe='{timeframe}'"):
            gekko_lab.replay(hours, "BTC/USDT", timeframe=timeframe)
    with pytest.raises(InvalidArgument, match=r"one candle doesn't tell its width.*timeframe="):
        gekko_lab.replay(hours[:1], "BTC/USDT")


def test_the_width_of_few_candles_may_be_told():
    hours = gekko_lab.fetch("simulator", "BTC/USDT", "1h", since="2024-01-01", limit=9)
    for few in (hours[:1], hours[[0, 2]], hours[[0, 2, 6]]):
        told = list(gekko_lab.replay(few, "BTC/USDT", timeframe="1h"))
        assert [candle.timeframe for candle in told] == ["1h"] * len(few)
    assert len(list(gekko_lab.replay(hours, "BTC/USDT", timeframe="60m"))) == len(hours)
    with_one = {"BTC/USDT": hours, "ETH/USDT": hours[4:5]}
    assert {candle.timeframe for candle in gekko_lab.replay(with_one)} == {"1h"}


def test_weeks_may_begin_on_any_day():
    days = gekko_lab.fetch("simulator", "BTC/USDT", "1d", since="2024-01-04", limit=70)
    assert len(list(gekko_lab.replay(days[::7], "BTC/USDT"))) == 10


def test_an_empty_log_is_told():
    with pytest.raises(UnknownSymbol, match="holds nothing"):
        gekko_lab.replay("binance", "BTC/USDT")
    with pytest.raises(InvalidArgument, match="which markets"):
        gekko_lab.replay("binance")
    gekko_lab.fetch("simulator", "BTC/USDT", "1h", log=True, since="2024-01-01", limit=3)
    with pytest.raises(NotInLog, match="no trades of BTC/USDT"):
        gekko_lab.replay("simulator", "BTC/USDT")


def test_books_of_a_stream_that_begins_before_the_market_begin_with_it():
    asked = {"since": "2009-12-31T23:59:50", "until": "2010-01-01T00:00:05", "speed": "max"}
    feed = gekko_lab.stream("simulator", "BTC/USDT", kinds=("order_book", "trade"), **asked)
    books = [event for event in feed if event.kind == "order_book"]
    assert books
    first = gekko_lab.fetch_order_book("simulator", "BTC/USDT", at="2010-01-01T00:00:00")
    assert books[0].bids[0][0] == first.filter(side="bid")["price"][0]

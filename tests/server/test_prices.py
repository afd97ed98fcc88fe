"""Order books, tickers and recent trades through unmodified ccxt, against the market itself."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import ccxt
import orjson
import polars as pl
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from gekko_lab.server import Fault, FrameMarket
from gekko_lab.server.books import end_of, latest_update
from gekko_lab.server.dialects import dialect_of
from gekko_lab.server.schedule import Schedule
from gekko_lab.simulation import Parameters, SimulatedMarket
from gekko_lab.simulation.parameters import CURRENCIES, GENESIS, HORIZON

DAY = 86_400_000
HOUR = 3_600_000
NOW = 1_709_251_230_250  # 2024-03-01T00:00:30.250
STEP_END = 1_709_251_230_199  # the last 100 ms that are over then
EXCHANGES = ["binance", "coinbaseexchange", "kraken"]
WITHOUT_MARGIN = {  # ccxt wants a key for old trades, and with a key asks for more
    "fetchMarkets": {"types": ["spot"]},
    "fetchCurrencies": False,
    "fetchMargins": False,
}
FEW = tuple(each for each in CURRENCIES if each.code in {"USDT", "BTC", "ETH"})


@pytest.fixture(scope="module")
def simulated():
    return SimulatedMarket(Parameters(currencies=FEW))


@pytest.fixture
def hand():
    return SimpleNamespace(now=NOW)


@pytest.fixture
def served(served_as, ccxt_for, simulated, hand):
    def start(exchange, **options):
        server = served_as(exchange, simulated, clock=lambda: hand.now, **options)
        return server, ccxt_for(server, apiKey="any", options=WITHOUT_MARGIN)

    return start


def levels(book, side, count):
    rows = book.filter(side=side).head(count).select("price", "amount")
    return [list(row) for row in rows.rows()]


def day_of(market, symbol, now):
    """The statistics of a day from its trades, by polars alone."""
    trades = market.trades(symbol, now + 1 - DAY, now + 1)
    cost = (trades["price"] * trades["amount"]).sum()
    return SimpleNamespace(
        trades=trades,
        open=trades["price"][0],
        high=trades["price"].max(),
        low=trades["price"].min(),
        last=trades["price"][-1],
        volume=trades["amount"].sum(),
        cost=cost,
    )


def test_the_update_of_a_moment_is_the_last_that_is_over():
    assert end_of(latest_update(NOW)) == STEP_END
    assert end_of(latest_update(STEP_END)) == STEP_END
    assert end_of(latest_update(STEP_END - 1)) == STEP_END - 100


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_a_book_is_the_market_s_own(served, simulated, exchange):
    _, client = served(exchange)
    got = client.fetch_order_book("BTC/USDT", 20)
    book = simulated.order_book("BTC/USDT", STEP_END, 20)
    assert [row[:2] for row in got["bids"][:20]] == levels(book, "bid", 20)
    assert [row[:2] for row in got["asks"][:20]] == levels(book, "ask", 20)


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_a_book_is_the_same_until_its_step_is_over(served, hand, exchange):
    _, client = served(exchange)
    first = client.fetch_order_book("BTC/USDT")
    hand.now = STEP_END + 99
    assert client.fetch_order_book("BTC/USDT")["bids"] == first["bids"]
    hand.now = NOW + 60_000
    later = client.fetch_order_book("BTC/USDT")
    assert later["bids"] != first["bids"]
    hand.now = NOW
    again = client.fetch_order_book("BTC/USDT")
    assert (again["bids"], again["asks"]) == (first["bids"], first["asks"])


def test_binance_numbers_its_books_by_steps(served, hand):
    _, client = served("binance")
    first = client.fetch_order_book("BTC/USDT")["nonce"]
    hand.now += 1000
    assert client.fetch_order_book("BTC/USDT")["nonce"] == first + 10


@pytest.mark.parametrize(("limit", "rows"), [(5, 5), (None, 100), (500, 100)])
def test_a_book_has_as_many_levels_as_are_asked_for_and_a_hundred_at_most(served, limit, rows):
    _, client = served("binance")
    got = client.fetch_order_book("BTC/USDT", limit)
    assert (len(got["bids"]), len(got["asks"])) == (rows, rows)


@pytest.mark.parametrize(
    ("exchange", "path", "other"),
    [
        ("binance", "/api/v3/ticker/24hr", "/api/v3/ping"),
        ("coinbaseexchange", "/products/spark-lines", "/time"),
        ("kraken", "/0/public/Ticker", "/0/public/Time"),
    ],
)
def test_others_are_answered_between_the_markets_of_an_answer_about_all(
    served_as, hand, exchange, path, other
):
    order = []
    simulated = SimulatedMarket(Parameters(currencies=CURRENCIES[:8]))
    server = served_as(exchange, simulated, clock=lambda: hand.now)

    def ask(what):
        order.append((what, requests.get(server.url + what, timeout=30).status_code))

    slow = threading.Thread(target=ask, args=(path,))
    real, asked = simulated.candles, []

    def candles(symbol, *rest, **more):  # the first market is begun: now somebody else asks
        if not asked:
            asked.append(threading.Thread(target=ask, args=(other,)))
            asked[0].start()
            time.sleep(0.2)
        asked.append(symbol)
        return real(symbol, *rest, **more)

    simulated.candles = candles
    slow.start()
    slow.join()
    asked[0].join()
    assert order == [(other, 200), (path, 200)]


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("symbol", ["BTC/USDT", "ETH/BTC"])
def test_a_ticker_sums_up_the_trades_of_a_day(served, simulated, exchange, symbol):
    _, client = served(exchange)
    got = client.fetch_ticker(symbol)
    truth = day_of(simulated, symbol, NOW)
    quote = simulated.quotes(symbol, STEP_END - 60_000, STEP_END + 1).row(-1, named=True)
    assert (got["bid"], got["ask"]) == (quote["bid"], quote["ask"])
    assert got["last"] == truth.last
    assert got["baseVolume"] == pytest.approx(truth.volume, rel=1e-9)
    if exchange != "coinbaseexchange":
        assert (got["high"], got["low"]) == (truth.high, truth.low)
        assert got["vwap"] == pytest.approx(truth.cost / truth.volume, rel=1e-3)
    if exchange == "binance":
        ids = truth.trades["id"]
        assert (got["open"], got["timestamp"]) == (truth.open, NOW)
        assert got["change"] == pytest.approx(truth.last - truth.open)
        assert got["quoteVolume"] == pytest.approx(truth.cost, rel=1e-3)
        assert (got["bidVolume"], got["askVolume"]) == (quote["bid_amount"], quote["ask_amount"])
        told = got["info"]
        assert (told["firstId"], told["lastId"]) == (ids[0], ids[-1])
        assert int(told["count"]) == len(ids)
        before = simulated.trades(symbol, NOW + 1 - 2 * DAY, NOW + 1 - DAY)
        assert float(told["prevClosePrice"]) == before["price"][-1]


def test_the_quote_volume_is_exact_where_that_is_asked_for(served, simulated):
    _, client = served("binance", exact_quote_volume=True)
    truth = day_of(simulated, "BTC/USDT", NOW)
    got = client.fetch_ticker("BTC/USDT")
    assert got["quoteVolume"] == pytest.approx(truth.cost, rel=1e-9)
    assert got["vwap"] == pytest.approx(truth.cost / truth.volume, abs=1e-8)


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_all_tickers_are_those_of_each_market(served, simulated, exchange):
    _, client = served(exchange)
    got = client.fetch_tickers()
    assert set(got) == set(simulated.rules)
    for symbol, ticker in got.items():
        assert ticker["last"] == day_of(simulated, symbol, NOW).last
        if exchange != "coinbaseexchange":  # whose list of all has hourly prices only
            alone = client.fetch_ticker(symbol)
            own = {"info": None, "average": None}  # ccxt rounds it in one of the two
            assert {**ticker, **own} == {**alone, **own}


def test_tickers_of_some_markets(served):
    server, client = served("binance")
    symbols = ["ETH/USDT", "BTC/USDT"]
    assert set(client.fetch_tickers(symbols)) == set(symbols)
    assert set(client.fetch_last_prices(symbols)) == set(symbols)
    told = client.public_get_ticker_24hr({"symbols": '["ETHUSDT","BTCUSDT"]', "type": "MINI"})
    assert [each["symbol"] for each in told] == ["ETHUSDT", "BTCUSDT"]
    assert set(told[0]) == {
        *("symbol", "openPrice", "highPrice", "lowPrice", "lastPrice", "volume", "quoteVolume"),
        *("openTime", "closeTime", "firstId", "lastId", "count"),
    }
    assert server.requests[-1].weight == 2


def test_bids_and_asks_are_the_best_quotes(served, simulated):
    _, client = served("binance")
    for symbol, got in client.fetch_bids_asks().items():
        quote = simulated.quotes(symbol, STEP_END - 600_000, STEP_END + 1).row(-1, named=True)
        assert (got["bid"], got["ask"]) == (quote["bid"], quote["ask"])
        assert (got["bidVolume"], got["askVolume"]) == (quote["bid_amount"], quote["ask_amount"])


@pytest.mark.parametrize("path", ["publicGetTrades", "publicGetHistoricalTrades"])
def test_recent_trades_are_the_last_ones(served, simulated, path):
    _, client = served("binance")
    got = client.fetch_trades("BTC/USDT", limit=50, params={"fetchTradesMethod": path})
    truth = simulated.trades("BTC/USDT", NOW - 600_000, NOW + 1).tail(50)
    assert [int(each["id"]) for each in got] == truth["id"].to_list()
    assert [each["price"] for each in got] == truth["price"].to_list()
    assert [each["amount"] for each in got] == truth["amount"].to_list()
    assert [each["side"] for each in got] == truth["side"].to_list()
    assert [each["timestamp"] for each in got] == truth["timestamp"].dt.epoch("ms").to_list()


def test_older_trades_come_by_id(served, simulated):
    _, client = served("binance")
    truth = simulated.trades("BTC/USDT", NOW - DAY, NOW - DAY + 600_000).head(10)
    told = client.public_get_historicaltrades(
        {"symbol": "BTCUSDT", "fromId": int(truth["id"][0]), "limit": 10}
    )
    assert [int(each["id"]) for each in told] == truth["id"].to_list()
    costs = [float(each["quoteQty"]) for each in told]
    assert costs == pytest.approx((truth["price"] * truth["amount"]).to_list(), abs=1e-8)


def test_the_mean_price_is_that_of_five_minutes(served, simulated):
    _, client = served("binance")
    told = client.public_get_avgprice({"symbol": "BTCUSDT"})
    trades = simulated.trades("BTC/USDT", NOW + 1 - 300_000, NOW + 1)
    mean = (trades["price"] * trades["amount"]).sum() / trades["amount"].sum()
    assert float(told["price"]) == pytest.approx(mean, abs=1e-8)
    assert int(told["mins"]) == 5
    assert int(told["closeTime"]) == trades["timestamp"].dt.epoch("ms")[-1]


@pytest.mark.parametrize(
    ("path", "query", "weight"),
    [
        ("depth", {"limit": 5}, 5),
        ("depth", {}, 5),
        ("depth", {"limit": 101}, 25),
        ("depth", {"limit": 1000}, 50),
        ("depth", {"limit": 5000}, 250),
        ("trades", {}, 25),
        ("historicalTrades", {}, 25),
        ("avgPrice", {}, 2),
        ("ticker/24hr", {}, 2),
        ("ticker/price", {}, 2),
        ("ticker/bookTicker", {}, 2),
        ("ticker/24hr", {"symbol": None}, 80),
        ("ticker/24hr", {"symbol": None, "symbols": '["BTCUSDT","ETHUSDT"]'}, 2),
        ("ticker/24hr", {"symbol": None, "symbols": str(["BTCUSDT"] * 21).replace("'", '"')}, 40),
        ("ticker/24hr", {"symbol": None, "symbols": str(["BTCUSDT"] * 101).replace("'", '"')}, 80),
        ("ticker/price", {"symbol": None}, 4),
        ("ticker/bookTicker", {"symbol": None, "symbols": '["BTCUSDT"]'}, 4),
    ],
)
def test_weights_are_the_documented_ones(server, get, path, query, weight):
    answer = get(path, **{"symbol": "BTCUSDT", **query})
    assert answer.headers["X-MBX-USED-WEIGHT-1M"] == str(weight)
    assert server.requests[-1].weight == weight


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("depth", {}, -1102),
        ("depth", {"symbol": "LUNAUSDT"}, -1121),
        ("depth", {"symbol": "BTCUSDT", "limit": 0}, -1130),
        ("depth", {"symbol": "BTCUSDT", "limit": "many"}, -1100),
        ("depth", {"symbol": "BTCUSDT", "levels": 5}, -1104),
        ("trades", {"symbol": "BTCUSDT", "fromId": 1}, -1104),
        ("ticker/24hr", {"symbol": "BTCUSDT", "symbols": '["BTCUSDT"]'}, -1128),
        ("ticker/24hr", {"symbols": "BTCUSDT"}, -1100),
        ("ticker/24hr", {"type": "LARGE"}, -1130),
        ("ticker/price", {"symbol": "LUNAUSDT"}, -1121),
        ("avgPrice", {}, -1102),
    ],
)
def test_wrong_requests_have_the_documented_errors(get, path, query, code):
    answer = get(path, **query)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_kraken_s_day_begins_at_midnight(served, simulated, ask):
    server, _ = served("kraken")
    told = ask(server, "/0/public/Ticker", pair="XBTUSDT").json()["result"]["XBTUSDT"]
    midnight = NOW - NOW % DAY
    today = simulated.trades("BTC/USDT", midnight, NOW + 1)
    assert float(told["o"]) == today["price"][0]
    assert float(told["h"][0]) == today["price"].max()
    assert float(told["l"][0]) == today["price"].min()
    assert float(told["v"][0]) == pytest.approx(today["amount"].sum())
    assert told["t"][0] == len(today)
    assert told["t"][1] == len(day_of(simulated, "BTC/USDT", NOW).trades)


def test_kraken_s_spreads_are_the_last_quotes(served, simulated, ask):
    server, _ = served("kraken")
    told = ask(server, "/0/public/Spread", pair="XBTUSDT", since=NOW // 1000 - 20).json()["result"]
    quotes = simulated.quotes("BTC/USDT", NOW - 60_000, STEP_END + 1)
    seen = {(row["bid"], row["ask"]) for row in quotes.iter_rows(named=True)}
    rows = [(float(bid), float(ask)) for _, bid, ask in told["XBTUSDT"]]
    assert rows
    assert set(rows) <= seen
    assert rows[-1] == (quotes["bid"][-1], quotes["ask"][-1])
    assert told["last"] == told["XBTUSDT"][-1][0]


def test_coinbase_has_a_best_price_a_book_and_a_month(served, simulated, ask):
    server, client = served("coinbaseexchange")
    best = ask(server, "/products/BTC-USDT/book").json()
    book = simulated.order_book("BTC/USDT", STEP_END, 1)
    assert [float(best["bids"][0][0]), float(best["bids"][0][1])] == levels(book, "bid", 1)[0]
    assert (len(best["bids"]), len(best["asks"])) == (1, 1)
    stats = ask(server, "/products/BTC-USDT/stats").json()
    truth = day_of(simulated, "BTC/USDT", NOW)
    assert float(stats["open"]) == truth.open
    assert (float(stats["high"]), float(stats["low"])) == (truth.high, truth.low)
    since = (NOW + 1 - 30 * DAY) // 3_600_000 * 3_600_000
    month = simulated.trades("BTC/USDT", since, NOW + 1)["amount"].sum()
    assert float(stats["volume_30day"]) == pytest.approx(month, rel=1e-9)
    last = truth.trades.row(-1, named=True)
    ticker = client.fetch_ticker("BTC/USDT")
    assert int(ticker["info"]["trade_id"]) == last["id"]
    assert ticker["timestamp"] == last["timestamp"].timestamp() * 1000


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_a_market_of_frames_has_a_plain_book_around_its_last_trade(
    server, served_as, ccxt_for, market, clock, exchange
):
    client = ccxt_for(served_as(exchange))
    last = market.trades("BTC/USDT", 0, latest_update(clock.now) * 100 + 100).row(-1, named=True)
    best = (last["price"], last["price"] + 0.01)
    if last["side"] == "buy":
        best = (last["price"] - 0.01, last["price"])
    book = client.fetch_order_book("BTC/USDT")
    assert (book["bids"][0][0], book["asks"][0][0]) == pytest.approx(best)
    assert book["bids"][0][1] == pytest.approx(last["amount"])
    ticker = client.fetch_ticker("BTC/USDT")
    assert (ticker["bid"], ticker["ask"]) == pytest.approx(best)


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_before_its_listing_a_market_has_no_prices(served, exchange):
    _, client = served(exchange, listed_since={"BTC/USDT": NOW + 1})
    book = client.fetch_order_book("BTC/USDT")
    assert (book["bids"], book["asks"]) == ([], [])
    if exchange != "kraken":  # which has no row for it
        assert not client.fetch_ticker("BTC/USDT")["bid"]


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_in_an_outage_the_book_stands_still(served, simulated, exchange):
    _, client = served(exchange, outages=[(NOW - 5000, NOW + 60_000)])
    book = simulated.order_book("BTC/USDT", NOW - 5001, 5)
    got = client.fetch_order_book("BTC/USDT")
    assert [row[:2] for row in got["bids"][:5]] == levels(book, "bid", 5)


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_faults_strike_books_and_tickers_by_name(served, exchange):
    server, client = served(exchange)
    client.load_markets()
    server.faults.add(Fault("status", path="order_book", value=503))
    with pytest.raises(ccxt.OperationFailed):
        client.fetch_order_book("BTC/USDT")
    assert client.fetch_ticker("BTC/USDT")["last"]
    server.faults.add(Fault("status", path="ticker", symbol="ETH/USDT", value=503))
    assert client.fetch_ticker("BTC/USDT")["last"]
    with pytest.raises(ccxt.OperationFailed):
        client.fetch_ticker("ETH/USDT")


@pytest.mark.parametrize("exchange", ["binance", "kraken"])
def test_a_fault_of_a_symbol_strikes_lists_that_name_it(served, ask, exchange):
    paths = {
        "binance": '/api/v3/ticker/price?symbols=["BTCUSDT","ETHUSDT"]',
        "kraken": "/0/public/Ticker?pair=XBTUSDT,ETHUSDT",
    }
    server, _ = served(exchange)
    server.faults.add(Fault("status", path="ticker", symbol="BTC/USDT", value=503))
    assert ask(server, paths[exchange]).status_code == 503
    assert ask(server, paths[exchange].replace("BTC", "ETH").replace("XBT", "ETH")).ok


def test_rows_of_recent_trades_are_spoiled_too(served, ask):
    server, _ = served("binance")
    page = "/api/v3/trades?symbol=BTCUSDT&limit=50"
    whole = ask(server, page).json()
    server.faults.add(Fault("shift_rows", path="trades", value=7, count=1))
    moved = ask(server, page).json()
    assert [each["time"] for each in moved] == [each["time"] + 7 for each in whole]
    server.faults.add(Fault("nan_rows", path="trades", value=3))
    assert [each["price"] for each in ask(server, page).json()].count("NaN") == 3


def levels_told(answer, exchange):
    told = orjson.loads(answer.body)
    if exchange == "kraken":
        (told,) = told["result"].values()
    return [
        (side, float(price), float(amount))
        for side, key in (("bid", "bids"), ("ask", "asks"))
        for price, amount, *_ in told[key]
    ]


@given(
    now=st.integers(1_300_000_000_000, 4_000_000_000_000),
    symbol=st.sampled_from(["BTC/USDT", "ETH/USDT", "ETH/BTC"]),
)
@settings(max_examples=20)
def test_at_any_moment_all_dialects_tell_the_market_s_book(simulated, now, symbol):
    schedule = Schedule(simulated)
    pages = {
        "binance": ("/api/v3/depth", {"symbol": symbol.replace("/", ""), "limit": "10"}),
        "coinbaseexchange": (f"/products/{symbol.replace('/', '-')}/book", {"level": "2"}),
        "kraken": (
            "/0/public/Depth",
            {"pair": symbol.replace("/", "").replace("BTC", "XBT"), "count": "10"},
        ),
    }
    book = simulated.order_book(symbol, end_of(latest_update(now)), 10)
    truth = [row[1:] for row in book.select("level", "side", "price", "amount").rows()]
    for exchange, (path, query) in pages.items():
        if exchange == "kraken" and symbol == "ETH/BTC":
            query["pair"] = "XETHXXBT"
        dialect = dialect_of(
            exchange,
            simulated.rules,
            schedule,
            halted=[],
            page_limit=None,
            weight_limit=None,
            hours_between=None,
        )
        told = levels_told(dialect.answer("GET", path, list(query.items()), now), exchange)
        by_side = [
            each for side in ("bid", "ask") for each in [r for r in told if r[0] == side][:10]
        ]
        assert by_side == truth


def test_no_answer_knows_what_comes(served, simulated, served_as, ccxt_for, hand):
    """The same answers from a market that ends now."""
    trades = {
        symbol: simulated.trades(symbol, NOW - 2 * DAY, NOW + 1)
        for symbol in ("BTC/USDT", "ETH/BTC")
    }
    rules = {symbol: simulated.rules[symbol] for symbol in trades}
    longer = {
        symbol: pl.concat([frame, simulated.trades(symbol, NOW + 1, NOW + 120_000)])
        for symbol, frame in trades.items()
    }
    clients = [
        ccxt_for(served_as("binance", FrameMarket({}, rules, trades=each), clock=lambda: NOW))
        for each in (trades, longer)
    ]
    for symbol in trades:
        for method in ("fetch_order_book", "fetch_ticker", "fetch_trades"):
            short, long = (getattr(client, method)(symbol) for client in clients)
            assert short == long


PATHS = {
    "binance": [
        *("/api/v3/depth?symbol=BTCUSDT", "/api/v3/ticker/bookTicker?symbol=BTCUSDT"),
        *("/api/v3/ticker/24hr?symbol=BTCUSDT", "/api/v3/ticker/24hr", "/api/v3/ticker/price"),
        *("/api/v3/avgPrice?symbol=BTCUSDT", "/api/v3/trades?symbol=BTCUSDT"),
        *("/api/v3/klines?symbol=BTCUSDT&interval=1w", "/api/v3/aggTrades?symbol=BTCUSDT"),
    ],
    "coinbaseexchange": [
        *("/products/BTC-USDT/book?level=2", "/products/BTC-USDT/ticker"),
        *("/products/BTC-USDT/stats", "/products/BTC-USDT/trades"),
        *("/products/BTC-USDT/candles?granularity=60", "/products/spark-lines"),
    ],
    "kraken": [
        *("/0/public/Depth?pair=XBTUSDT", "/0/public/Ticker?pair=XBTUSDT", "/0/public/Ticker"),
        *("/0/public/Spread?pair=XBTUSDT", "/0/public/Trades?pair=XBTUSDT"),
        "/0/public/OHLC?pair=XBTUSDT",
    ],
}


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("later", [0, 120_000, 12 * DAY])
def test_after_its_end_the_market_stands_still(served, hand, ask, exchange, later):
    hand.now = HORIZON - 1
    server, client = served(exchange)
    book = client.fetch_order_book("BTC/USDT", 20)
    (last,) = client.fetch_trades("BTC/USDT")[-1:]
    hand.now = HORIZON + later
    for path in PATHS[exchange]:
        answer = ask(server, path)
        assert answer.status_code == 200, (path, answer.text)
        assert exchange != "kraken" or answer.json()["error"] == []
    after = client.fetch_order_book("BTC/USDT", 20)
    assert [[level[:2] for level in after[side]] for side in ("bids", "asks")] == [
        [level[:2] for level in book[side]] for side in ("bids", "asks")
    ]
    assert later > DAY or client.fetch_ticker("BTC/USDT")["last"] == last["price"]
    assert client.fetch_trades("BTC/USDT")[-1] == last
    assert client.fetch_ohlcv("BTC/USDT", "1m", HORIZON - HOUR)[-1][0] == HORIZON - 60_000


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_before_its_beginning_the_market_has_nothing(served, hand, ask, exchange):
    hand.now = GENESIS - 5 * DAY
    server, _ = served(exchange)
    codes = {path: ask(server, path).status_code for path in PATHS[exchange]}
    assert {code for code in codes.values() if code >= 500} == set(), codes

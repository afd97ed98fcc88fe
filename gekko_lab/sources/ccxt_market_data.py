"""CcxtMarketData: public market data of every exchange that ccxt speaks to, without keys."""

from __future__ import annotations

import hashlib
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

import orjson

from gekko_lab.errors import InvalidType, UnknownSymbol, UnsupportedBySource
from gekko_lab.market.suggest import nearest
from gekko_lab.market.timeframe import MINUTE, SECOND, Timeframe
from gekko_lab.settings import options
from gekko_lab.sources import catalog, market_cache
from gekko_lab.sources.archive_address import find_address
from gekko_lab.sources.capabilities import Capability, capability

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import polars as pl

    from gekko_lab.events.types import MarketEvent
    from gekko_lab.limits.budget import Budget
    from gekko_lab.market.rules import MarketRules
    from gekko_lab.sources.ccxt_client import Client
    from gekko_lab.sources.ccxt_stream import CcxtStream
    from gekko_lab.sources.costs import Cost
    from gekko_lab.sources.downloads import Downloads
    from gekko_lab.sources.live import Alertness, StreamKind, TradeRules
    from gekko_lab.sources.source import Archive, Page, Paging, TradeCursor, TradePage

_CLOCK_S = 600.0
_RELOAD_S = 300.0
_HARMLESS = {"verbose", "timeout", "rateLimit", "enableRateLimit", "session", "userAgent"}


class CcxtMarketData:
    """Public candles and trades of one exchange, by ccxt's id.

    It goes wherever the name of an exchange goes. Nothing is asked of the exchange before the
    first call, and ccxt itself is loaded only then. Every request waits for the budget of its host,
    which all programs of this machine share; `gekko_lab.limits.status()` shows it.

    Parameters
    ----------
    exchange
        One of ccxt's ids, such as "binance" or "kraken".
    config
        ccxt's own constructor settings: urls, proxies, timeout (milliseconds, for the whole
        request), options … No keys are needed. `rateLimit` (milliseconds) asks more slowly than
        the exchange's limits demand; `enableRateLimit=False` takes this source out of all limits.
    archive
        Where old candles and trades lie in files: "auto" is Binance's public archive, for
        `binance` and `binanceusdm` without settings that change the data, and none elsewhere; None
        is none; an address is that of a copy.

    Raises
    ------
    UnknownExchange
        When ccxt has no such exchange.
    InvalidType
        When `config` isn't a mapping.
    InvalidArgument
        When `archive` is no address, or one for an exchange without an archive.

    Examples
    --------
    >>> import gekko_lab
    >>> gekko_lab.CcxtMarketData("binance", config={"timeout": 5000})
    CcxtMarketData('binance')
    >>> gekko_lab.CcxtMarketData("binanse")
    Traceback (most recent call last):
    gekko_lab.errors.UnknownExchange: ccxt has no exchange 'binanse'. Did you mean 'binance'...
    """

    foresees = False
    logged = True

    def __init__(
        self,
        exchange: str,
        *,
        config: Mapping[str, Any] | None = None,
        archive: str | None = "auto",
    ) -> None:
        if config is not None and not hasattr(config, "keys"):
            raise InvalidType(f"config={config!r} is not a mapping of ccxt's settings")
        self.exchange = catalog.known_ccxt_id(exchange)
        self.config = dict(config or {})
        self._archive = archive
        self._address = self._find_address()
        self._downloads: Downloads | None = None
        self._lock = threading.RLock()
        self._made: Client | None = None
        self._clock: tuple[float, float] | None = None  # until when, and the offset, in seconds

    @property
    def identity(self) -> str:
        """The id, and a fingerprint of the settings that may change the data."""
        telling = self._telling
        if not telling:
            return self.exchange
        text = orjson.dumps(
            telling, default=repr, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
        )
        return f"{self.exchange}-{hashlib.blake2b(text, digest_size=5).hexdigest()}"

    def now(self) -> int:
        """Give the exchange's clock, in milliseconds; it is asked once in ten minutes."""
        with self._lock:
            if self._clock is None or time.monotonic() > self._clock[0]:
                self._clock = (time.monotonic() + _CLOCK_S, self._measure_offset())
            return int(time.time() * 1000 + self._clock[1])

    def rules(self) -> Mapping[str, MarketRules]:
        """Give every market by its symbol."""
        from gekko_lab.sources.ccxt_markets import to_rules

        ccxt = self._with_markets().ccxt
        return {
            symbol: to_rules(market, ccxt.precisionMode) for symbol, market in ccxt.markets.items()
        }

    def market(self, symbol: str) -> MarketRules:
        """Give one market, or raise `UnknownSymbol` with the nearest names."""
        from gekko_lab.sources.ccxt_markets import to_rules

        client = self._with_markets()
        return to_rules(self._find(client, symbol), client.ccxt.precisionMode)

    def timeframes(self) -> Sequence[str]:
        """Give the names of the candle widths that are served, shortest first."""
        names = self._client.ccxt.timeframes or {}
        known = [
            name
            for name, code in names.items()
            if Timeframe.understands(name) and _is_so_wide(name, code)
        ]
        return sorted(known, key=lambda name: Timeframe.parse(name).shortest)

    def paging(self, symbol: str, timeframe: Timeframe) -> Paging:
        """Tell how candles of this market are handed out."""
        client = self._with_markets()
        self._check_volume(self._find(client, symbol))
        return self._capability(client).paging(timeframe.unit)

    def candles(
        self, symbol: str, timeframe: Timeframe, since: int, until: int, *, full: bool = False
    ) -> Page:
        """Give the candles that open in [since, until), which holds at most a page of them.

        `full` asks for quote volume and trade count also where they cost more.
        """
        del full  # they come for nothing, or never
        from gekko_lab.sources import binance, ccxt_pages

        client = self._with_markets()
        market = self._find(client, symbol)
        known = self._capability(client)
        if binance.serves(self.exchange, market):
            return binance.candles(client, market, timeframe, (since, until), known.page_size)
        return ccxt_pages.candles(client, market, timeframe, (since, until), known)

    def trades(self, symbol: str, cursor: TradeCursor, until: int) -> TradePage:
        """Give the next page of trades from the cursor on; those from `until` on may be absent."""
        from gekko_lab.sources import ccxt_pages

        del until
        client = self._with_markets()
        market = self._find(client, symbol)
        self._check_volume(market)
        read = _cursor_reader(self.exchange, market)
        if read is not None:
            return read(client, market, cursor)
        return ccxt_pages.trades(client, market, cursor, self._capability(client).trade_page)

    def oldest_trade(self, symbol: str, since: int) -> int | None:
        """Tell from when on trades are served, if that is later than `since`; else None."""
        from gekko_lab.sources import ccxt_pages

        client = self._with_markets()
        market = self._find(client, symbol)
        if _cursor_reader(self.exchange, market) is not None:
            return None  # these serve all trades there ever were
        return ccxt_pages.oldest_trade(client, market, since, self._capability(client).trade_page)

    def order_book_now(self, symbol: str, depth: int) -> pl.DataFrame:
        """Give the book as it is, in the columns of `ORDER_BOOK`."""
        from gekko_lab.sources import ccxt_quotes

        client = self._with_markets()
        market = self._find(client, symbol)
        self._check_volume(market)
        return ccxt_quotes.order_book(client, market, depth, self.now())

    def ticker_now(self, symbol: str) -> pl.DataFrame:
        """Give one row in the columns of `TICKER`."""
        from gekko_lab.sources import ccxt_quotes

        client = self._with_markets()
        market = self._find(client, symbol)
        self._check_volume(market)
        return ccxt_quotes.ticker(client, market, self.now())

    def trade_rules(self, symbol: str) -> TradeRules:
        """Tell how trades are told apart and asked for."""
        from gekko_lab.sources import binance, coinbase
        from gekko_lab.sources.live import TradeRules

        market = self._find(self._with_markets(), symbol)
        if binance.serves(self.exchange, market):
            return TradeRules(counted=True, by_id=True)
        if coinbase.serves(self.exchange, market):
            return TradeRules(by_id=True, inclusive=False)
        return TradeRules()

    def streams(self, kind: StreamKind) -> bool:
        """Tell whether the exchange has a stream of "trade", "order_book" or "ticker"."""
        from gekko_lab.sources.ccxt_stream import has_stream

        return has_stream(self.exchange, kind)

    def open_stream(
        self,
        kind: StreamKind,
        symbols: Sequence[str],
        tell: Callable[[Sequence[MarketEvent]], None],
        *,
        depth: int,
        alertness: Alertness,
    ) -> CcxtStream:
        """Give a stream that isn't connected yet.

        The markets must have been asked for before, as nothing here may block the loop.

        Parameters
        ----------
        kind, symbols, depth
            What to tell of which markets, and how many levels of a book.
        tell
            Is called with the events that came together, in the loop; their sequence is 0.
        alertness
            How soon the loss of a connection is noticed.
        """
        from gekko_lab.sources.ccxt_stream import CcxtStream

        client = self._with_markets()
        for symbol in symbols:
            self._check_volume(self._find(client, symbol))
        return CcxtStream(
            self.exchange,
            self.config,
            markets=list(client.ccxt.markets.values()),
            budget=self._budget(),
            kind=kind,
            symbols=symbols,
            depth=depth,
            tell=tell,
            alertness=alertness,
        )

    def archive(self, symbol: str) -> Archive | None:
        """Give the files with the market's old candles and trades, or None where it has none."""
        if self._address is None:
            return None
        from gekko_lab.sources.binance_archive import find_archive
        from gekko_lab.sources.downloads import Downloads

        market = self._find(self._with_markets(), symbol)
        with self._lock:
            if self._downloads is None:
                self._downloads = Downloads(_proxies(self.config))
                weakref.finalize(self, self._downloads.close)
            return find_archive(self._address, market, self._downloads)

    def cost(self, symbol: str, kind: str) -> Cost:
        """Tell what a page of "candles" or "trades" counts, and what an address may ask for.

        Sources: the limits in `gekko_lab.limits`, ccxt's pace for exchanges that aren't there.
        """
        from gekko_lab.sources.costs import cost_of

        client = self._with_markets()
        market = self._find(client, symbol)
        known = self._capability(client)
        return cost_of(
            self.exchange,
            kind,
            linear=bool(market.get("linear")),
            rows=known.page_size if kind == "candles" else known.trade_page,
            every_ms=float(client.ccxt.rateLimit),
        )

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        with self._lock:
            if self._downloads is not None:
                self._downloads.close()
                self._downloads = None
            if self._made is not None:
                self._made.close()
                self._made = None

    def __repr__(self) -> str:
        settings = ", config={…}" if set(self.config) - _HARMLESS else ""
        if self._archive != "auto":
            settings += f", archive={self._archive!r}"
        return f"{type(self).__name__}({self.exchange!r}{settings})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.exchange, self.config, self._archive)

    @property
    def _telling(self) -> dict[str, Any]:
        """What of the settings may change the data."""
        telling = {name: value for name, value in self.config.items() if name not in _HARMLESS}
        if self._archive not in (None, "auto"):
            telling["archive"] = self._archive
        return telling

    def _find_address(self) -> str | None:
        plain = not self._telling and "session" not in self.config
        return find_address(self._archive, self.exchange, plain=plain)

    @property
    def _client(self) -> Client:
        with self._lock:
            if self._made is None:
                from gekko_lab.sources.ccxt_client import Client

                self._made = Client(self.exchange, self.config, budget=self._budget())
                weakref.finalize(self, self._made.close)
            return self._made

    def _budget(self) -> Budget | None:
        if not self.config.get("enableRateLimit", True):
            return None
        from gekko_lab.limits.budget import Budget

        return Budget(self.exchange, options.state_dir, config=self.config)

    def _with_markets(self, *, newer_than: float | None = None) -> Client:
        with self._lock:
            client = self._client
            if client.ccxt.markets and newer_than is None:
                return client
            version = client.version
            kept = market_cache.read(self.identity, version=version, newer_than=newer_than)
            if kept is not None:
                client.ccxt.set_markets(kept)
            else:
                with client.asking("its markets") as ccxt:
                    ccxt.load_markets(True)
                if client.ccxt.markets:  # none at all is an exchange in trouble, not news for a day
                    market_cache.write(
                        self.identity, list(client.ccxt.markets.values()), version=version
                    )
            return client

    def _find(self, client: Client, symbol: str) -> dict[str, Any]:
        market = client.ccxt.markets.get(symbol)
        if market is None:
            self._with_markets(newer_than=time.time() - _RELOAD_S)
            market = client.ccxt.markets.get(symbol)
        if market is None:
            raise UnknownSymbol(
                f"{self.exchange} has no market {symbol!r} among its {len(client.ccxt.markets)}."
                f"{nearest(symbol, client.ccxt.markets)} gekko_lab.symbols({self.exchange!r}) "
                "lists all"
            )
        return dict(market)

    def _capability(self, client: Client) -> Capability:
        features = client.ccxt.features or {}
        spot = features.get("spot") or {}
        return capability(self.exchange, page_size=(spot.get("fetchOHLCV") or {}).get("limit"))

    def _check_volume(self, market: dict[str, Any]) -> None:
        contract = bool(market.get("contract"))
        unit = capability(self.exchange).contract_volume
        if contract and not (unit == "base" and market.get("linear")):
            raise UnsupportedBySource(
                f"{self.exchange} counts the volume of {market['symbol']} in contracts, and nobody "
                "has made sure what one is worth; candles and trades are counted in base, so ask "
                "for a spot market, or for a linear contract of binance, binanceusdm or bybit"
            )

    def _measure_offset(self) -> float:
        client = self._client
        if not client.ccxt.has.get("fetchTime"):
            return 0.0
        before = time.time() * 1000
        with client.asking("its time") as ccxt:
            theirs = ccxt.fetch_time()
        after = time.time() * 1000
        return 0.0 if theirs is None else float(theirs) - (before + after) / 2


def _cursor_reader(
    exchange: str, market: dict[str, Any]
) -> Callable[[Client, dict[str, Any], TradeCursor], TradePage] | None:
    """Give what reads the trades of this market by a cursor that loses none, where there is one."""
    from gekko_lab.sources import binance, coinbase, kraken

    readers = (
        (binance.serves, binance.trades),
        (coinbase.serves, coinbase.trades),
        (kraken.serves, kraken.trades),
    )
    return next((read for serves, read in readers if serves(exchange, market)), None)


def _proxies(config: Mapping[str, Any]) -> dict[str, str]:
    """Give ccxt's settings of proxies as `requests` takes them."""
    named = {"http": config.get("httpProxy"), "https": config.get("httpsProxy")}
    return {
        **{scheme: proxy for scheme, proxy in named.items() if isinstance(proxy, str)},
        **(config.get("proxies") or {}),
    }


def _rebuild(exchange: str, config: dict[str, Any], archive: str | None) -> CcxtMarketData:
    return CcxtMarketData(exchange, config=config, archive=archive)


def _is_so_wide(name: str, code: object) -> bool:
    """Tell whether an exchange's number of minutes or seconds is what ccxt's name says.

    Kraken's 21,600 minutes are 15 days, which ccxt 4.5.90 calls 2w.
    """
    width = Timeframe.parse(name).milliseconds
    if width is None or not isinstance(code, int):
        return True
    return width in {code * MINUTE, code * SECOND}

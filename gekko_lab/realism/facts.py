"""The table of facts: what is measured, where it should lie, and who found it."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Literal, TypeAlias

Kind = Literal["liquid", "thin"]
Needs = Literal["candles", "trades", "book", "two symbols"]

WEEK = 10_080
"""1m candles of seven days, which most bands are meant for."""

_QUARTER = 129_600  # the variance ratio of a day has a standard error of 0.12 then
_MANY = 10_000  # trades or quotes


@dataclass(frozen=True, slots=True)
class Band:
    """Where a value is accepted; None leaves an end open."""

    low: float | None = None
    high: float | None = None
    within: bool = False
    """Whether the ends themselves are refused."""

    def holds(self, value: float) -> bool:
        """Tell whether the value is accepted, at the two decimals that bands are known to."""
        if self.within:
            return (self.low is None or value > self.low) and (
                self.high is None or value < self.high
            )
        near = round(value, 2)
        return (self.low is None or near >= self.low) and (self.high is None or near <= self.high)


@dataclass(frozen=True, slots=True)
class Fact:
    """One value that real markets agree on.

    Attributes
    ----------
    id : str
        Its place in the table, with a letter where several values share one.
    name : str
        What is measured, with its unit where it has one.
    needs : str
        Of what: candles, trades, book or two symbols.
    liquid, thin : Band or None
        Where it should lie; None where nothing is known for such markets.
    source : str
        The paper.
    least : int
        The fewest 1m candles, trades or quotes that the band is meant for.
    """

    id: str
    name: str
    needs: Needs
    liquid: Band | None
    thin: Band | None
    source: str
    least: int

    def band(self, kind: Kind) -> Band | None:
        """Give where the value should lie in a market of that kind."""
        return self.liquid if kind == "liquid" else self.thin


@dataclass(frozen=True, slots=True)
class Measured:
    """A value, or why there is none.

    Attributes
    ----------
    value : float or None
        None where it can't be computed.
    note : str
        Why not.
    absent : bool
        Whether there is no value because what it describes isn't there: that fails.
    """

    value: float | None
    note: str = ""
    absent: bool = False


Measurements: TypeAlias = "dict[str, Measured]"


def measured(value: float, otherwise: str) -> Measured:
    """Give a value, or `otherwise` where it isn't a number."""
    if isfinite(value):
        return Measured(float(value))
    return Measured(None, otherwise)


_CONT = (
    "Cont 2001, Empirical properties of asset returns: stylized facts and statistical issues, "
    "Quantitative Finance 1"
)
_CUBIC = (
    "Gopikrishnan, Meyer, Amaral, Stanley 1998, Inverse cubic law for the distribution of stock "
    "price variations, European Physical Journal B 3"
)
_SHARES = (
    "Gopikrishnan, Plerou, Gabaix, Stanley 2000, Statistical properties of share volume traded in "
    "financial markets, Physical Review E 62"
)
_BITCOIN = "Takaishi 2018, Statistical properties and multifractality of Bitcoin, Physica A 506"
_INTRADAY = (
    "Tang, Arias-Calluari, Najafi, Harré, Alonso-Marroquin 2024, Stylized facts of high-frequency "
    "Bitcoin time series, arXiv 2402.11930"
)
_BOOKS = (
    "Schnaubelt, Rende, Krauss 2019, Testing stylized facts of Bitcoin limit order books, Journal "
    "of Risk and Financial Management 12"
)
_BOUNCE = (
    "Roll 1984, A simple implicit measure of the effective bid-ask spread in an efficient market, "
    "Journal of Finance 39"
)
_RATIO = (
    "Lo, MacKinlay 1988, Stock market prices do not follow random walks: evidence from a simple "
    "specification test, Review of Financial Studies 1"
)
_SEASON = (
    "Andersen, Bollerslev 1997, Intraday periodicity and volatility persistence in financial "
    "markets, Journal of Empirical Finance 4"
)
_EXTREMES = (
    "Parkinson 1980, The extreme value method for estimating the variance of the rate of return, "
    "Journal of Business 53"
)
_LEVERAGE = (
    "Bouchaud, Matacz, Potters 2001, Leverage effect in financial markets: the retarded volatility "
    "model, Physical Review Letters 87"
)
_SIGNS = (
    "Lillo, Farmer 2004, The long memory of the efficient market, Studies in Nonlinear Dynamics & "
    "Econometrics 8"
)
_SPLITTING = (
    "Lillo, Mike, Farmer 2005, Theory for long memory in supply and demand, Physical Review E 71"
)
_RESPONSE = (
    "Bouchaud, Gefen, Potters, Wyart 2004, Fluctuations and response in financial markets: the "
    "subtle nature of 'random' price changes, Quantitative Finance 4"
)
_DURATION = (
    "Engle, Russell 1998, Autoregressive conditional duration: a new model for irregularly spaced "
    "transaction data, Econometrica 66"
)
_IMPACT = (
    "Cont, Kukanov, Stoikov 2014, The price impact of order book events, Journal of Financial "
    "Econometrics 12"
)
_COUNT = (
    "Jones, Kaul, Lipson 1994, Transactions, volume, and volatility, Review of Financial Studies 7"
)
_QUEUES = (
    "Gould, Bonart 2015, Queue imbalance as a one-tick-ahead price predictor in a limit order "
    "book, arXiv 1512.03492"
)
_COMOVEMENT = (
    "Epps 1979, Comovements in stock prices in the very short run, Journal of the American "
    "Statistical Association 74"
)
_REAL = (
    "Vyetrenko et al. 2020, Get real: realism metrics for robust limit order book market "
    "simulations, ACM International Conference on AI in Finance"
)
_ARITHMETIC = "arithmetic: a candle is the trades of its time"


def _candles(
    id_: str, name: str, source: str, band: Band, *, thin: Band | None = None, least: int = WEEK
) -> Fact:
    return Fact(id_, name, "candles", band, thin or band, source, least)


def _trades(id_: str, name: str, source: str, band: Band, *, thin: Band | None = None) -> Fact:
    return Fact(id_, name, "trades", band, thin or band, source, _MANY)


def _book(id_: str, name: str, source: str, band: Band) -> Fact:
    return Fact(id_, name, "book", band, band, source, _MANY)


def _fano(id_: str, seconds: int, band: Band) -> Fact:
    name = f"Fano factor of fills in {seconds} s"
    return Fact(id_, name, "trades", None, band, _DURATION, _MANY)


_SMALL, _WHITE = Band(-0.05, 0.05), Band(0.85, 1.15)
_SLOW = Band(0.45, 1.0)

FACTS = (
    _candles("1", "excess kurtosis of 1m returns", _BITCOIN, Band(5.0, 100.0)),
    _candles("2a", "kurtosis of 60m over that of 1m returns", _CONT, Band(None, 0.7)),
    _candles("2b", "excess kurtosis of 60m returns", _CONT, Band(0.5, None, within=True)),
    _candles("3", "Hill index of abs. returns, top 5 %", _CUBIC, Band(2.0, 5.5)),
    _candles("4", "autocorrelation of returns, lag 1", _BOUNCE, _SMALL, thin=Band(-0.30, 0.0)),
    _candles("5", "largest autocorrelation of returns, lags 2-30", _CONT, Band(None, 0.06)),
    _candles("6a", "autocorrelation of abs. returns, lag 1", _CONT, Band(0.20, 0.40)),
    _candles("6b", "autocorrelation of abs. returns, lag 10", _CONT, Band(0.12, 0.28)),
    _candles("6c", "autocorrelation of abs. returns, lag 60", _CONT, Band(0.08, 0.22)),
    _candles("7", "autocorrelation of abs. returns, lag 60 over lag 1", _CONT, Band(0.2, 0.75)),
    _candles("8", "its power-law exponent, lags 5-1000, season removed", _INTRADAY, Band(0.2, 0.6)),
    _candles("9a", "Hurst exponent of abs. returns", _BITCOIN, Band(0.70, 0.95)),
    _candles("9b", "Hurst exponent of returns", _BITCOIN, Band(0.42, 0.56)),
    _candles("10a", "variance ratio, 5m", _RATIO, _WHITE, thin=_SLOW),
    _candles("10b", "variance ratio, 60m", _RATIO, _WHITE, thin=_SLOW),
    _candles("10c", "variance ratio, 1440m", _RATIO, _WHITE, thin=_SLOW, least=_QUARTER),
    _candles("11a", "rank correlation of volume and abs. return", _SHARES, Band(0.15, 0.65)),
    _candles("11b", "rank correlation of volume and range", _SHARES, Band(0.45, 0.90)),
    _candles("12a", "standard deviation of log volume", _SHARES, Band(0.75, 2.3)),
    _candles("12b", "autocorrelation of log volume, lag 1", _SHARES, Band(0.2, 0.75)),
    _candles("12c", "autocorrelation of log volume, lag 60", _SHARES, Band(0.04, 0.5)),
    _candles("13", "Hill index of volume, top 5 %", _SHARES, Band(1.2, 3.0)),
    _candles("14a", "abs. return of the busiest over the quietest hour", _SEASON, Band(1.3, 2.5)),
    _candles("14b", "volume of the busiest over the quietest hour", _SEASON, Band(1.8, 6.0)),
    _candles("15", "mean range over mean abs(close - open)", _EXTREMES, Band(1.3, 2.5)),
    _candles("16", "Parkinson over open-to-close volatility", _EXTREMES, Band(0.78, 1.2)),
    _candles("17", "leverage: mean corr(r(t), abs r(t+k)), k 1-30", _LEVERAGE, Band(-0.03, 0.03)),
    _candles(
        "18", "share of candles that open at the last close", _BOOKS, Band(0.0, 1.0, within=True)
    ),
    _trades("19a", "autocorrelation of signs per fill, lag 1", _SIGNS, Band(0.5, 0.87)),
    _trades("19b", "its power-law exponent, lags 1-100", _SPLITTING, Band(0.4, 0.8)),
    _trades("20a", "autocorrelation of signs per order, lag 1", _SIGNS, Band(0.2, 0.65)),
    _trades("20b", "autocorrelation of signs per order, lag 10", _SIGNS, Band(0.09, 0.32)),
    _trades("20c", "autocorrelation of signs per order, lag 100", _SIGNS, Band(0.0, 0.14)),
    _trades("21a", "fills per order", _BOOKS, Band(1.2, 4.0)),
    _trades("21b", "share of zero gaps between fills", _BOOKS, Band(0.2, 0.76)),
    _trades("22a", "coefficient of variation of order gaps", _DURATION, Band(1.4, 4.0)),
    _trades("22b", "autocorrelation of log order gaps, lag 1", _DURATION, Band(0.28, 0.55)),
    _fano("23a", 1, Band(3.0, 8.0)),
    _fano("23b", 10, Band(7.0, 15.0)),
    _fano("23c", 60, Band(15.0, 40.0)),
    _trades("24a", "standard deviation of log size", _BOOKS, Band(1.7, 2.7)),
    _trades("24b", "Hill index of size, top 1 %", _SHARES, Band(1.3, 3.5)),
    _trades("24c", "99th percentile of size over median", _BOOKS, Band(50.0, 550.0)),
    _trades("25a", "share of fills that leave the price as it was", _RESPONSE, Band(0.3, 0.7)),
    _trades("25b", "share of orders that leave the price as it was", _RESPONSE, Band(0.35, 0.55)),
    _trades(
        "26",
        "autocorrelation of fill price changes, lag 1",
        _BOUNCE,
        Band(-0.15, 0.2),
        thin=Band(-0.4, -0.15),
    ),
    _trades("27a", "corr(signed volume, return) a minute", _IMPACT, Band(0.2, None)),
    _trades("27b", "corr(count, abs. return) a minute", _COUNT, Band(0.3, 0.8)),
    _trades("28a", "response after 10 orders over that after 1", _RESPONSE, Band(0.8, 5.0)),
    _trades("28b", "response after 1 order, bps", _RESPONSE, Band(0.0, None, within=True)),
    _book("29a", "median spread, ticks (large tick)", _REAL, Band(1.0, 1.0)),
    _book("29b", "share of quotes one tick wide (large tick)", _REAL, Band(0.85, 0.97)),
    _book("30", "corr(imbalance, sign of the next move of the mid)", _QUEUES, Band(0.35, 0.7)),
    Fact(
        "32",
        "correlation of 1m returns of two symbols",
        "two symbols",
        Band(0.5, 0.9),
        Band(0.5, 0.9),
        _COMOVEMENT,
        WEEK,
    ),
    Fact(
        "33",
        "candles that the trades don't add up to",
        "trades",
        Band(0.0, 0.0),
        Band(0.0, 0.0),
        _ARITHMETIC,
        0,
    ),
)
"""In the order of the report."""

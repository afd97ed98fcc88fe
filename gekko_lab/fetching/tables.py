"""What an exchange offers, as tables."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import polars as pl

from gekko_lab.fetching.asking import ask
from gekko_lab.frames.convert import to_frame
from gekko_lab.frames.schemas import SYMBOLS, TIMEFRAMES
from gekko_lab.market.timeframe import Timeframe
from gekko_lab.settings import reads_as
from gekko_lab.sources import registry

if TYPE_CHECKING:
    from gekko_lab.settings import FrameKind
    from gekko_lab.sources.source import Source


def symbols(exchange: str | Source, *, frame: FrameKind | None = None) -> Any:  # noqa: ANN401
    """Give the markets of an exchange and their rules.

    Parameters
    ----------
    exchange
        A name from `exchanges()`, or a source.
    frame
        "polars" or "pandas"; by default `options.frame`.

    Returns
    -------
    polars.DataFrame or pandas.DataFrame
        symbol, market_id (the exchange's own name), base, quote, settle (contracts only), type,
        active, tick_size (quote per base), step_size and min_amount (base), min_cost (quote),
        maker and taker (fractions); null where the exchange doesn't tell; sorted by symbol.

    Raises
    ------
    UnknownExchange
        When nothing has that name.
    SourceError
        When the exchange didn't answer.

    Examples
    --------
    >>> import gekko_lab
    >>> gekko_lab.symbols("simulator").filter(symbol="BTC/USDT")["base"].item()
    'BTC'
    """
    kind = reads_as("frame", frame)
    source = registry.find_source(exchange)
    rows = [asdict(rules) for rules in ask(source.rules).values()]
    return to_frame(pl.DataFrame(rows, schema=SYMBOLS).sort("symbol"), kind)


def timeframes(exchange: str | Source, *, frame: FrameKind | None = None) -> Any:  # noqa: ANN401
    """Give the candle widths that an exchange serves.

    Parameters
    ----------
    exchange
        A name from `exchanges()`, or a source.
    frame
        "polars" or "pandas"; by default `options.frame`.

    Returns
    -------
    polars.DataFrame or pandas.DataFrame
        timeframe and seconds (null for calendar months and years), shortest first.

    Raises
    ------
    UnknownExchange
        When nothing has that name.

    Examples
    --------
    >>> import gekko_lab
    >>> gekko_lab.timeframes("simulator").filter(timeframe="4h")["seconds"].item()
    14400
    """
    kind = reads_as("frame", frame)
    source = registry.find_source(exchange)
    names = ask(source.timeframes)
    widths = [Timeframe.parse(name).milliseconds for name in names]
    rows = {
        "timeframe": list(names),
        "seconds": [None if width is None else width // 1000 for width in widths],
    }
    return to_frame(pl.DataFrame(rows, schema=TIMEFRAMES), kind)


def exchanges(*, frame: FrameKind | None = None) -> Any:  # noqa: ANN401
    """Give the exchanges that can be asked, by the names that `fetch` understands.

    Parameters
    ----------
    frame
        "polars" or "pandas"; by default `options.frame`.

    Returns
    -------
    polars.DataFrame or pandas.DataFrame
        exchange, name, kind ("simulated", "live" or "plugin"), candles, trades (whether it serves
        them; null where only the plugin knows), paging ("exact" where the exchange's page rules
        are known, "generic" where answers are only checked); the simulator first, then plugins.

    Examples
    --------
    >>> import gekko_lab
    >>> gekko_lab.exchanges().row(0)
    ('simulator', 'Gekko Lab simulator', 'simulated', True, True, 'exact')
    """
    return to_frame(registry.exchanges(), reads_as("frame", frame))

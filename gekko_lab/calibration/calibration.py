"""`calibrate`: a simulated market that resembles a recorded one, and how closely."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from gekko_lab.calibration import markets, moments
from gekko_lab.calibration.fitting import Fitted, Sample, fit
from gekko_lab.calibration.knobs import seen_rate
from gekko_lab.calibration.recording import read
from gekko_lab.errors import DataError, InvalidType
from gekko_lab.simulation import presets
from gekko_lab.sources.exchange_simulator import ExchangeSimulator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gekko_lab.calibration.markets import Site
    from gekko_lab.calibration.moments import Moment, Values
    from gekko_lab.calibration.recording import Recorded
    from gekko_lab.simulation.presets import Preset

    Row = tuple[object, ...]

REPORT = pl.Schema(
    {
        "moment": pl.String,
        "recorded": pl.Float64,
        "simulated": pl.Float64,
        "ratio": pl.Float64,
        "error": pl.Float64,
        "close": pl.Boolean,
        "note": pl.String,
    }
)

_NEAR = 0.01  # ratios that are as good as one, however well they are known
_THIN = 20.0  # trades a minute below which a market begins as a thin one


@dataclass(frozen=True, eq=False)
class Calibration:
    """A simulated market fitted to recorded candles.

    Attributes
    ----------
    symbol : str
        Its market.
    preset : str or None
        What it began with.
    parameters : dict
        What was changed of the preset: `ExchangeSimulator(preset, **parameters)` is the simulator.
    simulator : ExchangeSimulator
        For `fetch`, `fetch_trades`, `fetch_order_book`.
    report : polars.DataFrame
        How close it comes, a row a moment; see `calibrate`.
    """

    symbol: str
    preset: Preset | None
    parameters: Mapping[str, Any]
    simulator: ExchangeSimulator
    report: pl.DataFrame

    def __repr__(self) -> str:
        numbers = {k: v for k, v in self.parameters.items() if k not in ("seed", "currencies")}
        chosen = ", ".join(f"{name}={value:g}" for name, value in numbers.items())
        judged = self.report.drop_nulls("close")
        close = f"{judged['close'].sum()} of {len(judged)} moments are close"
        missed = judged.filter(~pl.col("close"))["moment"].to_list()
        rest = f"; not: {'; '.join(missed)}" if missed else ""
        return f"<Calibration of {self.symbol}: {self.preset!r} with {chosen}; {close}{rest}>"


def calibrate(
    candles: object,
    *,
    symbol: str | None = None,
    preset: Preset | None = None,
    trades: object = None,
    seed: int = 0,
) -> Calibration:
    """Fit the simulator to recorded candles, and say how close it comes.

    Volatility, trades a minute, their value, the spread, the first price and its tick are fitted
    in any case; the day's rhythm and the bursts of volatility only where what was recorded can't
    be chance at the preset's. What is fitted is the mean of several simulated markets over the
    recorded time: each of them, like the recorded one, has its calm and wild weeks.

    Parameters
    ----------
    candles : polars or pandas frame
        Two days of candles and 500 of them at the least, of 1m or of other minutes that divide an
        hour; longer ones say less of the spread and of how much is traded. Of more than 90 days
        the last 90 count. Candles missing for up to an hour count as without trades.
    symbol
        What the market is called, such as "XRP/ETH"; "BASE/QUOTE" by default.
    preset
        What to begin with, by name; by default "thin" or "liquid", as the candles show.
    trades : polars or pandas frame, optional
        Public trades of the same market, for their number. Without them it is that of a column
        `trade_count`, and else follows from the share of minutes without trades or, without such
        minutes, from how far prices range in a candle.
    seed
        Of the simulated market.

    Returns
    -------
    Calibration
        With `simulator`, `parameters`, `preset`, `symbol` and `report`, a polars frame:

        ========= ======= ====================================================================
        moment    String  what is measured, on candles of the recorded width
        recorded  Float64 null where the candles don't tell
        simulated Float64 mean over eight seeds, the geometric one where there is a ratio
        ratio     Float64 simulated over recorded, for positive measures; else null
        error     Float64 standard deviation from seed to seed: what chance alone makes of it
        close     Boolean whether a market like these shows such a value in 19 of 20 cases
        note      String  which parameter is fitted by it, and what stands in the way
        ========= ======= ====================================================================

    Raises
    ------
    DataError
        When the candles aren't sound or too few; says what is needed.
    InvalidArgument
        When their width, their time or an argument can't be used.

    References
    ----------
    Duffie and Singleton 1993, Simulated moments estimation of Markov models of asset prices,
    Econometrica 61.

    Examples
    --------
    >>> import gekko_lab
    >>> source = gekko_lab.ExchangeSimulator("thin", seed=4, annual_volatility=1.4)
    >>> candles = gekko_lab.fetch(source, "LTC/EUR", "1m", since="2024-01-01", limit=2880)
    >>> found = gekko_lab.calibrate(candles, symbol="LTC/EUR")
    >>> (
    ...     found.preset,
    ...     found.report.filter(pl.col("moment").str.starts_with("volatility"))["close"].all(),
    ... )
    ('thin', True)
    >>> gekko_lab.fetch(found.simulator, "LTC/EUR", "1m", limit=3, until="2024-02-01").height
    3
    """
    base, quote = markets.codes(symbol)
    number = _read_seed(seed)
    presets.choose(preset, {"seed": number})
    recorded = read(candles, trades)
    values = moments.measure(recorded.table, recorded.width.shortest)
    if not values["usual"] > 0:
        raise DataError("the prices hardly move, so that there is no volatility to fit")
    site = markets.Site(base, quote, recorded, _chosen(preset, values, recorded))
    fitted = fit(site, values, number)
    parameters = site.settings(fitted.numbers, number)
    simulator = ExchangeSimulator(site.preset, **parameters)
    rows = [*_placed(site, simulator), *_compared(fitted, values, number)]
    return Calibration(
        symbol=site.symbol,
        preset=site.preset,
        parameters=parameters,
        simulator=simulator,
        report=pl.DataFrame(rows, schema=REPORT, orient="row"),
    )


def _read_seed(seed: object) -> int:
    if isinstance(seed, bool) or not hasattr(seed, "__index__"):
        raise InvalidType(
            f"seed={seed!r} is a {type(seed).__name__}; give a whole number such as 7"
        )
    return operator.index(seed)


def _chosen(preset: Preset | None, values: Values, recorded: Recorded) -> Preset:
    if preset is not None:
        return preset
    rate = seen_rate(values, recorded.width.shortest / 60_000)
    return "thin" if rate < _THIN else "liquid"


def _placed(site: Site, simulator: ExchangeSimulator) -> Iterator[Row]:
    """Tell of the simulator's own price and tick, which are the same whatever the seed."""
    price, tick = site.price_of(simulator), simulator.market(site.symbol).tick_size or np.nan
    recorded = np.nan if site.recorded.tick is None else 10.0**-site.recorded.tick
    for name, simulated, wanted, note in (
        ("first price", price, site.price, "fitted by currencies"),
        ("tick size", tick, recorded, "fitted by price_steps"),
    ):
        if not np.isfinite(wanted):
            yield (name, None, simulated, None, None, None, "the candles don't tell")
            continue
        close = bool(abs(np.log(simulated / wanted)) < _NEAR)
        end = "" if close else ", which can't do more: another seed or quote may"
        yield (name, wanted, simulated, simulated / wanted, None, close, note + end)


def _compared(fitted: Fitted, recorded: Values, seed: int) -> Iterator[Row]:
    samples = fitted.samples(seed)
    for each in moments.MOMENTS:
        note = fitted.notes.get(each.id, "")
        yield _row(each, recorded[each.id], samples[each.id], note)


def _row(moment: Moment, recorded: float, values: list[float], note: str) -> Row:
    read = np.log if moment.scale else np.asarray
    sample, level = Sample.of(list(read(np.array(values)))), float(read(recorded))
    if not np.isfinite(level):
        note = note or "the candles don't tell"
    if not moment.scale:
        close = sample.agrees(level) if np.isfinite(sample.mean - level) else None
        return (
            *(moment.name, _known(recorded), _known(sample.mean), None, _known(sample.error)),
            *(close, note),
        )
    middle = float(np.exp(sample.mean))
    ratio = middle / recorded
    close = sample.agrees(level) or abs(sample.mean - level) < _NEAR
    return (
        *(moment.name, _known(recorded), _known(middle), _known(ratio)),
        *(_known(middle * sample.error), close if np.isfinite(ratio) else None, note),
    )


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None

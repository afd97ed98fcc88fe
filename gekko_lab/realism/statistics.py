"""Estimators for series with holes: NaN is a hole, and nothing is estimated across one.

All give NaN where a series is too short or never changes.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]

_BLOCK = 1 << 16  # transforms of two blocks stay in cache
_WINDOW = 16  # the shortest of detrended fluctuation analysis
_WINDOWS = 24
_BINS_A_DECADE = 6


def known(*series: Numbers) -> tuple[Numbers, ...]:
    """Give the places where none of the series has a hole."""
    kept = np.logical_and.reduce([np.isfinite(each) for each in series])
    return tuple(each[kept] for each in series)


def mean(values: Numbers) -> float:
    """Give the mean of what is known."""
    (kept,) = known(values)
    return float(kept.mean()) if kept.size else np.nan


def ratio(above: float, below: float) -> float:
    """Give a quotient, NaN where there is none."""
    return above / below if below else np.nan


def excess_kurtosis(values: Numbers) -> float:
    r"""Give how much heavier than normal the tails are.

    .. math:: \frac{\frac1n \sum (x-\bar x)^4}{(\frac1n \sum (x-\bar x)^2)^2} - 3
    """
    (kept,) = known(values)
    if kept.size < 4 or np.ptp(kept) == 0:  # noqa: PLR2004 (a fourth moment of less says nothing)
        return np.nan
    squares = (kept - kept.mean()) ** 2
    return float((squares * squares).mean() / squares.mean() ** 2) - 3.0


def hill(values: Numbers, share: float) -> float:
    r"""Give the tail index of the largest values.

    With the k largest of n, k = share · n, and x₍₁₎ the largest:

    .. math:: \hat\alpha = k \Big/ \sum_{i=1}^{k} \ln \frac{x_{(i)}}{x_{(k+1)}}

    References
    ----------
    Hill 1975, A simple general approach to inference about the tail of a distribution, Annals of
    Statistics 3.
    """
    (kept,) = known(values)
    count = int(share * kept.size)
    if count < 10:  # noqa: PLR2004 (a relative error of a third)
        return np.nan
    largest = np.partition(kept, kept.size - count - 1)[-count - 1 :]
    threshold, tail = largest[0], largest[1:]
    if threshold <= 0:
        return np.nan
    return ratio(count, float(np.log(tail / threshold).sum()))


def lagged_products(first: Numbers, second: Numbers, most: int) -> Numbers:
    """Give the sums of first[t] · second[t + k] over all t, for k from 0 to `most`.

    By transforms of blocks, so that millions of rows and a thousand lags take no memory and less
    than a second.
    """
    sums = np.zeros(most + 1)
    size = 1 << (min(first.size, _BLOCK) + most).bit_length()
    for start in range(0, first.size, _BLOCK):
        block = np.fft.rfft(first[start : start + _BLOCK], size)
        ahead = np.fft.rfft(second[start : start + _BLOCK + most], size)
        sums += np.fft.irfft(block.conj() * ahead, size)[: most + 1]
    return sums


def autocorrelation(values: Numbers, most: int) -> Numbers:
    r"""Give the autocorrelation at lags 0 to `most`, of the pairs without a hole.

    .. math:: \rho(k) = \frac{\frac1{n_k} \sum (x_t - \bar x)(x_{t+k} - \bar x)}
                             {\frac1n \sum (x_t - \bar x)^2}
    """
    return lagged_correlation(values, values, most)


def lagged_correlation(first: Numbers, second: Numbers, most: int) -> Numbers:
    """Give the correlation of first[t] with second[t + k], for k from 0 to `most`."""
    left, right = _centered(first), _centered(second)
    spread = np.sqrt(_variance(left) * _variance(right))
    if not spread > 0:
        return np.full(most + 1, np.nan)
    pairs = _pairs(left, right, most)
    sums = lagged_products(np.nan_to_num(left), np.nan_to_num(right), most)
    enough = pairs > most // 100 + 2
    correlations: Numbers = np.where(enough, sums / np.maximum(pairs, 1), np.nan) / spread
    return correlations


def _centered(values: Numbers) -> Numbers:
    return values - mean(values)


def _variance(centered: Numbers) -> float:
    return mean(centered * centered)


def _pairs(first: Numbers, second: Numbers, most: int) -> Numbers:
    lengths: Numbers = np.maximum(first.size - np.arange(most + 1.0), 0)
    left, right = np.isfinite(first), np.isfinite(second)
    if left.all() and right.all():
        return lengths
    counts: Numbers = np.rint(lagged_products(left.astype(float), right.astype(float), most))
    return counts


def correlation(first: Numbers, second: Numbers) -> float:
    """Give Pearson's correlation."""
    left, right = known(first, second)
    if left.size < 3 or np.ptp(left) == 0 or np.ptp(right) == 0:  # noqa: PLR2004 (two always agree)
        return np.nan
    left, right = left - left.mean(), right - right.mean()
    return float(left @ right / np.sqrt((left @ left) * (right @ right)))


def rank_correlation(first: Numbers, second: Numbers) -> float:
    """Give Spearman's correlation: that of the ranks, equal values sharing theirs."""
    left, right = known(first, second)
    return correlation(ranks(left), ranks(right))


def ranks(values: Numbers) -> Numbers:
    """Give each value's rank from 0 on; equal values share the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(count) - (count + 1) / 2.0)[place]


def slope(x: Numbers, y: Numbers) -> float:
    """Give the slope of the least-squares line."""
    if x.size < 2 or np.ptp(x) == 0:  # noqa: PLR2004
        return np.nan
    # Plain sums: a dot product rounds in another way from one processor to the next.
    n, x, y = x.size, x - x[0], y - y[0]
    return float((n * (x * y).sum() - x.sum() * y.sum()) / (n * (x * x).sum() - x.sum() ** 2))


def binned(correlations: Numbers, first: int, last: int) -> tuple[Numbers, Numbers]:
    """Give lags and correlations, averaged over equal steps of log lag.

    The averages are taken before any logarithm, so that noise doesn't lift them.
    """
    last = min(last, correlations.size - 1)
    if last <= first:
        return np.empty(0), np.empty(0)
    count = max(2, round(_BINS_A_DECADE * np.log10(last / first)))
    edges = np.unique(np.rint(np.geomspace(first, last + 1, count + 1)).astype(int))
    lags = [np.arange(low, high) for low, high in pairwise(edges)]
    centers = np.array([np.exp(np.log(each).mean()) for each in lags])
    return centers, np.array([correlations[each].mean() for each in lags])


def decay_exponent(correlations: Numbers, first: int, last: int, least: float = 0.0) -> float:
    r"""Give the exponent of :math:`\rho(k) \sim k^{-\gamma}`, by least squares in log-log.

    Only the lags before the first that falls to `least` count; they must span a factor of four.

    Parameters
    ----------
    correlations
        At lags 0, 1, 2 …
    first, last
        The lags to fit.
    least
        Where noise begins.
    """
    lags, levels = binned(correlations, first, last)
    low = np.flatnonzero(~(levels > least))
    end = int(low[0]) if low.size else lags.size
    if end < 3 or lags[end - 1] < 4 * first:  # noqa: PLR2004 (said above)
        return np.nan
    return -slope(np.log(lags[:end]), np.log(levels[:end]))


def fluctuation_exponent(values: Numbers) -> float:
    r"""Give the Hurst exponent by detrended fluctuation analysis of first order.

    The sum :math:`y_t = \sum_{s \le t} (x_s - \bar x)` is cut into windows of n, from both ends; F²
    is what a line in each leaves, on average; H is the slope of ln F on ln n, for n from 16 to an
    eighth of the series. Holes are closed up.

    References
    ----------
    Peng et al. 1994, Mosaic organization of DNA nucleotides, Physical Review E 49.
    """
    (kept,) = known(values)
    longest = kept.size // 8
    if longest < 2 * _WINDOW or np.ptp(kept) == 0:
        return np.nan
    profile = np.cumsum(kept - kept.mean())
    widths = np.unique(np.rint(np.geomspace(_WINDOW, longest, _WINDOWS)).astype(int))
    fluctuations = np.array([_fluctuation(profile, int(width)) for width in widths])
    if not (fluctuations > 0).all():
        return np.nan
    return slope(np.log(widths), np.log(fluctuations) / 2.0)


def _fluctuation(profile: Numbers, width: int) -> float:
    count = profile.size // width
    both = np.concatenate([profile[: count * width], profile[-count * width :]])
    windows = both.reshape(-1, width)
    windows = windows - windows.mean(axis=1, keepdims=True)
    time = np.arange(width) - (width - 1) / 2.0
    explained = (windows @ time) ** 2 / (time @ time)
    return float((np.einsum("ij,ij->i", windows, windows) - explained).mean() / width)


def variance_ratio(log_prices: Numbers, steps: int) -> float:
    r"""Give the variance of the change over `steps`, a step, over that of one step.

    Overlapping changes; 1 for a random walk. The last factor undoes the bias of a finite sample.

    .. math:: VR(q) = \frac{\mathrm{mean}\,(x_{t+q} - x_t - q\mu)^2}
                           {q\;\mathrm{mean}\,(x_{t+1} - x_t - \mu)^2} \cdot \frac1{1 - q/n}

    References
    ----------
    Lo and MacKinlay 1988, Stock market prices do not follow random walks: evidence from a simple
    specification test, Review of Financial Studies 1.
    """
    single = _changes(log_prices, 1)
    several = _changes(log_prices, steps)
    if several.size <= steps or np.ptp(single) == 0:
        return np.nan
    drift = single.mean()
    above = ((several - steps * drift) ** 2).mean() / (1.0 - steps / log_prices.size)
    return float(above / (steps * ((single - drift) ** 2).mean()))


def _changes(values: Numbers, steps: int) -> Numbers:
    (kept,) = known(values[steps:] - values[:-steps] if values.size > steps else values[:0])
    return kept


def fano_factor(times: NDArray[np.int64], width: int) -> float:
    """Give variance over mean of the number of events in windows of `width`; 1 if independent."""
    if times.size == 0:
        return np.nan
    windows = (times - times[0]) // width
    count = int(windows[-1])  # the last window may be cut
    inside = windows[windows < count]
    if count < 100 or inside.size == 0:  # noqa: PLR2004 (a variance needs some)
        return np.nan
    starts = np.flatnonzero(np.diff(inside, prepend=-1))
    events = np.diff(starts, append=inside.size).astype(float)
    average = inside.size / count
    return float((events @ events / count - average**2) / average)

"""Facts of volume: what 1m candles say of how much is traded when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.realism import statistics
from gekko_lab.realism.facts import Measurements, measured
from gekko_lab.realism.returns import busiest_over_quietest

if TYPE_CHECKING:
    from gekko_lab.realism.returns import Grid

_FEW = "too few candles with trades, or volumes that don't change"


def measure(grid: Grid) -> Measurements:
    """Measure facts 11 to 13 and 14b, on candles with trades."""
    logs = np.log(grid.volume)
    memory = statistics.autocorrelation(logs, 60)
    (kept,) = statistics.known(logs)
    ranked = statistics.rank_correlation
    return {
        "11a": measured(ranked(grid.volume, np.abs(grid.change)), _FEW),
        "11b": measured(ranked(grid.volume, grid.range), _FEW),
        "12a": measured(float(kept.std()) if kept.size > 1 else np.nan, _FEW),
        "12b": measured(memory[1], _FEW),
        "12c": measured(memory[60], _FEW),
        "13": measured(statistics.hill(grid.volume, 0.05), _FEW),
        "14b": measured(busiest_over_quietest(grid.hour, grid.volume), _FEW),
    }

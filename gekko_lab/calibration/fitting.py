"""Turning the numbers of a simulated market until its moments are the recorded ones.

The method of simulated moments [1]_, one moment a number: each round simulates the recorded time
with the same few seeds, and each number takes a secant step towards its moment. Because the seeds
stay, the moments change smoothly with the numbers.

References
----------
.. [1] Duffie and Singleton 1993, Simulated moments estimation of Markov models of asset prices,
   Econometrica 61.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from gekko_lab.calibration import moments
from gekko_lab.calibration.knobs import Knob, knobs
from gekko_lab.simulation import keyed

if TYPE_CHECKING:
    from gekko_lab.calibration.markets import Site
    from gekko_lab.calibration.moments import Values

SEEDS = 8
_SURE = 2.4  # Student's t of 95 percent with seven degrees of freedom, as from eight seeds
_ROUNDS = 8
_SETTLED = 0.1  # of a sampling error
_NOTHING = 1e-3  # of what a step should change
_STEEPER = 4.0  # than usual, or flatter, is taken for noise


@dataclass(frozen=True, slots=True)
class Sample:
    """A moment over seeds: its mean, and the standard deviation of one seed's."""

    mean: float
    error: float

    @classmethod
    def of(cls, values: list[float]) -> Sample:
        """Sum up what seeds gave; NaN where one gave nothing."""
        return cls(float(np.mean(values)), float(np.std(values, ddof=1)))

    def agrees(self, value: float) -> bool:
        """Tell whether a market like these may well show such a value."""
        return bool(abs(value - self.mean) <= _SURE * self.error * (1.0 + 1.0 / SEEDS) ** 0.5)


@dataclass(slots=True)
class _Turn:
    """A knob's place, and where it was before."""

    knob: Knob
    place: float
    moves: bool
    stuck: bool = False
    places: list[float] = field(default_factory=list)
    levels: list[float] = field(default_factory=list)

    def look(self, sample: Sample, *, late: bool) -> bool:
        """Take a step towards the recorded level where that helps; tell whether it was needed."""
        aim = self.knob.level
        self.places.append(self.place)
        self.levels.append(sample.mean)
        if not np.isfinite(aim - sample.mean):
            return False
        if late and not self.moves:
            self.moves = not sample.agrees(aim)
        if self._is_stuck():
            self.place, self.stuck = self.places[-2], True
        if self.stuck or not self.moves or abs(aim - sample.mean) <= _SETTLED * sample.error:
            return False
        step = (aim - sample.mean) / self._slope()
        low, high = self.knob.range
        step = min(max(step, -self.knob.most), self.knob.most)
        self.place = min(max(self.place + step, low), high)
        return self.place != self.places[-1]

    @property
    def note(self) -> str:
        """What became of the knob."""
        if not np.isfinite(self.knob.level):
            return f"the candles don't tell: {self.knob.name} not fitted"
        if not self.moves:
            return f"may be chance: {self.knob.name} not fitted"
        end = self.stuck or self.place in self.knob.range
        return f"fitted by {self.knob.name}" + (", which can't do more" if end else "")

    def _is_stuck(self) -> bool:
        """Tell whether the last step changed nothing, as beyond what a parameter does."""
        if len(self.places) < 2 or self.places[-1] == self.places[-2]:  # noqa: PLR2004
            return False
        step = self.places[-1] - self.places[-2]
        expected = step * self.knob.slope(self.places[-1], self.levels[-1])
        return bool(abs(self.levels[-1] - self.levels[-2]) < _NOTHING * abs(expected))

    def _slope(self) -> float:
        usual = self.knob.slope(self.places[-1], self.levels[-1])
        if len(self.places) < 2 or self.places[-1] == self.places[-2]:  # noqa: PLR2004
            return usual
        seen = (self.levels[-1] - self.levels[-2]) / (self.places[-1] - self.places[-2])
        return seen if usual / _STEEPER < seen < usual * _STEEPER else usual


@dataclass(frozen=True)
class Fitted:
    """Numbers that were found, and the market that they make.

    Attributes
    ----------
    site : Site
        Where it stands.
    numbers : dict
        Of the simulated market.
    notes : dict
        By the key of a moment, what is fitted by it.
    """

    site: Site
    numbers: dict[str, float]
    notes: dict[str, str]

    def samples(self, seed: int) -> dict[str, list[float]]:
        """Give all moments of each of the seeds."""
        rows = [
            moments.measure(self.site.early_candles(self.numbers, one), self._width)
            for one in seeds(seed)
        ]
        return {name: [row[name] for row in rows] for name in rows[0]}

    @cached_property
    def _width(self) -> int:
        return self.site.recorded.width.shortest


def seeds(seed: int) -> list[int]:
    """Give the seeds of the markets that are compared, far from those that a user counts up."""
    return [keyed.key("calibration", seed, place) >> 1 for place in range(SEEDS)]


def fit(site: Site, recorded: Values, seed: int) -> Fitted:
    """Find the numbers with which simulated markets show the recorded moments."""
    turns = [_Turn(knob, knob.start, knob.always) for knob in knobs(site, recorded)]
    width = site.recorded.width.shortest
    for count in range(_ROUNDS):
        numbers = _numbers(turns)
        found = [moments.essentials(site.early_candles(numbers, one), width) for one in seeds(seed)]
        late = count > 1  # once the others are near, a rhythm or burst can be told from noise
        needed = [
            turn.look(Sample.of([turn.knob.read(values) for values in found]), late=late)
            for turn in turns
        ]
        if late and not any(needed):
            break
    return Fitted(site, _numbers(turns), {turn.knob.moment: turn.note for turn in turns})


def _numbers(turns: list[_Turn]) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for turn in turns:
        told = np.isfinite(turn.knob.level)
        numbers |= turn.knob.numbers(turn.place) if turn.moves and told else {}
    return numbers

"""What is known about the time of a series: held, confirmed empty, failed.

Decided: the ledger of a file lies in its footer and that of a page in its journal record, so data
and coverage can't part. Ledgers are put together with `then`, which is associative: it doesn't
matter when records are folded, only in what order they were written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from gekko_lab.market.spans import Span, intersect, merge, subtract

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Labelled = dict[str, list[Span]]


@dataclass(frozen=True, slots=True)
class Ledger:
    """Ranges of a series; no time is in two of them.

    Attributes
    ----------
    held : list of Span
        The source has answered for these; times without a row had none.
    empty : dict of list of Span
        The source has confirmed that these have no rows, by reason.
    failed : dict of list of Span
        These could not be had, by error.
    """

    held: list[Span] = field(default_factory=list)
    empty: Labelled = field(default_factory=dict)
    failed: Labelled = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        held: Iterable[Span] = (),
        empty: Iterable[tuple[Span, str]] = (),
        failed: Iterable[tuple[Span, str]] = (),
    ) -> Ledger:
        """Give the ledger of one answer; where it names a time twice, empty wins over held."""
        first = cls(merge(held))
        # A quiet market has hundreds of thousands of ranges in a row, all with one reason.
        for reason, told in groupby(empty, key=itemgetter(1)):
            first = first.then(cls(empty={reason: merge(span for span, _ in told)}))
        for error, told in groupby(failed, key=itemgetter(1)):
            first = first.then(cls(failed={error: merge(span for span, _ in told)}))
        return first

    @property
    def known(self) -> list[Span]:
        """What needs not be asked for again."""
        return merge([*self.held, *_all(self.empty)])

    def missing(self, wanted: Span) -> list[Span]:
        """Give what of a range is still to be asked for."""
        return subtract([wanted], self.known)

    def then(self, later: Ledger) -> Ledger:
        """Give what is known after both; the later answer is right where they differ."""
        known = merge([*self.known, *later.known])
        emptied, told = _all(later.empty), later.known
        empty = _join(_cut(self.empty, told), later.empty)
        failed = _cut(_join(_cut(self.failed, _all(later.failed)), later.failed), known)
        return Ledger(merge([*subtract(self.held, emptied), *later.held]), empty, failed)

    def clip(self, span: Span) -> Ledger:
        """Give what is known of a range."""
        return Ledger(
            intersect(self.held, [span]), _within(self.empty, span), _within(self.failed, span)
        )

    def without(self, spans: Iterable[Span]) -> Ledger:
        """Give what is known of all other time."""
        taken = merge(spans)
        return Ledger(subtract(self.held, taken), _cut(self.empty, taken), _cut(self.failed, taken))

    def rows(self) -> list[tuple[Span, str, str | None]]:
        """Give every range with its state and the reason, in order."""
        found: list[tuple[Span, str, str | None]] = [(span, "held", None) for span in self.held]
        for state, labelled in (("empty", self.empty), ("failed", self.failed)):
            found += [(span, state, text) for text, spans in labelled.items() for span in spans]
        return sorted(found)

    def to_json(self) -> dict[str, Any]:
        """Give what JSON can hold."""
        return {
            "held": _pairs(self.held),
            "empty": {text: _pairs(spans) for text, spans in self.empty.items()},
            "failed": {text: _pairs(spans) for text, spans in self.failed.items()},
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Ledger:
        """Read what `to_json` gave."""
        return cls(
            _spans(content.get("held", ())),
            {text: _spans(spans) for text, spans in content.get("empty", {}).items()},
            {text: _spans(spans) for text, spans in content.get("failed", {}).items()},
        )

    def __bool__(self) -> bool:
        return bool(self.held or self.empty or self.failed)


def combine(ledgers: Iterable[Ledger]) -> Ledger:
    """Put many ledgers together in their order, in one go where they only hold."""
    total, batch = Ledger(), list[Span]()
    for ledger in ledgers:
        if ledger.empty or ledger.failed:
            total = total.then(Ledger(merge(batch))).then(ledger)
            batch.clear()
        else:
            batch += ledger.held
    return total.then(Ledger(merge(batch))) if batch else total


def _all(labelled: Labelled) -> list[Span]:
    return merge(span for spans in labelled.values() for span in spans)


def _cut(labelled: Labelled, taken: list[Span]) -> Labelled:
    left = {text: subtract(spans, taken) for text, spans in labelled.items()}
    return {text: spans for text, spans in left.items() if spans}


def _within(labelled: Labelled, span: Span) -> Labelled:
    inside = {text: intersect(spans, [span]) for text, spans in labelled.items()}
    return {text: spans for text, spans in inside.items() if spans}


def _join(one: Labelled, two: Labelled) -> Labelled:
    texts = [*one, *(text for text in two if text not in one)]
    return {text: merge([*one.get(text, ()), *two.get(text, ())]) for text in texts}


def _pairs(spans: Iterable[Span]) -> list[list[int]]:
    return [list(span) for span in spans]


def _spans(pairs: Iterable[Iterable[int]]) -> list[Span]:
    return [Span(*pair) for pair in pairs]

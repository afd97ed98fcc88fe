"""Half-open ranges of milliseconds, [since, until), and their arithmetic."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Span(NamedTuple):
    """A range of time: `since` belongs to it, `until` doesn't."""

    since: int
    until: int


def merge(spans: Iterable[Span]) -> list[Span]:
    """Give the same time as few ordered ranges that neither touch nor overlap.

    Examples
    --------
    >>> merge([Span(5, 7), Span(0, 2), Span(2, 3), Span(4, 4)])
    [Span(since=0, until=3), Span(since=5, until=7)]
    """
    merged: list[Span] = []
    for span in sorted(span for span in spans if span.since < span.until):
        if merged and span.since <= merged[-1].until:
            last = merged.pop()
            merged.append(Span(last.since, max(last.until, span.until)))
        else:
            merged.append(span)
    return merged


def subtract(spans: Iterable[Span], taken: Iterable[Span]) -> list[Span]:
    """Give what of `spans` isn't in `taken`.

    Examples
    --------
    >>> subtract([Span(0, 10)], [Span(2, 3), Span(8, 12)])
    [Span(since=0, until=2), Span(since=3, until=8)]
    """
    left: list[Span] = []
    cuts = merge(taken)
    for span in merge(spans):
        start = span.since
        for cut in cuts:
            if cut.until <= start or cut.since >= span.until:
                continue
            if cut.since > start:
                left.append(Span(start, cut.since))
            start = max(start, cut.until)
        if start < span.until:
            left.append(Span(start, span.until))
    return left

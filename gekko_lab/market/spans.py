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
    place = 0
    for span in merge(spans):
        start = span.since
        while place < len(cuts) and cuts[place].until <= start:
            place += 1
        here = place
        while here < len(cuts) and cuts[here].since < span.until:
            if cuts[here].since > start:
                left.append(Span(start, cuts[here].since))
            start = max(start, cuts[here].until)
            here += 1
        if start < span.until:
            left.append(Span(start, span.until))
    return left


def intersect(spans: Iterable[Span], others: Iterable[Span]) -> list[Span]:
    """Give the time that is in both.

    Examples
    --------
    >>> intersect([Span(0, 4), Span(6, 9)], [Span(3, 7)])
    [Span(since=3, until=4), Span(since=6, until=7)]
    """
    ones, twos = merge(spans), merge(others)
    shared: list[Span] = []
    one = two = 0
    while one < len(ones) and two < len(twos):
        since = max(ones[one].since, twos[two].since)
        until = min(ones[one].until, twos[two].until)
        if since < until:
            shared.append(Span(since, until))
        if ones[one].until < twos[two].until:
            one += 1
        else:
            two += 1
    return shared

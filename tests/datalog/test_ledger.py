"""The ledger, held against a dictionary of single times."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gekko_lab.datalog.ledger import Ledger, combine
from gekko_lab.market.spans import Span

spans = st.tuples(st.integers(0, 20), st.integers(1, 6)).map(lambda t: Span(t[0], t[0] + t[1]))
told = st.lists(st.tuples(spans, st.sampled_from(["outage", "no_trades"])), max_size=3)
broken = st.lists(st.tuples(spans, st.sampled_from(["timeout", "refused"])), max_size=3)
answers = st.tuples(st.lists(spans, max_size=3), told, broken)


def paint(answer):
    """What one answer says of each time: empty over held, the last reason, failed where neither."""
    held, empty, failed = answer
    known = {time: ("held", None) for span in held for time in range(*span)}
    known |= {time: ("empty", reason) for span, reason in empty for time in range(*span)}
    lost = {time: ("failed", error) for span, error in failed for time in range(*span)}
    return known, {time: state for time, state in lost.items() if time not in known}


def replay(many):
    known, lost = {}, {}
    for answer in many:
        new, failed = paint(answer)
        known |= new
        lost |= failed
    return {**lost, **known}


def states(ledger):
    found = {}
    for span, state, reason in ledger.rows():
        for time in range(*span):
            assert time not in found, "a time is in two ranges"
            found[time] = (state, reason)
    return found


@given(st.lists(answers, max_size=5))
def test_the_later_answer_is_right_and_failures_count_where_nothing_is_known(many):
    ledger = combine(Ledger.of(*answer) for answer in many)
    assert states(ledger) == replay(many)


@given(answers, answers, answers)
def test_it_does_not_matter_what_is_put_together_first(one, two, three):
    a, b, c = (Ledger.of(*each) for each in (one, two, three))
    assert states(a.then(b).then(c)) == states(a.then(b.then(c)))


@given(answers, spans)
def test_what_is_missing_is_what_is_neither_held_nor_empty(answer, wanted):
    ledger = Ledger.of(*answer)
    known = {time for time, (state, _) in states(ledger).items() if state != "failed"}
    missing = {time for span in ledger.missing(wanted) for time in range(*span)}
    assert missing == set(range(*wanted)) - known


@given(answers, spans)
def test_a_part_and_the_rest_make_the_whole(answer, span):
    ledger = Ledger.of(*answer)
    part, rest = ledger.clip(span), ledger.without([span])
    assert set(states(part)) <= set(range(*span))
    assert not set(states(rest)) & set(range(*span))
    assert states(part.then(rest)) == states(ledger)


@given(answers)
def test_a_ledger_survives_json(answer):
    import orjson

    ledger = Ledger.of(*answer)
    assert Ledger.from_json(orjson.loads(orjson.dumps(ledger.to_json()))) == ledger
    assert bool(ledger) == bool(ledger.rows())

"""The tree of errors: as drawn, catchable by built-in names, and able to travel."""

from __future__ import annotations

import builtins
import copy
import inspect
import pickle
import re

import polars as pl
import pytest

from gekko_lab import errors

LINE = re.compile(r"^    (?P<lead>[│├└─ ]*)(?P<name>[A-Z]\w+)(?: \((?P<base>\w+)\))?(?:  |$)")
CONTEXT = {
    "HistoryUnavailable": {"earliest": 1_704_067_200_000},
    "IncompleteData": {"frame": None, "report": None},
    "DamagedFile": {"file": "2024-01.parquet"},
}


def drawn():
    """Read the names of the tree in the docstring, with their parents and built-in bases."""
    path, found = [], {}
    for line in errors.__doc__.splitlines():
        match = LINE.match(line)
        if match is not None:
            depth = len(match["lead"]) // 4
            path = [*path[:depth], match["name"]]
            found[match["name"]] = (path[depth - 1] if depth else None, match["base"])
    return found


def classes():
    own = inspect.getmembers(errors, inspect.isclass)
    return {name: kind for name, kind in own if kind.__module__ == errors.__name__}


def make(kind):
    for parent in kind.__mro__:
        if parent.__name__ in CONTEXT:
            return kind("what happened", **CONTEXT[parent.__name__])
    return kind("what happened")


def test_the_drawn_tree_is_the_tree():
    for name, (parent, base) in drawn().items():
        bases = [each.__name__ for each in classes()[name].__bases__]
        expected = [each for each in (parent, base) if each is not None]
        assert bases == (expected if parent else [base or "Exception"]), name


def test_every_class_is_drawn():
    assert set(drawn()) == set(classes())
    assert len(drawn()) > 20


def test_built_in_bases_are_built_in():
    bases = {base for _, base in drawn().values() if base is not None}
    assert all(issubclass(getattr(builtins, base), Exception) for base in bases)


@pytest.mark.parametrize("name", sorted(classes()))
def test_an_error_travels_between_processes(name):
    error = make(classes()[name])
    found = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(found) is type(error)
    assert str(found) == str(error) == "what happened"
    assert found.args == error.args
    assert vars(found) == vars(error)


@pytest.mark.parametrize("name", sorted(classes()))
def test_an_error_says_what_it_means(name):
    assert inspect.getdoc(classes()[name]).splitlines()[0].endswith(".")


@pytest.mark.parametrize(
    ("name", "caught_as"),
    [
        ("InvalidArgument", ValueError),
        ("InvalidType", TypeError),
        ("InvalidType", ValueError),
        ("InvalidRange", ValueError),
        ("InvalidOption", ValueError),
        ("UnknownExchange", LookupError),
        ("UnknownSymbol", LookupError),
        ("UnknownTimeframe", LookupError),
        ("NetworkFailed", ConnectionError),
        ("NetworkFailed", OSError),
        ("SourceTimeout", TimeoutError),
        ("SourceTimeout", ConnectionError),
        ("DataError", ValueError),
        ("IncompleteData", ValueError),
        ("NotInLog", LookupError),
        ("DiskFull", OSError),
        ("LogLocked", TimeoutError),
        ("MissingDependency", ImportError),
        ("GapWarning", UserWarning),
    ],
)
def test_errors_are_caught_by_their_built_in_names(name, caught_as):
    assert issubclass(getattr(errors, name), caught_as)


def test_a_wrong_request_is_no_failure_of_the_source():
    for kind in classes().values():
        kinds = (errors.RequestError, errors.SourceError, errors.DataError, errors.LogError)
        assert sum(issubclass(kind, each) for each in kinds) <= 1, kind


def test_only_failures_that_may_pass_are_tried_again():
    sources = [kind for kind in classes().values() if issubclass(kind, errors.SourceError)]
    assert {kind.__name__ for kind in sources if kind.retryable} == {
        "NetworkFailed",
        "SourceTimeout",
        "RateLimited",
        "SourceUnavailable",
        "BadResponse",
    }
    assert {kind.__name__ for kind in sources if not kind.retryable} == {
        "SourceError",
        "AccessDenied",
        "RequestRefused",
    }


@pytest.mark.parametrize("name", ["RateLimited", "SourceTimeout", "BadResponse"])
def test_the_asked_wait_travels_along(name):
    error = getattr(errors, name)("too many requests", retry_after=2.5)
    assert pickle.loads(pickle.dumps(error)).retry_after == 2.5  # noqa: S301
    assert copy.copy(error).retry_after == 2.5
    assert getattr(errors, name)("too many requests").retry_after is None


def test_the_earliest_time_travels_along():
    error = errors.HistoryUnavailable("too old", earliest=5)
    assert pickle.loads(pickle.dumps(error)).earliest == 5  # noqa: S301


def test_rows_that_were_had_travel_along():
    frame, report = pl.DataFrame({"close": [1.0]}), pl.DataFrame({"missing": [3]})
    error = errors.IncompleteData("3 candles could not be had", frame=frame, report=report)
    found = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert found.frame.equals(frame)
    assert found.report.equals(report)
    assert str(found) == "3 candles could not be had"

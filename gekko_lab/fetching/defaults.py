"""What holds where the caller says nothing."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from gekko_lab.errors import InvalidArgument, InvalidType
from gekko_lab.settings import options
from gekko_lab.sources.registry import find_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gekko_lab.sources.source import Source

_MOST_JOBS = 64


def is_logged(source: Source, log: bool | None) -> bool:  # noqa: FBT001 (as users give it)
    """Tell whether a call goes through the data log.

    Parameters
    ----------
    source
        Who is asked. Simulated and recorded markets are their own log.
    log
        What the caller says; None leaves it to `options.log`.
    """
    if log is not None:
        return log
    return options.log == "on" or (options.log == "auto" and source.logged)


def check_log(log: object) -> None:
    """Raise unless that tells whether to go through the data log."""
    if log is not None and not isinstance(log, bool):
        raise InvalidType(
            f"log={log!r} is a {type(log).__name__}: give True, False or None, which leaves it to "
            "gekko_lab.options.log"
        )


def origin(source: Source, live: str) -> str:
    """Give the word for where rows of a source come from.

    Parameters
    ----------
    source
        Who is asked.
    live
        The word where that is a real exchange: "rest" or "trades".
    """
    if source.logged:
        return live
    return "replay" if source.exchange.partition(":")[0] == "replay" else "simulated"


def held_at(exchange: str | Source) -> Source:
    """Give what the data log holds of an exchange, as a source."""
    from gekko_lab.sources.log_replay import LogReplay

    return LogReplay(find_source(exchange))


def check_jobs(n_jobs: object) -> None:
    """Raise unless that is how many pages may be asked for at a time."""
    if not 1 <= _whole(n_jobs) <= _MOST_JOBS:
        raise InvalidArgument(f"n_jobs={n_jobs}: ask for 1 to {_MOST_JOBS} pages at a time")


def check_tasks(n_jobs: object) -> None:
    """Raise unless that is how many series may be fetched at a time, as joblib counts."""
    if n_jobs is not None and not _whole(n_jobs):
        raise InvalidArgument("n_jobs=0: ask for one or more at a time, or -1 for one a processor")


def check_rounds(rounds: object, every: object) -> None:
    """Raise unless that is how often something may be done that is done every so often."""
    if rounds is None:
        return
    if every is None:
        raise InvalidArgument(f"rounds={rounds} goes with every, such as every='1h'")
    if _whole(rounds, "rounds") < 1:
        raise InvalidArgument(f"rounds={rounds}: ask for at least one, or leave it out for no end")


def _whole(value: object, name: str = "n_jobs") -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidType(f"{name}={value!r} is a {type(value).__name__}; give a whole number")
    return value


@contextmanager
def resumable(*, logged: bool) -> Iterator[None]:
    """Say on Ctrl-C or the stop button what is kept and how to go on.

    Parameters
    ----------
    logged
        Whether what came is in the data log.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        error.add_note(
            "What came so far is in the data log, and the same call goes on from there; "
            "source='log' reads it without asking anybody."
            if logged
            else "Nothing was kept; with log=True the same call would go on from here."
        )
        raise

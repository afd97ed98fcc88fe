"""One question to a source, asked again where that may help."""

from __future__ import annotations

import logging
import random
import time
from typing import TYPE_CHECKING, TypeVar

import stamina

from gekko_lab.errors import BadResponse, SourceError
from gekko_lab.fetching.tally import count
from gekko_lab.limits.clock import WALL
from gekko_lab.limits.waiting import (
    LONGEST_WAIT_S,
    Wait,
    check_stopped,
    is_stoppable,
    sleep,
    tell,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Answer = TypeVar("Answer")

_log = logging.getLogger("gekko_lab")
# Without a handler Python prints stamina's bare "retry_scheduled"; our own line says more.
logging.getLogger("stamina").addHandler(logging.NullHandler())

ATTEMPTS = 8
BAD_ANSWERS = 4
_JITTER_S = 1.0


def ask(
    question: Callable[[], Answer], *, bad_answers: int = BAD_ANSWERS, pages: int = 0
) -> Answer:
    """Give the answer; errors that may pass are waited out, with jitter.

    Waits grow from half a second to twenty, or last as long as the exchange's Retry-After says.
    A wait longer than two minutes is left to the user.

    Parameters
    ----------
    question
        Asks once.
    bad_answers
        How many broken answers are taken before giving up.
    pages
        For how many pages an answer counts in the report of the fetch.

    Raises
    ------
    SourceError
        The last error, when it won't pass or didn't.
    """
    check_stopped()
    try:
        answer = question()
    except Exception as error:  # noqa: BLE001 (asked again or raised)
        return _again(question, error, bad_answers, pages)
    count(pages=pages)
    return answer


def _again(
    question: Callable[[], Answer], first: Exception | None, bad_answers: int, pages: int
) -> Answer:
    """Go on after a first error."""
    bad = 0
    backoff = pause = 0.0
    failed_at: float | None = None

    def wait(error: Exception) -> bool | float:
        nonlocal bad, failed_at, pause
        check_stopped()
        bad += isinstance(error, BadResponse)
        if not isinstance(error, SourceError) or not error.retryable or bad >= bad_answers:
            return False
        if (error.retry_after or 0) > LONGEST_WAIT_S:
            return False
        failed_at = time.monotonic()
        _log.info("asking again, as this may pass: %s", error)
        if error.retry_after:
            tell(Wait("the exchange", "the exchange asked to wait", error.retry_after))
            failed_at = None  # told, and with that counted
        if is_stoppable() and not stamina.is_testing():  # stamina's sleep can't be ended
            pause = error.retry_after or backoff
            return 0.0
        return error.retry_after or True

    for attempt in stamina.retry_context(
        on=wait,
        attempts=ATTEMPTS,
        timeout=None,
        wait_initial=0.5,
        wait_max=20.0,
        wait_jitter=_JITTER_S,
    ):
        if pause:
            sleep(pause, WALL)
        check_stopped()
        backoff = attempt.next_wait + random.uniform(0, _JITTER_S)  # noqa: S311 (no secret)
        if attempt.num > 1:
            count(retries=1, waited_s=0.0 if failed_at is None else time.monotonic() - failed_at)
        with attempt:
            if first is not None:
                error, first = first, None
                raise error
            answer = question()
            count(pages=pages)
            return answer
    raise AssertionError("retry_context ends by answer or error")  # pragma: no cover

"""One file of an archive, read in a few tries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gekko_lab.errors import BadResponse, SourceError
from gekko_lab.fetching.asking import ask

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

_TRIES = 3  # of a file, as pages are there where it doesn't come
_BAD_FILES = 2


def read_file(question: Callable[[], pl.DataFrame | None]) -> pl.DataFrame | None:
    """Read a file, in a few tries: less long than for pages, which have no other way.

    Parameters
    ----------
    question
        Reads it once.

    Raises
    ------
    SourceError
        The last error, which won't pass soon or didn't.
    """
    tries = 0

    def once() -> pl.DataFrame | None:
        nonlocal tries
        tries += 1
        try:
            return question()
        except SourceError as error:
            if tries >= _TRIES and error.retryable and not isinstance(error, BadResponse):
                raise SourceError(str(error)) from error
            raise

    return ask(once, bad_answers=_BAD_FILES)

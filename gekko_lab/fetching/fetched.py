"""What came of one request, before anyone is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from gekko_lab.fetching.completion import Failure
    from gekko_lab.fetching.tally import Tally

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Extent:
    """How many rows there are, and the times of the first and the last."""

    rows: int
    first: datetime | None = None
    last: datetime | None = None

    @classmethod
    def of(cls, frame: pl.DataFrame) -> Extent:
        """Measure a frame."""
        times = frame["timestamp"]
        return cls(len(frame), times.first(), times.last())  # type: ignore[arg-type]

    @classmethod
    def between(cls, rows: int, first: int | None, last: int | None) -> Extent:
        """Take the ends as microseconds."""
        ends = [
            None if end is None else _EPOCH + timedelta(microseconds=end) for end in (first, last)
        ]
        return cls(rows, *ends)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of a request.

    Attributes
    ----------
    frame, gaps : polars.DataFrame
        The rows, with all columns, where they are wanted; what is missing, as a table of `GAPS`.
    extent : Extent
        Of what is there, also where it was left in the data log.
    failures : list of Failure
        Those behind the gaps.
    what : str
        What was asked for, for messages.
    tally : Tally
        What it cost.
    """

    frame: pl.DataFrame
    gaps: pl.DataFrame
    extent: Extent
    failures: list[Failure]
    what: str
    tally: Tally

    @property
    def status(self) -> str:
        """What became of it: complete, gaps, incomplete or failed."""
        if self.failures:
            return "incomplete" if self.extent.rows else "failed"
        return "gaps" if len(self.gaps) else "complete"

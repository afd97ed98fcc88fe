"""Rows as JSON text, made column by column, and numbers as exchanges write them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

PLACES = 8


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows as text with commas between, and where each begins.

    Attributes
    ----------
    keys : numpy.ndarray
        Open time, milliseconds, of each row, in order.
    text : bytes
        The rows, joined.
    starts : numpy.ndarray
        Where each row begins, and one past the last comma.
    """

    keys: NDArray[np.int64]
    text: bytes
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, keys: NDArray[np.int64], rows: pl.Series) -> Rows:
        """Join rows of text."""
        starts = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(rows.str.len_bytes().to_numpy() + 1, out=starts[1:])
        return cls(keys, ",".join(rows.to_list()).encode(), starts)

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """Give the rows of all parts, one after the other."""
        ends = np.cumsum([0, *(part.starts[-1] for part in parts)])
        starts = [part.starts[:-1] + end for part, end in zip(parts, ends, strict=False)]
        keys = [np.zeros(0, np.int64), *(part.keys for part in parts)]
        text = b",".join(part.text for part in parts if part.text)
        return cls(np.concatenate(keys), text, np.concatenate([*starts, ends[-1:]]))

    def cut(self, first: int, last: int) -> Rows:
        """Give the rows from place `first` to before `last`."""
        text = self.text[self.starts[first] : max(0, self.starts[last] - 1)]
        return Rows(self.keys[first:last], text, self.starts[first : last + 1] - self.starts[first])

    def json(self) -> bytes:
        """Give the rows as a JSON list."""
        return b"[" + self.text + b"]"

    def json_newest_first(self) -> bytes:
        """Give the rows as a JSON list in the opposite order."""
        edges = self.starts.tolist()
        rows = [self.text[a : b - 1] for a, b in pairwise(edges)]
        return b"[" + b",".join(rows[::-1]) + b"]"


def decimals(step: float | None) -> int:
    """Count the decimals of a step; eight where it isn't known."""
    if step is None or step <= 0:
        return PLACES
    exponent = Decimal(repr(float(step))).normalize().as_tuple().exponent
    return max(0, -int(exponent))


def fixed(value: float, places: int = PLACES) -> str:
    """Give one number as the protocol writes it."""
    return f"{value:.{max(PLACES, places)}f}"


def padded(value: float, digits: int, places: int = PLACES) -> str:
    """Give one number with `digits` decimals and zeros up to `places`."""
    text = f"{value:.{digits}f}"
    filler = "0" * max(0, places - digits)
    return text + ("." if filler and not digits else "") + filler


def plain(value: float) -> str:
    """Give one number in full, without needless zeros."""
    return f"{value:.{decimals(value)}f}"


def number(value: str | pl.Expr, digits: int, then: str, *, places: int = PLACES) -> list[pl.Expr]:
    """Give a number with `digits` decimals, zeros up to `places`, and the text that follows."""
    column = pl.col(value) if isinstance(value, str) else value
    filler = "0" * max(0, places - digits)
    point = "." if filler and not digits else ""
    return [column.cast(pl.Decimal(38, digits)).cast(pl.String), pl.lit(point + filler + then)]


def json_list(rows: pl.Series) -> bytes:
    """Give rows of text as a JSON list."""
    return b"[" + ",".join(rows.to_list()).encode() + b"]"

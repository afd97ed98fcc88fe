"""A long tape of trades in a folder, with the candles that it has to add up to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import making
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

TRADES = ("timestamp", "price", "amount")
PRICES = ("open", "high", "low", "close")
CANDLES = ("timestamp", *PRICES, "volume")
MINUTE_US = 60_000_000
_ROUNDING = 1e-9

Arrays = dict[str, "NDArray[Any]"]


def trades(task: making.Task) -> Arrays:
    """Give microseconds, prices and amounts, as many as the task has rows."""
    files = {name: np.load(_file(task, f"trade {name}"), mmap_mode="r") for name in TRADES}
    return {name: np.array(file[: task.rows]) for name, file in files.items()}


def write(folder: str, kind: str, columns: Mapping[str, NDArray[Any]]) -> None:
    for name, values in columns.items():
        np.save(Path(folder, f"{kind} {name}.npy"), values)


def rows_of(columns: Callable[[Any], Mapping[str, NDArray[Any]]]) -> Callable[..., int]:
    """Give the check of candles that `columns` turns into arrays, times in microseconds."""

    def checked(made: object, task: making.Task) -> int:
        found = columns(made)
        found = {name: np.asarray(found[name]) for name in CANDLES}
        for name in ("timestamp", *PRICES):
            wanted = np.load(_file(task, f"candle {name}"))
            making.expect(f"the tape's {name}", true=np.array_equal(found[name], wanted))
        volume = np.load(_file(task, "candle volume"))
        near = np.allclose(found["volume"], volume, rtol=_ROUNDING, atol=0.0)
        making.expect("the tape's volume", true=near)
        return task.rows

    return checked


def _file(task: making.Task, name: str) -> Path:
    return Path(task.folder, f"{name}.npy")

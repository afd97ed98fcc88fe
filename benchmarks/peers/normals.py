"""For reference: numpy draws one normal number a row, and does nothing with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import making
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _normals(task: making.Task, seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).standard_normal(task.rows)


def _rows(drawn: NDArray[np.float64], task: making.Task) -> int:
    making.expect("normal numbers", true=abs(drawn.std() - 1.0) < 0.1)  # noqa: PLR2004
    making.expect("rows as asked for", true=drawn.size == task.rows)
    return drawn.size


if __name__ == "__main__":
    making.run({"normals": making.Work(_normals, _rows)}, "numpy")

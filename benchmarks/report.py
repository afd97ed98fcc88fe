"""Results as a Markdown table of ratios."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import fetch
import imports

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMES = {
    "gekko_lab_polars": "gekko_lab, polars",
    "gekko_lab_pandas": "gekko_lab, pandas",
    "ccxt_loop": "ccxt loop, pandas",
    "vectorbt_data": "vectorbt, pandas",
}
_HEADS = (
    "rows a second",
    "CPU",
    "CPU of decoding",
    "memory above imports",
)


def fetch_table(result: dict[str, Any]) -> str:
    """Give each contender's figures as multiples of the ccxt loop's."""
    medians = result["medians"]
    base = medians[fetch.BASE]
    rows = []
    for name, title in _NAMES.items():
        mine = medians[name]
        rows.append(
            [
                title,
                _times(base["wall_s"] / mine["wall_s"]),
                *(
                    _times(mine[key] / base[key]) if key in mine else "as ccxt"
                    for key in ("cpu_s", "decode_cpu_s", "peak_bytes")
                ),
            ]
        )
    return _table([f"{result['rows']:,} candles, ccxt loop = 1", *_HEADS], rows)


def spread(result: dict[str, Any]) -> str:
    """Tell how far the ratio of throughput went apart between the rounds."""
    ratios = [line[fetch.BASE]["wall_s"] / line[fetch.OURS]["wall_s"] for line in result["rounds"]]
    return (
        f"Throughput of gekko_lab (polars) over the ccxt loop's, each round alone: "
        f"{_times(min(ratios))} to {_times(max(ratios))} in {len(ratios)} rounds."
    )


def imports_table(result: dict[str, Any]) -> str:
    """Give each process's time as a multiple of the one that imports gekko_lab."""
    medians = result["medians"]
    ours = medians[imports.OURS]["wall_s"]
    rows = [
        [
            f"`{name}`" if name in {"gekko_lab", "ccxt", "vectorbt"} else name,
            _times(line["wall_s"] / ours),
        ]
        for name, line in medians.items()
    ]
    return _table(["a process that imports, gekko_lab = 1", "wall time"], rows)


def versions_line(result: dict[str, Any]) -> str:
    """Give the versions that were measured, and the cores."""
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return f"Measured with {versions}; {result['cores']} cores, {result['system']}."


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _times(ratio: float) -> str:
    return f"{ratio:.2f}"

"""What `gekko-lab info` says."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import TYPE_CHECKING

import gekko_lab
from gekko_lab import kernels, limits
from gekko_lab.datalog.finding import find_stores
from gekko_lab.sources.registry import exchanges

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGES = ("ccxt", "polars", "pandas", "plotly", "numba", "joblib", "ipywidgets")


def lines() -> Iterator[str]:
    """Give versions, settings and what can be asked, one fact a line."""
    yield f"gekko-lab    {gekko_lab.__version__}"
    yield f"python       {platform.python_version()} on {platform.platform(terse=True)}"
    for package in _PACKAGES:
        yield f"{package:<12} {version(package)}"
    options = gekko_lab.options
    yield f"frame        {options.frame}"
    yield f"progress     {options.progress}"
    yield f"compile      {options.compile}"
    yield f"loops        {'compiled' if kernels.are_compiled() else 'not compiled yet'}"
    yield f"data_dir     {options.data_dir}"
    yield f"state_dir    {options.state_dir}"
    yield f"limits       {', '.join(_budgets()) or 'nothing asked for lately'}"
    kept = sorted((options.data_dir / "markets").glob("*.json"))
    yield f"market lists {', '.join(file.stem for file in kept) or 'none kept yet'}"
    yield f"data log     {len(find_stores())} series"
    table = exchanges()
    exact = len(table.filter(paging="exact"))
    yield f"exchanges    {len(table)}, {exact} of them with exact paging"


def _budgets() -> Iterator[str]:
    """Tell what is used of which budget, and which hosts are on hold."""
    for row in limits.status(frame="polars").rows(named=True):
        until = row["hold_until"]
        if until is not None:
            yield f"{row['host']} on hold until {until:%H:%M:%S} UTC ({row['hold_reason']})"
        elif row["used"]:
            yield f"{row['host']} {row['budget']} {row['used_share']:.0%}"

"""Results as a Markdown table of ratios."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

import chart
import datalog
import fetch
import imports
import simulator
import streams
from races import OURS, RACES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from races import Race

_NAMES = {
    "gekko_lab_polars": "gekko_lab, polars, and in the data log",
    "gekko_lab_pandas": "gekko_lab, pandas, and in the data log",
    "gekko_lab_unlogged": "gekko_lab, polars, not logged",
    "gekko_lab_again": "gekko_lab, polars, from the data log",
    "ccxt_loop": "ccxt loop, pandas",
    fetch.VECTORBT: "vectorbt, pandas, told to take 1,000 candles a page",
    "vectorbt_as_is": "vectorbt, pandas, 500 a page as by default",
}
_HEADS = (
    "rows a second",
    "CPU",
    "CPU of decoding",
    "memory above imports",
    "without mapped code",
)


def fetch_tables(result: dict[str, Any]) -> list[str]:
    """Give the table of fetches, and what belongs below."""
    return [_fetch_table(result), _spread(result), _versions_line(result)]


def _fetch_table(result: dict[str, Any]) -> str:
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
                    _times(mine[key] / base[key]) if key in mine else ""
                    for key in ("cpu_s", "decode_cpu_s", "peak_bytes", "own_bytes")
                ),
            ]
        )
    return _table([f"{result['rows']:,} candles, ccxt loop = 1", *_HEADS], rows)


def _spread(result: dict[str, Any]) -> str:
    """Tell how far ratios went apart between the rounds."""
    rounds = result["rounds"]
    faster = [line[fetch.BASE]["wall_s"] / line[fetch.OURS]["wall_s"] for line in rounds]
    parts = [line[fetch.OURS]["cpu_s"] / line[fetch.VECTORBT]["cpu_s"] for line in rounds]
    return (
        f"Each of {len(rounds)} rounds alone: gekko_lab (polars) has {_times(min(faster))} to "
        f"{_times(max(faster))} times the throughput of the ccxt loop, and takes "
        f"{min(parts):.3f} to {max(parts):.3f} of the CPU of vectorbt with as large pages (median "
        f"{median(parts):.3f})."
    )


def imports_tables(result: dict[str, Any]) -> list[str]:
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
    return [_table(["a process that imports, gekko_lab = 1", "wall time"], rows)]


def simulator_tables(result: dict[str, Any]) -> list[str]:
    """Give how many times as fast as each peer ours is, race by race."""
    tables = [_race_table(race, result["races"][name]) for name, race in RACES.items()]
    return [*tables, _starts_table(result["starts"]), *_notes(result), _versions_line(result)]


def _race_table(race: Race, result: dict[str, Any]) -> str:
    medians, rounds = result["medians"], result["rounds"]
    rows = []
    for name, contender in race.contenders.items():
        if name != OURS and name in medians:
            each = [_faster(turn[OURS], turn[name]) for turn in rounds]
            ratio = medians[OURS] / medians[name]
            rows.append([contender.title, *map(_rounded, (ratio, min(each), max(each)))])
    return _table([race.title, "times as fast", f"least of {len(rounds)} rounds", "most"], rows)


def _faster(ours: Mapping[str, float], theirs: Mapping[str, float]) -> float:
    return ours["rows_a_second"] / theirs["rows_a_second"]


def _starts_table(starts: Mapping[str, Any]) -> str:
    medians = starts["medians"]
    base = medians[simulator.IMPORTS]["wall_s"]
    rows = [[title, _times(line["wall_s"] / base)] for title, line in medians.items()]
    return _table(["a fresh process, its loops compiled before", "wall time"], rows)


def datalog_tables(result: dict[str, Any]) -> list[str]:
    """Give how many times as long each peer takes, work by work, and its size on the disk."""
    peers = [name for name in (datalog.FEATHER, datalog.DELTA) if name in result["bytes"]]
    rows = []
    for work, title in datalog.WORKS.items():
        cells = [title]
        for peer in peers:
            each = datalog.ratios(result, work, peer)
            spread = f"{_rounded(min(each))} to {_rounded(max(each))}" if each else ""
            cells += [_rounded(median(each)) if each else "", spread]
        rows.append(cells)
    ours = result["bytes"][datalog.OURS]
    sizes = [cell for peer in peers for cell in (_times(result["bytes"][peer] / ours), "")]
    rows.append(["bytes of 10.5 million candles, as many times", *sizes])
    heads = ["times as long as gekko_lab's data log takes"]
    heads += [cell for peer in peers for cell in (datalog.TITLES[peer], "rounds")]
    left_out = result["missing"]
    notes = [f"Not to be had when this was measured: {'; '.join(left_out)}."] if left_out else []
    return [_table(heads, rows), *notes, _versions_line(result)]


def streams_tables(result: dict[str, Any]) -> list[str]:
    """Give what a trade of a live stream costs each listener, and how late it is."""
    medians, rounds = result["medians"], result["rounds"]
    base = streams.CCXT
    rows = []
    for name, title in streams.TITLES.items():
        each = [line[base]["cpu_us"] / line[name]["cpu_us"] for line in rounds]
        mine = medians[name]
        ratio = medians[base]["cpu_us"] / mine["cpu_us"]
        late = [_times(mine[key] / medians[base][key]) for key in ("p50_ms", "p99_ms")]
        rows.append([title, *map(_rounded, (ratio, min(each), max(each))), *late])
    heads = ["trades in a second of CPU, ccxt.pro = 1", "median", "least", "most"]
    return [_table([*heads, "latency, p50", "latency, p99"], rows)]


def chart_tables(result: dict[str, Any]) -> list[str]:
    """Give what ten million candles cost each chart, as many times as they cost ours."""
    charts = result["charts"]
    base = charts[chart.OURS]
    rows = []
    for name, title in chart.TITLES.items():
        mine = charts[name]
        keys = ("first_ms", "first_bytes", "zoom_p50_ms", "zoom_p95_ms")
        costs = [_rounded(mine[key] / base[key]) for key in keys]
        rates = [f"{mine[key]:.0f}" for key in ("live_fps", "live_changes")]
        rows.append([title, *costs, *rates])
    heads = [f"{result['rows']:,} candles, gekko_lab = 1", "first paint", "its bytes"]
    heads += ["wheel to picture, p50", "p95", "frames a second, live", "changes seen"]
    return [_table(heads, rows)]


def _notes(result: Mapping[str, Any]) -> Iterator[str]:
    if result["missing"]:
        yield f"Not to be had when this was measured: {'; '.join(result['missing'])}."
    if result["share"] != 1:
        yield f"A quick look, at {result['share']:g} of the usual amount."


def _versions_line(result: dict[str, Any]) -> str:
    """Give the versions that were measured, and the cores."""
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    return f"Measured with {versions}; {result['cores']} cores, {result['system']}."


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _times(ratio: float) -> str:
    return f"{ratio:.2f}"


def _rounded(ratio: float) -> str:
    """Give three digits, as many as a ratio of medians is good for."""
    digits = 0 if ratio >= 100 else 1 if ratio >= 10 else 2  # noqa: PLR2004
    return f"{ratio:.{digits}f}"


TABLES: Mapping[str, Callable[[dict[str, Any]], list[str]]] = {
    "fetch": fetch_tables,
    "imports": imports_tables,
    "simulator": simulator_tables,
    "datalog": datalog_tables,
    "streams": streams_tables,
    "chart": chart_tables,
}

"""A year of 1m candles from an exchange on this machine, by each contender in turn."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from urllib.request import urlopen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from environments import Environments

PEERS = Path(__file__).parent / "peers"
SYMBOL, MARKET_ID = "BTC/USDT", "BTCUSDT"
SINCE, UNTIL = 1_672_531_200_000, 1_704_067_200_000  # the year 2023
MINUTE, PAGE = 60_000, 1000
ROWS = (UNTIL - SINCE) // MINUTE
OURS, BASE, VECTORBT = "gekko_lab_polars", "ccxt_loop", "vectorbt_data"
CONTENDERS = {
    OURS: "gekko_lab",
    "gekko_lab_pandas": "gekko_lab",
    "gekko_lab_unlogged": "gekko_lab",
    "gekko_lab_again": "gekko_lab",
    BASE: "gekko_lab",
    VECTORBT: "vectorbt",
    "vectorbt_as_is": "vectorbt",
}
DECODERS = (OURS, "gekko_lab_pandas", BASE)
MEASURES = ("wall_s", "cpu_s", "decode_cpu_s", "peak_bytes", "own_bytes")

Line = dict[str, Any]


class Unequal(Exception):
    """Contenders returned different candles."""


def measure(environments: Environments, rounds: int) -> Line:
    """Give the medians of every contender, and each round's lines."""
    with (
        tempfile.TemporaryDirectory(prefix="gekko-lab-") as folder,
        _exchange(environments) as exchange,
    ):
        bodies = Path(folder, "bodies.jsonl")
        _record(exchange["url"], bodies)
        task = {
            "config": exchange["config"] | {"enableRateLimit": False},
            "symbol": SYMBOL,
            "since": SINCE,
            "until": UNTIL,
            "bodies": str(bodies),
        }
        lines = [_round(environments, json.dumps(task), number) for number in range(rounds)]
    _check_equal(lines)
    return {
        "rows": ROWS,
        "medians": {name: _medians([line[name] for line in lines]) for name in CONTENDERS},
        "versions": _versions(lines[0]),
        "rounds": lines,
    }


def _round(environments: Environments, task: str, number: int) -> dict[str, Line]:
    """Let every contender work once; each round begins with another one."""
    names = list(CONTENDERS)
    turn = number % len(names)
    lines = {}
    for name in names[turn:] + names[:turn]:
        python = environments.python(CONTENDERS[name])
        line = lines[name] = _work(python, name, "fetch", task)
        if name in DECODERS:
            decoding = _work(python, name, "decode", task)
            line["decode_cpu_s"], line["decode_digest"] = decoding["cpu_s"], decoding["digest"]
    return lines


def _work(python: str, name: str, work: str, task: str) -> Line:
    with tempfile.TemporaryDirectory(prefix="gekko-lab-") as fresh:
        answer = subprocess.run(
            [python, str(PEERS / f"{name}.py"), work, task],
            env=clean_environment() | {"GEKKO_LAB_DATA_DIR": fresh},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    line: Line = json.loads(answer.stdout.splitlines()[-1])
    return line


@contextmanager
def _exchange(environments: Environments) -> Iterator[Line]:
    with subprocess.Popen(
        [environments.python("gekko_lab"), str(PEERS / "exchange.py")],
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdin is not None  # noqa: S101 (tells the type)
        assert server.stdout is not None  # noqa: S101
        try:
            yield json.loads(server.stdout.readline())
        finally:
            server.stdin.close()


def _record(url: str, file: Path) -> None:
    """Ask for every page once, which also warms the exchange, and keep the bodies, one a line."""
    with file.open("wb") as lines:
        for since in range(SINCE, UNTIL, PAGE * MINUTE):
            query = {
                "symbol": MARKET_ID,
                "interval": "1m",
                "startTime": since,
                "limit": min(PAGE, (UNTIL - since) // MINUTE),
            }
            with urlopen(f"{url}/api/v3/klines?{urlencode(query)}") as answer:  # noqa: S310 (our own server)
                lines.write(answer.read() + b"\n")


def _check_equal(rounds: list[dict[str, Line]]) -> None:
    digests = {line["digest"] for lines in rounds for line in lines.values()}
    digests |= {lines[name]["decode_digest"] for lines in rounds for name in DECODERS}
    rows = {line["rows"] for lines in rounds for line in lines.values()}
    if len(digests) > 1 or rows != {ROWS}:
        found = {name: (line["rows"], line["digest"]) for name, line in rounds[0].items()}
        raise Unequal(f"{ROWS} equal candles were expected of everyone: {found}")


def _medians(lines: list[Line]) -> dict[str, float]:
    return {name: median(line[name] for line in lines) for name in MEASURES if name in lines[0]}


def _versions(lines: dict[str, Line]) -> dict[str, str]:
    """Give the versions, which must be the same in all environments."""
    versions: dict[str, str] = {}
    for line in lines.values():
        for name, version in line["versions"].items():
            if versions.setdefault(name, version) != version:
                raise Unequal(f"{name} is {version} and {versions[name]} in two environments")
    return versions


def clean_environment() -> dict[str, str]:
    """Give this process's environment without what changes how Python starts or caches."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

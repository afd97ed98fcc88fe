"""The same live trades by each listener in turn: CPU for each of them, and how late they come.

All listen to seven markets of one exchange on this machine, over TLS, and count trades and the
candles that they build. The exchange keeps a core busy, so events a second of wall time would be
its own; CPU of the listener's process is not.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from fetch import clean_environment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from environments import Environments

PEERS = Path(__file__).parent / "peers"
OURS, CCXT, CRYPTOFEED = "stream_gekko_lab", "stream_ccxt", "stream_cryptofeed"
CONTENDERS = {OURS: "gekko_lab", CCXT: "gekko_lab", CRYPTOFEED: "cryptofeed"}
TITLES = {
    OURS: "gekko_lab.stream",
    CCXT: "ccxt.pro, watch_trades and build_ohlcvc",
    CRYPTOFEED: "cryptofeed",
}
SYMBOLS = [f"{base}/USDT" for base in ("BTC", "ETH", "SOL", "XRP", "LTC", "ADA", "DOGE")]
RATE = 800  # trades a second of each market
SECONDS, WARM = 12.0, 30.0  # trades since the minute's open come first, a minute's worth at most

Line = dict[str, Any]


def measure(environments: Environments, rounds: int) -> Line:
    """Give every contender's lines, and their medians."""
    for name in set(CONTENDERS.values()):
        environments.python(name)  # made before any exchange begins, whose market has an end
    with tempfile.TemporaryDirectory(prefix="gekko-lab-") as folder:
        certificate = _certificate(Path(folder))
        lines = [_round(environments, certificate, number) for number in range(rounds)]
    return {"rounds": lines, "medians": _medians(lines)}


def _round(
    environments: Environments, certificate: tuple[str, str], number: int
) -> dict[str, Line]:
    """Let every contender listen once; each round begins with another one."""
    names = list(CONTENDERS)
    turn = number % len(names)
    lines = {}
    for name in names[turn:] + names[:turn]:
        with _exchange(environments, certificate) as exchange:
            lines[name] = _listen(environments, name, exchange, certificate[0])
    return lines


def _listen(environments: Environments, name: str, exchange: Line, certificate: str) -> Line:
    task = {
        **exchange,
        "seconds": SECONDS,
        "warm": WARM,
        "symbols": SYMBOLS,
        "certificate": certificate,
    }
    trust = dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), certificate)
    with tempfile.TemporaryDirectory(prefix="gekko-lab-") as fresh:
        answer = subprocess.run(
            [environments.python(CONTENDERS[name]), str(PEERS / f"{name}.py"), json.dumps(task)],
            env=clean_environment() | trust | {"GEKKO_LAB_DATA_DIR": fresh},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=300,
        )
    line: Line = json.loads(answer.stdout.splitlines()[-1])
    late = line.pop("latency_ms")
    for share in (50, 99):
        line[f"p{share}_ms"] = late[len(late) * share // 100]
    return line | {"cpu_us": 1e6 * line["cpu_s"] / line["trades"]}


@contextmanager
def _exchange(environments: Environments, certificate: tuple[str, str]) -> Iterator[Line]:
    with subprocess.Popen(
        [
            environments.python("gekko_lab"),
            str(PEERS / "stream_exchange.py"),
            str(RATE),
            ",".join(SYMBOLS),
            *certificate,
        ],
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


def _certificate(folder: Path) -> tuple[str, str]:
    """Give a certificate for this machine, signed by itself, and its key."""
    certificate, key = str(folder / "certificate.pem"), str(folder / "key.pem")
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(
        [*command, *names, "-keyout", key, "-out", certificate],
        check=True,
        stderr=subprocess.DEVNULL,
        env=os.environ,
    )
    return certificate, key


def _medians(lines: list[dict[str, Line]]) -> dict[str, Line]:
    return {
        name: {
            key: median(line[name][key] for line in lines)
            for key in ("cpu_us", "p50_ms", "p99_ms", "trades")
        }
        for name in CONTENDERS
    }

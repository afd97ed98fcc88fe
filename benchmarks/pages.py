"""How many pages of 1000 klines the served exchange answers a second, on one core.

python benchmarks/pages.py [--seconds 10]

The server runs in a process of its own, which uses one core at most; CPU of that process is
counted as well, as machines are shared. Pages are distinct and were asked for once before.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

SINCE, PAGES, MINUTE = 1_672_531_200_000, 360, 60_000
CONNECTIONS = 4


def main() -> None:
    """Serve, ask, and print."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--seconds", type=float, default=10.0)
    seconds = given.parse_args().seconds
    exchange = Path(__file__).parent / "peers" / "exchange.py"
    with subprocess.Popen(
        [sys.executable, str(exchange)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None  # noqa: S101 (tells the type)
        assert server.stdout is not None  # noqa: S101
        url = json.loads(server.stdout.readline())["url"]
        asyncio.run(_ask(url, 0.0))
        before, began = _cpu_s(server.pid), time.perf_counter()
        answered = asyncio.run(_ask(url, seconds))
        wall, cpu = time.perf_counter() - began, _cpu_s(server.pid) - before
        server.stdin.close()
    print(f"{answered / wall:,.0f} pages/s, {answered / cpu:,.0f} pages in a second of CPU")


async def _ask(url: str, seconds: float) -> int:
    """Ask for every page once, and then again until so many seconds have passed."""
    address = urlsplit(url)
    end = time.perf_counter() + seconds
    counts = await asyncio.gather(
        *(_connection(address.hostname, address.port, n, end) for n in range(CONNECTIONS))
    )
    return sum(counts)


async def _connection(host: str | None, port: int | None, number: int, end: float) -> int:
    reader, writer = await asyncio.open_connection(host, port, limit=1 << 20)
    answered = 0
    while answered < PAGES or time.perf_counter() < end:
        place = (number + CONNECTIONS * answered) % PAGES
        start = SINCE + place * 1000 * MINUTE
        path = f"/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime={start}&limit=1000"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 200") or body.count(b"[") != 1001:  # noqa: PLR2004
            raise SystemExit(f"not a whole page: {head!r}")
        answered += 1
    writer.close()
    return answered


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()

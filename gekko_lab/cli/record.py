"""`gekko-lab record`: markets into the data log while they happen, and a table of how it goes."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import gekko_lab
from gekko_lab.cli.output import check_target, names, write

if TYPE_CHECKING:
    import argparse

    import polars as pl

    from gekko_lab.feeds.recorder import Recorder

_EVERY_S = 1.0
_LINE_EVERY_S = 10.0
_COLUMNS = {
    "exchange": 10,
    "symbol": 12,
    "state": 12,
    "events/s": 9,
    "events": 11,
    "rows": 11,
    "last": 9,
    "gaps": 5,
    "restarts": 8,
    "pid": 8,
}


def add_commands(commands: Any) -> None:  # noqa: ANN401 (argparse hides the type)
    """Add `record`."""
    record = commands.add_parser(
        "record", help="what happens in markets, into the data log, until Ctrl-C"
    )
    record.add_argument("exchange", help="such as binance or simulator")
    record.add_argument("symbols", nargs="+", metavar="symbol", help="such as BTC/USDT")
    record.add_argument(
        "--kinds",
        default="trade,candle",
        help="of trade, candle, order_book, ticker; default trade,candle",
    )
    record.add_argument("--timeframe", default="1m", help="of candles; default 1m")
    record.add_argument("--for", dest="duration", metavar="TIME", help="how long, such as 1h")
    record.add_argument(
        "--interval", choices=("1s", "100ms"), default="1s", help="between order books; default 1s"
    )
    record.add_argument("--depth", type=int, default=20, help="levels of order books; default 20")
    record.add_argument("--jobs", type=int, default=1, help="processes; default none but this")
    record.add_argument("--since", help="begin of a simulated market; by default now")
    record.add_argument("--speed", default="1", help="of a simulated market: 1, 60, … or max")
    record.add_argument(
        "--progress", choices=["auto", "on", "off"], help="the table on stderr; auto on terminals"
    )
    record.add_argument("--out", metavar="FILE", help="where the last status goes; - is stdout")
    record.add_argument("--format", choices=("csv", "json", "parquet"), help="of the status")
    record.set_defaults(run=_record, chart=None)


def _record(given: argparse.Namespace) -> None:
    from gekko_lab.settings import reads_as

    check_target(given.out, given.format)
    shown = reads_as("progress", given.progress)
    recorder = gekko_lab.record(
        given.exchange,
        [symbol for some in given.symbols for symbol in names(some)],
        kinds=names(given.kinds),
        timeframe=given.timeframe,
        duration=given.duration,
        since=given.since,
        speed=_speed(given.speed),
        interval=given.interval,
        depth=given.depth,
        n_jobs=given.jobs,
    )
    board = _Board(recorder, shown)
    try:
        while not recorder.wait(_EVERY_S):
            board.show()
    except KeyboardInterrupt:
        recorder.stop()
        board.show(last=True)
        _tell_kept(recorder)
        raise
    board.show(last=True)
    _tell_kept(recorder)
    write(recorder.status(frame="polars"), given.out, given.format)


def _speed(text: str) -> Any:  # noqa: ANN401 (a number or "max"; what it can't be is told by `record`)
    try:
        return float(text)
    except ValueError:
        return text


def _tell_kept(recorder: Recorder) -> None:
    """Say what is in the data log, and what isn't."""
    status, gaps = recorder.status(frame="polars"), recorder.gaps(frame="polars")
    rows = int(status["rows"].sum())
    sys.stderr.write(f"gekko-lab: {rows:,} rows are in the data log")
    if gaps.is_empty():
        sys.stderr.write(", without a gap\n")
        return
    first = gaps.row(0, named=True)
    sys.stderr.write(
        f"; {gaps.height} gaps are not: the first is {first['kind']} of {first['symbol']} from "
        f"{first['since']:%Y-%m-%dT%H:%M:%S.%fZ} to {first['until']:%Y-%m-%dT%H:%M:%S.%fZ}. Fetch "
        "them while the exchange still has them\n"
    )


class _Board:
    """The status: a table on a terminal, written anew in its place; else a line now and then."""

    def __init__(self, recorder: Recorder, kind: str) -> None:
        self._recorder = recorder
        self._tty = sys.stderr.isatty()
        self._on = kind == "on" or (kind == "auto" and self._tty)
        self._height = 0
        self._due = 0.0
        self._states: dict[tuple[str, str], tuple[str, int]] = {}

    def show(self, *, last: bool = False) -> None:
        status: pl.DataFrame = self._recorder.status(frame="polars")
        self._tell_changes(status)
        if not self._on:
            return
        if self._tty:
            lines = _table(status)
            up = f"\x1b[{self._height}F\x1b[J" if self._height else ""
            sys.stderr.write(up + "\n".join(lines) + "\n")
            self._height = len(lines)
        elif last or time.monotonic() >= self._due:
            self._due = time.monotonic() + _LINE_EVERY_S
            sys.stderr.writelines(f"gekko-lab: {_line(row)}\n" for row in status.rows(named=True))
        sys.stderr.flush()

    def _tell_changes(self, status: pl.DataFrame) -> None:
        """Tell of failures in any case, each once."""
        for row in status.rows(named=True):
            name = (row["exchange"], row["symbol"])
            now = (row["state"], row["restarts"])
            before = self._states.get(name, ("new", 0))
            self._states[name] = now
            failed = now[0] in {"waiting", "failed"} and now[0] != before[0]
            if failed or now[1] > before[1]:
                self._height = 0
                sys.stderr.write(f"gekko-lab: {' '.join(name)} {row['state']}: {row['error']}\n")


def _table(status: pl.DataFrame) -> list[str]:
    head = "  ".join(_fit(name, width) for name, width in _COLUMNS.items())
    return [head, *(_cells(row) for row in status.rows(named=True))]


def _cells(row: dict[str, Any]) -> str:
    last = row["last_event"]
    values = {
        **row,
        "events/s": f"{row['events_per_second']:,.1f}",
        "events": f"{row['events']:,}",
        "rows": f"{row['rows']:,}",
        "last": "" if last is None else f"{last:%H:%M:%S}",
        "pid": row["pid"] or "",
    }
    return "  ".join(_fit(str(values[name]), width) for name, width in _COLUMNS.items())


def _fit(text: str, width: int) -> str:
    return text if len(text) > width else text.ljust(width)


def _line(row: dict[str, Any]) -> str:
    return (
        f"{row['exchange']} {row['symbol']} {row['state']}, {row['events']:,} events, "
        f"{row['rows']:,} rows, {row['gaps']} gaps, {row['restarts']} restarts"
    )

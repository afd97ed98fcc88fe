"""Commands for many series: download them into the data log, plan that, keep the log up to date."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import gekko_lab
from gekko_lab.cli.output import check_target, names, write
from gekko_lab.errors import GekkoLabError, IncompleteData, RequestError

if TYPE_CHECKING:
    import argparse

    import polars as pl

_BAD = ("incomplete", "failed", "stopped")


def add_commands(commands: Any, ways: tuple[str, ...]) -> None:  # noqa: ANN401 (argparse hides the type)
    """Add `download`, `plan` and `update`."""
    download = commands.add_parser(
        "download", help="candles or trades of many symbols, into the data log"
    )
    _add_series(download, ways)
    _add_end(download)
    download.set_defaults(run=_download)
    plan = commands.add_parser("plan", help="what a download would ask for, and what that costs")
    _add_series(plan, ways)
    _add_table(plan)
    plan.set_defaults(run=_plan)
    update = commands.add_parser("update", help="bring all that the data log holds up to now")
    update.add_argument("--exchange", action="append", help="only of this one; may be repeated")
    update.add_argument("--symbol", action="append", help="only this one; may be repeated")
    update.add_argument("--timeframe", action="append", help="only this one; may be repeated")
    update.add_argument("--every", metavar="TIME", help="again and again, such as each 1h")
    update.add_argument("--rounds", type=int, help="end after so many times; with --every")
    update.add_argument("--jobs", type=int, default=8, help="series at a time; default 8")
    _add_end(update)
    update.set_defaults(run=_update)


def _add_series(parser: argparse.ArgumentParser, ways: tuple[str, ...]) -> None:
    parser.add_argument("exchanges", help="such as binance, or binance,kraken")
    parser.add_argument("symbols", help="such as BTC/USDT, or BTC/USDT,ETH/USDT")
    parser.add_argument("timeframes", nargs="?", help="such as 1h, or 1m,1h; default 1h")
    parser.add_argument("--since", required=True, help="2024-01-31, 2024-01-31T12:00Z, or 30d")
    parser.add_argument("--until", help="end, not included; by default now")
    parser.add_argument("--trades", action="store_true", help="trades instead of candles")
    parser.add_argument("--source", choices=ways, default="auto", help="where candles come from")
    parser.add_argument("--jobs", type=int, default=8, help="series at a time; default 8")


def _add_end(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--progress", choices=["auto", "on", "off"], help="lines on stderr; auto on terminals"
    )
    _add_table(parser)


def _add_table(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", metavar="FILE", help="where the report goes; - is stdout")
    parser.add_argument("--format", choices=("csv", "json", "parquet"), help="of the report")
    parser.set_defaults(chart=None)


def _asked(given: argparse.Namespace) -> tuple[tuple[Any, ...], dict[str, Any]]:
    widths = None if given.timeframes is None else names(given.timeframes)
    named = names(given.exchanges), names(given.symbols), widths
    bounds = {"since": given.since, "until": given.until}
    kind = "trades" if given.trades else "candles"
    return named, {**bounds, "kind": kind, "source": given.source, "n_jobs": given.jobs}


def _download(given: argparse.Namespace) -> None:
    from gekko_lab.fetching.progress import Board
    from gekko_lab.settings import reads_as

    check_target(given.out, given.format)
    named, asked = _asked(given)
    job = gekko_lab.Job(*named, **asked)
    errors: list[Exception] = []
    with Board(len(job), reads_as("progress", given.progress), lasting=True) as board:
        job.on(board)
        job.on_end(board.finish)
        job.on(lambda step: errors.extend([step.error] if step.error else []))
        job.start()
        try:
            while not job.wait(0.2):
                pass
        except KeyboardInterrupt:
            job.stop()
            sys.stderr.write(
                "\ngekko-lab: what came so far is kept; the same command goes on from there"
            )
            raise
    report = job.report(frame="polars")
    _check_any(report, errors)
    _deliver(given, report)


def _plan(given: argparse.Namespace) -> None:
    check_target(given.out, given.format)
    named, asked = _asked(given)
    write(gekko_lab.plan(*named, **asked, frame="polars"), given.out, given.format)


def _update(given: argparse.Namespace) -> None:
    check_target(given.out, given.format)
    report = gekko_lab.update(
        given.exchange,
        given.symbol,
        given.timeframe,
        every=given.every,
        rounds=given.rounds,
        n_jobs=given.jobs,
        frame="polars",
        progress=given.progress,
    )
    _deliver(given, report)


def _deliver(given: argparse.Namespace, report: pl.DataFrame) -> None:
    """Write the report; where a series lacks something, end with the code that says so."""
    if report["status"].is_in(_BAD).any():
        raise IncompleteData(_told(report), frame=report, report=report)
    write(report, given.out, given.format)


def _check_any(report: pl.DataFrame, errors: list[Exception]) -> None:
    """Raise where nothing at all was had, what `fetch` would raise: there is no rest to write."""
    if report["rows"].sum() or not report["status"].is_in(_BAD).all():
        return
    wrong = errors and all(isinstance(error, RequestError) for error in errors)
    raise (RequestError if wrong else GekkoLabError)(_told(report))


def _told(report: pl.DataFrame) -> str:
    """Say how many series lack something, and what the first one does."""
    bad = report.filter(report["status"].is_in(_BAD))
    row = bad.row(0, named=True)
    return (
        f"{len(bad)} of {len(report)} series could not be had as a whole; the first is "
        f"{row['exchange']} {row['symbol']} {row['timeframe'] or 'trades'}: {row['error']}"
    )

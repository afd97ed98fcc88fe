"""The commands, their arguments and exit codes."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from typing import TYPE_CHECKING, Any

import gekko_lab
from gekko_lab.cli import many, record, serving
from gekko_lab.cli.output import FORMATS, check_target, write, write_chart
from gekko_lab.errors import (
    DataError,
    GekkoLabError,
    GekkoLabWarning,
    IncompleteData,
    RequestError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gekko_lab.sources.source import Source

_WAYS = ("auto", "rest", "archive", "trades", "log")

DONE, WRONG_REQUEST, SOURCE_FAILED, INCOMPLETE, INTERRUPTED = 0, 2, 3, 4, 130

_EPILOG = f"""
exit codes:
  {DONE}    everything that was asked for is there, or doesn't exist and is named on stderr
  {WRONG_REQUEST}    the request can't be answered as it stands
  {SOURCE_FAILED}    the exchange, the way to it or the disk failed; nothing was written
  {INCOMPLETE}    a part could not be had; the rest was written and what is missing is on stderr
  {INTERRUPTED}  interrupted
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and give its exit code.

    Parameters
    ----------
    arguments
        Without the program's name; by default those of this process.

    Returns
    -------
    int
        0 done, 2 wrong request, 3 the exchange or the disk failed, 4 incomplete, 130 interrupted.
    """
    given = _parser().parse_args(arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("always", GekkoLabWarning)
        warnings.showwarning = _show_warning
        try:
            return _answer(given)
        except BrokenPipeError:  # the reader, such as head, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return DONE
        except RequestError as error:
            return _failed(error, WRONG_REQUEST)
        except (GekkoLabError, DataError, OSError) as error:
            return _failed(error, SOURCE_FAILED)
        except KeyboardInterrupt:
            sys.stderr.write("\ngekko-lab: interrupted\n")
            return INTERRUPTED


def _answer(given: argparse.Namespace) -> int:
    try:
        given.run(given)
    except IncompleteData as error:
        _deliver(given, error.frame)
        return _failed(error, INCOMPLETE)
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gekko-lab",
        description="Crypto market data, real and simulated.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=gekko_lab.__version__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_fetch(commands)
    many.add_commands(commands, _WAYS)
    record.add_commands(commands)
    _add_simulate(commands)
    _add_symbols(commands)
    serving.add_command(commands)
    init = commands.add_parser("init", help="make a data folder for all that is below a folder")
    init.add_argument("folder", nargs="?", default=".", help="a project's folder; by default here")
    init.set_defaults(run=_init)
    info = commands.add_parser("info", help="show versions, settings and where data are kept")
    info.set_defaults(run=_info)
    warmup = commands.add_parser(
        "warmup", help="compile the simulator's loops now, so that no long request does it"
    )
    warmup.set_defaults(run=_warmup)
    return parser


def _add_fetch(commands: Any) -> None:  # noqa: ANN401 (argparse hides the type)
    fetch = commands.add_parser("fetch", help="candles or trades of an exchange")
    fetch.add_argument("exchange", help="such as binance, kraken or simulator")
    fetch.add_argument("symbol", help="such as BTC/USDT")
    _add_range(fetch)
    fetch.add_argument(
        "--log",
        action=argparse.BooleanOptionalAction,
        help="go through the data log: ask only for what it lacks; by default for real exchanges",
    )
    fetch.add_argument("--source", choices=_WAYS, default="auto", help="where candles come from")
    fetch.set_defaults(run=_fetch)


def _add_simulate(commands: Any) -> None:  # noqa: ANN401
    simulate = commands.add_parser("simulate", help="candles or trades of the simulated market")
    simulate.add_argument("symbol", nargs="?", default="BTC/USDT", help="default BTC/USDT")
    _add_range(simulate)
    simulate.add_argument("--preset", help="liquid, thin, fx, stress or gekko-m4")
    simulate.add_argument("--seed", type=int, default=0, help="another seed, another market")
    simulate.add_argument("--volatility", default="moderate", help="low, moderate or high")
    simulate.add_argument("--trend", default="fibonacci", help="fibonacci, up, down or sideways")
    simulate.add_argument("--process", default="multiscale", help="multiscale, gbm or garch")
    simulate.set_defaults(run=_simulate)


def _add_symbols(commands: Any) -> None:  # noqa: ANN401
    symbols = commands.add_parser("symbols", help="markets of an exchange and their rules")
    symbols.add_argument("exchange", help="such as binance, kraken or simulator")
    _add_output(symbols)
    symbols.set_defaults(run=_symbols, chart=None)


def _add_range(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("timeframe", nargs="?", help="such as 1m, 1h, 1d; default 1h")
    parser.add_argument(
        "--since", help="first time: 2024-01-31, 2024-01-31T12:00Z, or 30d (back from now)"
    )
    parser.add_argument("--until", help="end, not included")
    parser.add_argument("--limit", type=int, help="so many rows; 500 without --since")
    parser.add_argument("--trades", action="store_true", help="trades instead of candles")
    parser.add_argument("--full", action="store_true", help="with quote volume and trade count")
    parser.add_argument("--chart", metavar="FILE.html", help="write an interactive chart as well")
    parser.add_argument(
        "--progress", choices=["auto", "on", "off"], help="a line on stderr; auto on terminals"
    )
    _add_output(parser)


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", metavar="FILE", help="where to write; - is stdout")
    parser.add_argument("--format", choices=FORMATS, help="by default what FILE's name says")


def _fetch(given: argparse.Namespace) -> None:
    _run(given, given.exchange)


def _simulate(given: argparse.Namespace) -> None:
    _run(
        given,
        gekko_lab.ExchangeSimulator(
            given.preset,
            seed=given.seed,
            volatility=given.volatility,
            trend=given.trend,
            process=given.process,
        ),
    )


def _run(given: argparse.Namespace, exchange: str | Source) -> None:
    check_target(given.out, given.format, chart=given.chart)
    asked: Any = {
        "since": given.since,
        "until": given.until,
        "limit": given.limit,
        "frame": "polars",
        "progress": given.progress,
    }
    if given.trades:
        _refuse_with_trades(given)
    asked["log"] = getattr(given, "log", None)
    asked["source"] = getattr(given, "source", "auto")
    if given.trades:
        frame = gekko_lab.fetch_trades(exchange, given.symbol, **asked)
    else:
        asked["columns"] = "full" if given.full else "base"
        frame = gekko_lab.fetch(exchange, given.symbol, _timeframe(given), **asked)
    _deliver(given, frame)


def _timeframe(given: argparse.Namespace) -> str:
    return given.timeframe or "1h"


def _refuse_with_trades(given: argparse.Namespace) -> None:
    for name in ("chart", "full"):
        if getattr(given, name, False):
            raise RequestError(f"--{name} is for candles; leave it out with --trades")
    if given.timeframe is not None:
        raise RequestError(f"trades have no timeframe; leave out {given.timeframe!r} with --trades")


def _symbols(given: argparse.Namespace) -> None:
    check_target(given.out, given.format)
    _deliver(given, gekko_lab.symbols(given.exchange, frame="polars"))


def _deliver(given: argparse.Namespace, frame: Any) -> None:  # noqa: ANN401
    write(frame, given.out, given.format)
    if given.chart:
        title = f"{getattr(given, 'exchange', 'simulator')} {given.symbol} {_timeframe(given)}"
        write_chart(frame, given.chart, title=title)


def _init(given: argparse.Namespace) -> None:
    from gekko_lab.settings import make_data_dir

    folder = make_data_dir(given.folder)
    sys.stdout.write(f"everything below {folder.parent} keeps its data in {folder}\n")


def _info(given: argparse.Namespace) -> None:
    del given
    from gekko_lab.cli.info import lines

    sys.stdout.write("\n".join(lines()) + "\n")


def _warmup(given: argparse.Namespace) -> None:
    del given
    from gekko_lab import kernels

    known = kernels.are_compiled()
    if not known:
        sys.stderr.write("gekko-lab: compiling the simulator's loops, once on this machine\n")
    seconds = kernels.warm_up()
    done = "were compiled already" if known else "are compiled"
    sys.stdout.write(f"the simulator's loops {done} ({seconds:.1f} s)\n")


def _failed(error: BaseException, code: int) -> int:
    sys.stderr.write(f"gekko-lab: {error}\n")
    return code


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    sys.stderr.write(f"gekko-lab: {message}\n")

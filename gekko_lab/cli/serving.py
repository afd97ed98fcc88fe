"""The command that serves the simulated market as a real exchange."""

from __future__ import annotations

import argparse
import errno
import sys
from typing import TYPE_CHECKING, Any

from gekko_lab.errors import InvalidArgument

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from gekko_lab.server import Server

_EXCHANGES = ("binance", "coinbaseexchange", "kraken")
_PORT, _MOST_PORT = 8642, 65_535

_EPILOG = """
The served exchange has the history of the simulated market since 2010 and goes on with the clock.
Faults are a kind, what it strikes (candles, trades, order_book, ticker, markets, time, a path or *)
and settings, such as  --fault rate_limited:candles:every=10:value=3  or  --fault reset:*:every=50
"""


def add_command(commands: Any) -> None:  # noqa: ANN401 (argparse hides the type)
    """Add `serve`."""
    serve = commands.add_parser(
        "serve",
        help="the simulated market behind a real exchange's protocol, for any program",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    serve.add_argument("--exchange", choices=_EXCHANGES, default="binance")
    serve.add_argument("--host", default="127.0.0.1", help="default 127.0.0.1, this machine only")
    serve.add_argument("--port", type=_port, default=_PORT, help=f"default {_PORT}; 0: a free one")
    serve.add_argument(
        "--allow-remote", action="store_true", help="let a --host that others can reach be used"
    )
    serve.add_argument(
        "--control-token", metavar="TOKEN", help="what the control API must be shown"
    )
    serve.add_argument("--tls-cert", metavar="FILE", help="certificate, to serve https and wss")
    serve.add_argument("--tls-key", metavar="FILE", help="its key")
    serve.add_argument("--preset", help="liquid, thin, fx, stress or gekko-m4")
    serve.add_argument("--seed", type=int, default=0, help="another seed, another market")
    serve.add_argument(
        "--start", metavar="TIME", help="when its time begins: 2024-01-31, or 30d; default now"
    )
    serve.add_argument("--speed", type=float, default=1.0, help="its seconds in a second")
    limits = serve.add_mutually_exclusive_group()
    limits.add_argument(
        "--limits",
        choices=("official", "off"),
        default="official",
        help="whether it refuses who asks too often, as the real one does; the default is official",
    )
    limits.add_argument("--weight-limit", type=float, help="another limit than the official one")
    serve.add_argument(
        "--fault", action="append", default=[], metavar="FAULT", help="may be repeated; see below"
    )
    serve.set_defaults(run=_serve)


def _serve(given: argparse.Namespace) -> None:
    _check_host(given)
    with _started(given) as server:
        sys.stdout.write("\n".join([*_greeting(given, server), ""]))
        sys.stdout.flush()
        if server.wait():
            raise KeyboardInterrupt


def _started(given: argparse.Namespace) -> Server:
    from gekko_lab.server import serve
    from gekko_lab.server.dialects import OFFICIAL_LIMITS
    from gekko_lab.server.fault_reading import parse_fault
    from gekko_lab.simulation import SimulatedMarket, presets

    faults = [parse_fault(text) for text in given.fault]
    market = SimulatedMarket(presets.choose(given.preset, {"seed": given.seed}))
    limit = given.weight_limit
    if limit is None and given.limits == "official":
        limit = OFFICIAL_LIMITS[given.exchange]
    tls = _tls(given)
    try:
        server = serve(
            market,
            exchange=given.exchange,
            start=given.start,
            speed=given.speed,
            weight_limit=limit,
            seed=given.seed,
            tls=tls,
            control_token=given.control_token,
            host=given.host,
            port=given.port,
        )
    except OSError as error:
        raise OSError(_trouble(given, error)) from error
    server.faults.enter(*faults)
    return server


def _trouble(given: argparse.Namespace, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {given.port} of {given.host} is taken: choose another --port, or --port 0 for a "
            "free one"
        )
    return f"can't listen on port {given.port} of {given.host}: {error}"


def _check_host(given: argparse.Namespace) -> None:
    from gekko_lab.server.describing import is_loopback

    if not is_loopback(given.host) and not given.allow_remote:
        raise InvalidArgument(
            f"--host {given.host} lets other machines reach the served exchange: add "
            "--allow-remote if that is wanted, or leave --host out"
        )


def _tls(given: argparse.Namespace) -> ssl.SSLContext | None:
    from gekko_lab.server.transport import secured

    if given.tls_cert is None and given.tls_key is None:
        return None
    if given.tls_cert is None or given.tls_key is None:
        raise InvalidArgument("--tls-cert and --tls-key go together: give both")
    try:
        return secured((given.tls_cert, given.tls_key))
    except OSError as error:
        told = f"--tls-cert {given.tls_cert} and --tls-key {given.tls_key} can't be used: {error}"
        raise OSError(told) from error


def _greeting(given: argparse.Namespace, server: Server) -> Iterator[str]:
    from gekko_lab.market.moments import show_time
    from gekko_lab.server.clients import clients
    from gekko_lab.server.control import BASE
    from gekko_lab.server.describing import is_loopback

    url, exchange = server.url, given.exchange
    settings = f"{url}{BASE}/clients"
    pace = "" if given.speed == 1 else f", {given.speed:g} times as fast as real time"
    yield f"The simulated market is served as {exchange} at {url}"
    yield f"its time is {show_time(server.clock())}{pace}"
    if not is_loopback(given.host):
        yield "other machines can reach it"
    yield ""
    yield "ccxt and ccxt.pro:"
    yield f'    config = requests.get("{settings}/ccxt").json()'
    yield f"    exchange = ccxt.{exchange}(config)"
    yield "freqtrade, beside a configuration of your own:"
    yield f"    curl -s {settings}/freqtrade > serve.json"
    yield "    freqtrade download-data --config config.json --config serve.json ..."
    told = clients(url, exchange).get("python-binance")
    if told is not None:
        stream = told.pop("STREAM_URL")
        yield "python-binance:"
        for name, value in told.items():
            yield f'    binance.Client.{name} = binance.AsyncClient.{name} = "{value}"'
        yield f'    binance.BinanceSocketManager.STREAM_URL = "{stream}"'
    yield "faults, clock, log of requests:"
    if given.control_token:
        yield f'    curl -H "Authorization: Bearer {given.control_token}" {url}{BASE}/'
    elif is_loopback(given.host):
        yield f"    curl {url}{BASE}/"
    else:
        yield "    off, as there is no --control-token"
    yield ""
    yield "Ctrl-C ends it."


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= _MOST_PORT:
        raise argparse.ArgumentTypeError(f"a port is 0 to {_MOST_PORT}")
    return number

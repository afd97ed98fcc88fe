"""The budget of one source: each of its requests waits here for its turn."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from gekko_lab.errors import RateLimited
from gekko_lab.limits import accounts, answers, clock, table, waiting
from gekko_lab.limits.clock import SECOND
from gekko_lab.limits.ledger import ledger
from gekko_lab.limits.limit import MOST, Limit

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from gekko_lab.limits.accounts import Charge, Turn
    from gekko_lab.limits.limit import Service

_REFUSED = {418, 429}
_FORBIDDEN = 403
_WORTH_A_HOLD_S = 0.05
_PROXIES = ("proxy", "proxyUrl", "httpProxy", "httpsProxy", "socksProxy")


@dataclass(frozen=True, slots=True)
class Pace:
    """What ccxt would do: how often a request of cost one may go, and what this one costs."""

    every_ms: float = 1000.0
    cost: float = 1.0


class Budget:
    """Makes requests wait so that an exchange's limits hold for this whole machine.

    All budgets with the same folder count together, in this process and in others, for each host
    by itself.

    Parameters
    ----------
    exchange
        ccxt's id, whose limits a host gets that isn't known.
    folder
        Where it is counted.
    config
        The user's settings: a rateLimit holds beside the exchange's own limits, and a proxy means
        another address with limits of its own.
    """

    def __init__(
        self, exchange: str, folder: Path, *, config: Mapping[str, Any] | None = None
    ) -> None:
        self._exchange = exchange
        self._ledger = ledger(folder)
        self._paced = "rateLimit" in (config or {})
        self._route = _route(config or {})
        self._clock = clock.WALL

    def acquire(self, url: str, pace: Pace | None = None) -> None:
        """Come back when a request to that address may go.

        Parameters
        ----------
        url
            With its query, as that decides what the request costs.
        pace
            What ccxt knows of it.

        Raises
        ------
        RateLimited
            When that would last longer than two minutes, as in a ban; `.retry_after` says how long.
        """
        host, charges = self._charges(url, pace or Pace())
        left = round(waiting.LONGEST_WAIT_S * SECOND)
        turn = self._take(host, charges, left)
        while not turn.taken:
            wait = turn.moment - turn.now
            if wait > left:
                raise _too_long(turn, host)
            left -= wait
            reason = turn.held or f"budget of {host}"
            waiting.announce(waiting.Wait(host, reason, wait / SECOND))
            waiting.sleep(wait / SECOND, self._clock)
            turn = self._keep(host, charges, turn) or self._take(host, charges, left)

    def learn(self, url: str, status: int, headers: Mapping[str, str], body: str = "") -> None:
        """Take from an answer what it says about the limits.

        A refusal puts the host on hold for everyone. Weight that was used by others on this address
        makes everyone wait until it fits.

        Parameters
        ----------
        url, status, headers, body
            Of the answer.
        """
        seconds = answers.retry_after(headers)
        if status in _REFUSED or (status == _FORBIDDEN and seconds):
            banned = answers.banned_for(body, self._clock.now() / SECOND)
            self.refused(url, max(seconds or 0.0, banned or 0.0), f"hold after {status}")
            return
        host, service = self._served(url)
        for limit in service.limits if service else ():
            if limit.header is not None:
                self._compare(host, limit, headers)

    def refused(self, url: str, seconds: float | None, reason: str) -> None:
        """Put the host on hold for everyone.

        Parameters
        ----------
        url
            Of the request.
        seconds
            How long; by default as long as is usual there.
        reason
            For those who wait.
        """
        host, service = self._served(url)
        usual = 5.0 if service is None else service.hold_s
        self._hold(host, seconds or usual, reason)

    def _compare(self, host: str, limit: Limit, headers: Mapping[str, str]) -> None:
        """Wait until what may still come in the server's window fits into what is left of it.

        Alone we never get there, as pace and burst fit into any window. Whole seconds of the
        server's clock are cut off, so that its rounding doesn't cost a pause.
        """
        text = answers.header(headers, limit.header or "")
        if not text.isdecimal():
            return
        rest = max(0.0, MOST * limit.amount - int(text))
        sent = answers.sent_at(headers)
        second = self._clock.now() / SECOND if sent is None else sent
        ends_in = limit.window_s - 1 - math.floor(second) % limit.window_s
        pause = ends_in - rest / limit.rate
        if pause > _WORTH_A_HOLD_S:
            reason = f"others use {host} from here ({text} of {limit.amount:g})"
            self._hold(host, pause, reason, rests=False)

    def _hold(self, host: str, seconds: float, reason: str, *, rests: bool = True) -> None:
        def work(db: sqlite3.Connection, _: float) -> None:
            now = self._clock.now()
            until = now + round(min(seconds, accounts.LONGEST_HOLD / SECOND) * SECOND)
            accounts.put_on_hold(db, host, until, reason, now, rests=rests)

        self._ledger.write(work)

    def _take(self, host: str, charges: Sequence[Charge], longest: int) -> Turn:
        def work(db: sqlite3.Connection, times: float) -> Turn:
            charged = _times(charges, times)
            return accounts.take_turn(db, host, charged, self._clock.now(), longest)

        return self._ledger.write(work)

    def _keep(self, host: str, charges: Sequence[Charge], turn: Turn) -> Turn | None:
        def work(db: sqlite3.Connection, times: float) -> Turn | None:
            charged = _times(charges, times)
            return accounts.keep_turn(db, host, charged, turn, self._clock.now())

        return self._ledger.write(work)

    def _served(self, url: str) -> tuple[str, Service | None]:
        address = urlsplit(url)
        host = address.netloc.rpartition("@")[2].lower()
        found = table.service(host, address.path, self._exchange)
        if found is not None and host in found.hosts:
            host = found.hosts[0]
        return host + self._route, found

    def _charges(self, url: str, pace: Pace) -> tuple[str, list[Charge]]:
        host, service = self._served(url)
        theirs = accounts.Charge(
            f"rateLimit {pace.every_ms:g} ms", _of_ccxt(pace.every_ms), pace.cost
        )
        if service is None:
            return host, [theirs]
        weight = _weight(service, url, pace)
        charges = [
            accounts.Charge(f"{service.name} {limit.name}", limit, 1.0 if place else weight)
            for place, limit in enumerate(service.limits)
        ]
        return host, [*charges, theirs] if self._paced else charges


@lru_cache
def _of_ccxt(every_ms: float) -> Limit:
    return Limit("requests", 1000 / every_ms, 1, burst=1)


def _weight(service: Service, url: str, pace: Pace) -> float:
    address = urlsplit(url)
    known = service.weights.get(address.path)
    if known is not None:
        return known.of(dict(parse_qsl(address.query)))
    first = service.limits[0]  # as large a part of the limit as the time that ccxt would wait
    return max(1.0, pace.cost * pace.every_ms / 1000 * first.amount / first.window_s)


def _times(charges: Sequence[Charge], times: float) -> Sequence[Charge]:
    if times == 1:
        return charges
    return [replace(charge, cost=charge.cost * times) for charge in charges]


def _route(config: Mapping[str, Any]) -> str:
    """Name the proxy, as requests through it come from another address."""
    named = (config.get(name) or config.get(f"{name}_") for name in _PROXIES)
    proxies = [proxy for proxy in named if isinstance(proxy, str)]
    proxies += [each for each in (config.get("proxies") or {}).values() if isinstance(each, str)]
    return f" via {urlsplit(proxies[0]).hostname}" if proxies else ""


def _too_long(turn: Turn, host: str) -> RateLimited:
    seconds = (turn.moment - turn.now) / SECOND
    if turn.held:
        asked = f"{host} is on hold ({turn.held})"
    else:
        asked = f"the budget of {host} is spent for a while, as much is being asked at once"
    return RateLimited(
        f"{asked}: no request goes there for {seconds:.0f} s; wait that long, or see "
        "gekko_lab.limits.status()",
        retry_after=seconds,
    )

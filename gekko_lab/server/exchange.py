"""One request from its arrival to its answer: faults, weight, dialect, log."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from gekko_lab.server.binance import Answer, BinanceSpot
from gekko_lab.server.spoiling import HTML, spoiled
from gekko_lab.server.transport import Parcel, reset, send

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from aiohttp import web

    from gekko_lab.server.faults import Fault, Faults
    from gekko_lab.server.limits import Counter, Verdict

_LOG_LENGTH = 1_000_000
_STATUS_FAULTS = ("status", "status_html", "status_empty")
_HTML_TYPE = {"Content-Type": "text/html"}


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the server saw it.

    Attributes
    ----------
    path : str
        Such as `/api/v3/klines`.
    query : dict of str
        Parameters by name.
    time : float
        When it arrived, seconds UTC of the limits' clock.
    status : int
        HTTP status of the answer; 0 when the connection hung or was reset before one.
    weight : int
        What it counted; 0 when a fault stood before the counter.
    """

    path: str
    query: dict[str, str]
    time: float
    status: int
    weight: int


class Exchange:
    """Answers requests one after the other, on the server's loop.

    Parameters
    ----------
    dialect
        What good requests are answered with.
    faults
        What goes wrong.
    counter
        Counts the weight.
    clock
        The exchange's time, milliseconds UTC.
    limit_clock
        Seconds UTC for the log.
    """

    def __init__(
        self,
        dialect: BinanceSpot,
        faults: Faults,
        counter: Counter,
        *,
        clock: Callable[[], int],
        limit_clock: Callable[[], float],
    ) -> None:
        self._dialect = dialect
        self._faults = faults
        self._counter = counter
        self._clock = clock
        self._limit_clock = limit_clock
        self._log: deque[Request] = deque(maxlen=_LOG_LENGTH)
        self._lock = threading.Lock()

    @property
    def requests(self) -> list[Request]:
        """The requests so far, in the order in which they were answered."""
        with self._lock:
            return list(self._log)

    async def handle(self, request: web.BaseRequest, closing: asyncio.Event) -> web.StreamResponse:
        """Answer a request; what hangs ends when the server closes."""
        query = dict(request.query)
        visit = Request(request.path, query, self._limit_clock(), 0, 0)
        hits = self._faults.meet(request.path, query)
        for fault, _ in hits:
            if fault.kind == "delay":
                await asyncio.sleep(fault.amount(0.1))
        for fault, _ in hits:
            if fault.kind in {"reset", "hang"}:
                self._note(visit)
                if fault.kind == "hang":
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(closing.wait(), fault.value)
                return reset(request)
            parcel = _refused(fault)
            if parcel is not None:
                self._note(visit, parcel.status)
                return await send(request, parcel)
        weight = self._dialect.weight(request.path)
        parcel = self._parcel(request, self._counter.charge(request.remote or "", weight), hits)
        self._note(visit, parcel.status, weight)
        return await send(request, parcel)

    def _parcel(
        self, request: web.BaseRequest, verdict: Verdict, hits: list[tuple[Fault, random.Random]]
    ) -> Parcel:
        used = str(verdict.used)
        headers = {"X-MBX-USED-WEIGHT": used, "X-MBX-USED-WEIGHT-1M": used}
        if verdict.status != HTTPStatus.OK:
            headers["Retry-After"] = str(verdict.retry_after)
            answer = Answer.error(verdict.status, -1003, self._counter.refusal(verdict))
            return Parcel(answer.status, answer.body, headers)
        answer = self._dialect.answer(
            request.method, request.path, list(request.query.items()), self._clock()
        )
        if answer.status != HTTPStatus.OK:
            return Parcel(answer.status, answer.body, headers)
        return _damaged(Parcel(answer.status, answer.body, headers), hits)

    def _note(self, visit: Request, status: int = 0, weight: int = 0) -> None:
        with self._lock:
            self._log.append(replace(visit, status=status, weight=weight))


def _damaged(parcel: Parcel, hits: list[tuple[Fault, random.Random]]) -> Parcel:
    """Give the parcel that the faults make of a good one."""
    for fault, chance in hits:
        parcel = replace(parcel, body=spoiled(parcel.body, fault, chance))
        if fault.kind == "html":
            parcel = replace(parcel, headers={**parcel.headers, **_HTML_TYPE})
        elif fault.kind in {"reset_body", "early_fin"}:
            parcel = replace(parcel, broken=fault.kind)
        elif fault.kind == "slow_body":
            parcel = replace(parcel, drip_s=fault.amount(1.0))
    return parcel


def _refused(fault: Fault) -> Parcel | None:
    """Give the answer of a fault that stands before the exchange."""
    if fault.kind == "rate_limited":
        return _limited(429, round(fault.amount(1)), "Too many requests.")
    if fault.kind == "banned":
        return _limited(418, round(fault.amount(120)), "Way too many requests; IP banned.")
    if fault.kind not in _STATUS_FAULTS:
        return None
    status = round(fault.amount(503))
    if fault.kind == "status_html":
        return Parcel(status, HTML, _HTML_TYPE)
    if fault.kind == "status_empty":
        return Parcel(status, b"")
    return Parcel(status, Answer.error(status, -1000, "An unknown error occurred.").body)


def _limited(status: int, wait_s: int, text: str) -> Parcel:
    return Parcel(status, Answer.error(status, -1003, text).body, {"Retry-After": str(wait_s)})

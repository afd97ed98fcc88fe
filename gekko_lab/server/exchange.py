"""One request from its arrival to its answer: faults, weight, dialect, log."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from gekko_lab.server.limits import BANNED, TOO_MANY, Verdict
from gekko_lab.server.request_log import RequestLog
from gekko_lab.server.spoiling import HTML, spoiled
from gekko_lab.server.transport import Parcel, reset, send

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from aiohttp import web

    from gekko_lab.server.dialect import Asked, Dialect
    from gekko_lab.server.faults import Fault, Faults
    from gekko_lab.server.limits import Meter
    from gekko_lab.server.sockets import Sockets
    from gekko_lab.server.spoiling import Layout

    Hits = list[tuple[Fault, random.Random]]

_LOG_LENGTH = 1_000_000
_STATUS_FAULTS = ("status", "status_html", "status_empty")
_RATE_FAULTS = {"rate_limited": (TOO_MANY, 1.0), "banned": (BANNED, 120.0)}
_HTML_TYPE = {"Content-Type": "text/html"}


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the server saw it, or one message on a WebSocket connection.

    Attributes
    ----------
    path : str
        Such as `/api/v3/klines`; of a message, that of its connection.
    query : dict of str
        Parameters by name; of a message `method` and `params`, which are joined by commas.
    time : float
        When it arrived, seconds UTC of the limits' clock.
    status : int
        HTTP status of the answer; 0 when the connection hung or was reset before one; 101 where a
        WebSocket connection began. A message has 200, or 400 when it was refused.
    weight : int
        What it counted; 0 when a fault stood before the counter.
    refused : bool
        Whether it was one too many, for the limits or by a fault. Kraken says so with status 200.
    """

    path: str
    query: dict[str, str]
    time: float
    status: int
    weight: int
    refused: bool = False


class Exchange:
    """Answers requests one after the other, on the server's loop.

    Attributes
    ----------
    clock : Callable
        The exchange's time.
    log : RequestLog
        What was asked so far.
    sockets : Sockets or None
        Who serves WebSocket connections.

    Parameters
    ----------
    dialect
        What good requests are answered with.
    faults
        What goes wrong.
    meter
        Counts the weight.
    clock
        The exchange's time, milliseconds UTC.
    limit_clock
        Seconds UTC for the log.
    sockets
        Who serves WebSocket connections, where the exchange's are served.
    """

    def __init__(
        self,
        dialect: Dialect,
        faults: Faults,
        meter: Meter,
        *,
        clock: Callable[[], int],
        limit_clock: Callable[[], float],
        sockets: Sockets | None = None,
    ) -> None:
        self.sockets = sockets
        self._dialect = dialect
        self._faults = faults
        self._counter = meter
        self.clock = clock
        self._limit_clock = limit_clock
        self.log = RequestLog(_LOG_LENGTH)

    @property
    def requests(self) -> list[Request]:
        """The requests so far, in the order in which they were answered."""
        return self.log.all()

    async def handle(self, request: web.BaseRequest, closing: asyncio.Event) -> web.StreamResponse:
        """Answer a request; what hangs ends when the server closes."""
        query = dict(request.query)
        visit = Request(request.path, query, self._limit_clock(), 0, 0)
        asked = self._dialect.asked(request.path, query)
        hits = self._faults.meet(request.path, asked)
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
            parcel = self._refused(fault)
            if parcel is not None:
                self._note(visit, parcel.status, refused=fault.kind in _RATE_FAULTS)
                return await send(request, parcel)
        if self.sockets is not None and self.sockets.wanted(request):
            return await self.sockets.accept(request, self._note_socket)
        weight = self._dialect.weight(request.path, query)
        verdict = self._counter.charge(request.remote or "", weight)
        parcel = await self._parcel(request, verdict, asked, hits)
        self._note(visit, parcel.status, weight, refused=verdict.status != HTTPStatus.OK)
        return await send(request, parcel)

    async def _parcel(
        self, request: web.BaseRequest, verdict: Verdict, asked: Asked, hits: Hits
    ) -> Parcel:
        used = self._dialect.used(verdict)
        if verdict.status != HTTPStatus.OK:
            answer = self._dialect.refusal(verdict)
            return Parcel(answer.status, answer.body, {**used, **answer.headers})
        skew = sum(int(fault.amount(5000)) for fault, _ in hits if fault.kind == "clock_skew")
        now = self.clock() + skew
        if asked.subject == "ticker" and not asked.symbols:
            for _ in self._dialect.prepare(request.path, now):
                await asyncio.sleep(0)  # others have their turn
        answer = self._dialect.answer(
            request.method, request.path, list(request.query.items()), now
        )
        parcel = Parcel(answer.status, answer.body, {**used, **answer.headers})
        layout = self._dialect.layout(asked.subject)
        return parcel if answer.error else self._damaged(parcel, layout, hits)

    def _damaged(self, parcel: Parcel, layout: Layout | None, hits: Hits) -> Parcel:
        """Give the parcel that the faults make of a good one."""
        for fault, chance in hits:
            body = spoiled(parcel.body, fault, chance, layout=layout, nothing=self._dialect.nothing)
            parcel = replace(parcel, body=body)
            if fault.kind == "html":
                parcel = replace(parcel, headers={**parcel.headers, **_HTML_TYPE})
            elif fault.kind in {"reset_body", "early_fin"}:
                parcel = replace(parcel, broken=fault.kind)
            elif fault.kind == "slow_body":
                parcel = replace(parcel, drip_s=fault.amount(1.0))
        return parcel

    def _refused(self, fault: Fault) -> Parcel | None:
        """Give the answer of a fault that stands before the exchange."""
        if fault.kind in _RATE_FAULTS:
            return self._limited(fault)
        if fault.kind not in _STATUS_FAULTS:
            return None
        status = round(fault.amount(503))
        if fault.kind == "status_html":
            return Parcel(status, HTML, _HTML_TYPE)
        if fault.kind == "status_empty":
            return Parcel(status, b"")
        return Parcel(status, self._dialect.failure(status).body)

    def _limited(self, fault: Fault) -> Parcel:
        status, default = _RATE_FAULTS[fault.kind]
        wait = round(fault.amount(default))
        verdict = Verdict(status, 0, wait, round((self._limit_clock() + wait) * 1000))
        answer = self._dialect.refusal(verdict)
        told = {} if fault.value is None else {"Retry-After": str(wait)}
        return Parcel(answer.status, answer.body, {**told, **answer.headers})

    def _note_socket(self, path: str, query: dict[str, str], status: int) -> None:
        self._note(Request(path, query, self._limit_clock(), 0, 0), status)

    def _note(
        self, visit: Request, status: int = 0, weight: int = 0, *, refused: bool = False
    ) -> None:
        self.log.add(replace(visit, status=status, weight=weight, refused=refused))

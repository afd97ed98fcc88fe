"""The control API: a served exchange watched and steered over HTTP, from any language.

It lies below `/_gekko_lab/` on the server's own port, speaks JSON, and is neither counted nor
logged nor struck by faults. Where others can reach the server it needs a token; only the settings
for clients, which tell no more than the address does, are open to all.
"""

from __future__ import annotations

import hmac
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import orjson
from aiohttp import web

from gekko_lab.errors import InvalidArgument, RequestError
from gekko_lab.server.clients import clients
from gekko_lab.server.clock import Clock, check_speed, read_step
from gekko_lab.server.describing import described, described_clock, is_loopback
from gekko_lab.server.fault_reading import read_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gekko_lab.server.connections import Connected
    from gekko_lab.server.faults import Faults
    from gekko_lab.server.market import MarketData
    from gekko_lab.server.request_log import RequestLog

BASE = "/_gekko_lab"

_CLIENTS = f"{BASE}/clients"
_DEFAULT_LIMIT, _MOST_LIMIT = 1000, 10_000


class Controlled(Protocol):
    """A server as the control API sees it."""

    exchange: str
    url: str
    faults: Faults

    @property
    def clock(self) -> Callable[[], int]:
        """Give the exchange's time."""
        ...

    @property
    def log(self) -> RequestLog:
        """What was asked."""
        ...

    @property
    def connections(self) -> list[Connected]:
        """The open WebSocket connections."""
        ...

    def end(self) -> None:
        """Close soon, without waiting for it."""
        ...

    def restart(
        self, *, down_s: float = 0.0, notice_s: float | None = None, wait: bool = True
    ) -> None:
        """Stop listening and begin again."""
        ...


class _Call(NamedTuple):
    server: Controlled
    url: str  # as the client wrote it, for a server may have many addresses
    query: Mapping[str, str]
    content: Any
    rest: str


class _Refused(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Control:
    """Answers requests to the control API.

    Parameters
    ----------
    market
        What is served.
    host
        Where the server listens.
    token
        What requests must show as `Authorization: Bearer …`. Without one the API is open on this
        machine, and off where others can reach the server.
    """

    def __init__(self, market: MarketData, *, host: str, token: str | None = None) -> None:
        if token is not None and not (token and token.isascii() and token.isprintable()):
            raise InvalidArgument("control_token must be printable ASCII text, and not empty")
        self._market = market
        self._host = host
        self._token = token
        self._routes: dict[tuple[str, str], Callable[[_Call], Any]] = {
            ("GET", "requests"): self._requests,
            ("DELETE", "requests"): self._forget,
            ("GET", "faults"): self._faults,
            ("POST", "faults"): self._add_faults,
            ("DELETE", "faults"): self._remove_faults,
            ("GET", "clock"): self._clock,
            ("POST", "clock"): self._set_clock,
            ("GET", "market"): self._describe,
            ("GET", "clients"): self._clients,
            ("GET", "connections"): self._connections,
            ("POST", "restart"): self._restart,
            ("POST", "shutdown"): self._shutdown,
        }

    @staticmethod
    def wanted(request: web.BaseRequest) -> bool:
        """Tell whether a request is for the control API."""
        return request.path == BASE or request.path.startswith(BASE + "/")

    async def handle(self, request: web.BaseRequest, server: Controlled) -> web.Response:
        """Answer a request."""
        try:
            self._admit(request)
            answer = self._answer(request, await request.read(), server)
        except _Refused as error:
            return _json({"error": str(error)}, error.status)
        except RequestError as error:
            return _json({"error": str(error)}, 400)
        return _json(answer, 200)

    def _admit(self, request: web.BaseRequest) -> None:
        if "Origin" in request.headers:
            raise _Refused(403, "web pages may not steer this server")
        if request.path.startswith(_CLIENTS):
            return
        if self._token is None:
            if not is_loopback(self._host):
                raise _Refused(
                    403,
                    f"the control API is off, as the server listens on {self._host}, where others "
                    "can reach it: serve with a control token and send it as Authorization: Bearer",
                )
            return
        shown = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(shown, f"Bearer {self._token}".encode()):
            raise _Refused(401, "send the server's control token as Authorization: Bearer …")

    def _answer(self, request: web.BaseRequest, body: bytes, server: Controlled) -> Any:  # noqa: ANN401 (JSON)
        name, _, rest = request.path.removeprefix(BASE).strip("/").partition("/")
        if not name:
            return {"calls": [f"{method} {BASE}/{each}" for method, each in self._routes]}
        methods = [method for method, each in self._routes if each == name]
        if not methods or (rest and name not in {"faults", "clients"}):
            known = ", ".join(dict.fromkeys(each for _, each in self._routes))
            raise _Refused(404, f"there is no {request.path}: choose {BASE}/ and one of {known}")
        route = self._routes.get((request.method, name))
        of_one = "DELETE" if name == "faults" else "GET"
        if route is None or (rest and request.method != of_one):
            possible = of_one if rest else " or ".join(methods)
            raise _Refused(405, f"{request.method} {request.path} isn't possible: use {possible}")
        url = f"{request.scheme}://{request.host}"
        return route(_Call(server, url, dict(request.query), _decoded(body), rest))

    def _requests(self, call: _Call) -> dict[str, Any]:
        since = _number(call.query, "since", 0)
        limit = min(_number(call.query, "limit", _DEFAULT_LIMIT), _MOST_LIMIT)
        part = call.server.log.part(since, limit)
        rows = [asdict(each) for each in part.requests]
        return {"requests": rows, "next": part.next, "missed": part.missed}

    def _forget(self, call: _Call) -> dict[str, int]:
        return {"deleted": call.server.log.clear()}

    def _faults(self, call: _Call) -> dict[str, Any]:
        return {"faults": [_entry(each) for each in call.server.faults.entries]}

    def _add_faults(self, call: _Call) -> dict[str, Any]:
        given = call.content if isinstance(call.content, list) else [call.content]
        for each in given:
            if not isinstance(each, dict):
                raise _Refused(400, 'send a fault such as {"kind": "delay", "value": 2}, or a list')
        added = call.server.faults.enter(*[read_fault(each) for each in given])
        return {"faults": [_entry(each) for each in added]}

    def _remove_faults(self, call: _Call) -> dict[str, int]:
        faults = call.server.faults
        if not call.rest:
            count = len(faults.entries)
            faults.clear()
            return {"deleted": count}
        if not (call.rest.isascii() and call.rest.isdigit() and faults.remove(int(call.rest))):
            known = [each.id for each in faults.entries]
            raise _Refused(404, f"there is no fault {call.rest}; there are {known}")
        return {"deleted": 1}

    def _clock(self, call: _Call) -> dict[str, Any]:
        return described_clock(call.server.clock)

    def _set_clock(self, call: _Call) -> dict[str, Any]:
        clock = call.server.clock
        settings = _settings(call.content, "paused", "speed", "step", "time")
        if not isinstance(clock, Clock):
            raise _Refused(409, "the program that serves keeps the clock itself; ask it")
        paused = settings.get("paused", clock.paused)
        if not isinstance(paused, bool):
            raise _Refused(400, f"paused={paused!r}: send true or false")
        leap = read_step(settings.get("step", 0))
        speed = check_speed(settings.get("speed", clock.speed))
        if "time" in settings:  # the leap is the last thing that may fail
            clock.go_to(settings["time"], step=leap)
        else:
            clock.step(leap)
        clock.speed = speed
        (clock.pause if paused else clock.resume)()
        return described_clock(clock)

    def _describe(self, call: _Call) -> dict[str, Any]:
        return {
            "exchange": call.server.exchange,
            "url": call.server.url,
            **described(self._market),
        }

    def _clients(self, call: _Call) -> dict[str, Any]:
        known = clients(call.url, call.server.exchange)
        if not call.rest:
            return known
        if call.rest not in known:
            raise _Refused(404, f"there is nothing for {call.rest!r}: choose {', '.join(known)}")
        return known[call.rest]

    def _connections(self, call: _Call) -> dict[str, Any]:
        return {"connections": [each._asdict() for each in call.server.connections]}

    def _restart(self, call: _Call) -> dict[str, str]:
        settings = _settings(call.content, "down_s", "notice_s")
        for name, value in settings.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise _Refused(400, f"{name}={value!r}: send seconds, 0 or more")
        call.server.restart(wait=False, **settings)
        return {"state": "restarting"}

    def _shutdown(self, call: _Call) -> dict[str, str]:
        call.server.end()
        return {"state": "closing"}


def _json(content: object, status: int) -> web.Response:
    body = orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)
    return web.Response(status=status, body=body, content_type="application/json")


def _decoded(body: bytes) -> Any:  # noqa: ANN401 (JSON)
    if not body:
        return {}
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _Refused(400, f"the body is not JSON: {error}") from error


def _settings(content: object, *known: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise _Refused(400, f"send an object with any of {', '.join(known)}")
    unknown = sorted(content.keys() - set(known))
    if unknown:
        raise _Refused(400, f"{unknown[0]!r} isn't known here: choose among {', '.join(known)}")
    return content


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit()):
        raise _Refused(400, f"{name}={text!r}: give a whole number, 0 or more")
    return int(text)


def _entry(entry: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"id": entry.id, **asdict(entry.fault), "seen": entry.seen, "hits": entry.hits}

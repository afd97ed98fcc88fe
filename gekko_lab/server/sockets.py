"""WebSocket connections from the handshake to the end."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import orjson
from aiohttp import WSMsgType, web

from gekko_lab.server.connections import NORMAL, POLICY, Connection
from gekko_lab.server.framing import PONG, frame
from gekko_lab.server.subscribing import MOST_STREAMS, reply_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from gekko_lab.server.dialect import Dialect
    from gekko_lab.server.hub import Hub

    Note = Callable[[str, dict[str, str], int], None]

API_PATH = "/ws-api/v3"
_RAW = ("/stream/ws", "/ws")  # the first is for clients that tell spot by the path
_COMBINED = "/stream"
_MOST_BYTES = 1 << 20
_MOST_MESSAGES = 5  # a second
_ENDS = {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR}

_API = {
    "ping": "/api/v3/ping",
    "time": "/api/v3/time",
    "exchangeInfo": "/api/v3/exchangeInfo",
    "depth": "/api/v3/depth",
    "klines": "/api/v3/klines",
    "uiKlines": "/api/v3/uiKlines",
    "trades.recent": "/api/v3/trades",
    "trades.historical": "/api/v3/historicalTrades",
    "trades.aggregate": "/api/v3/aggTrades",
    "avgPrice": "/api/v3/avgPrice",
    "ticker.24hr": "/api/v3/ticker/24hr",
    "ticker.price": "/api/v3/ticker/price",
    "ticker.book": "/api/v3/ticker/bookTicker",
}


class Sockets:
    """The WebSocket side of a served Binance.

    Parameters
    ----------
    hub
        Who sends.
    dialect
        Answers requests of the WebSocket API, as it does with REST.
    limited
        Whether a client that sends more than five messages a second is cut.
    """

    def __init__(self, hub: Hub, dialect: Dialect, *, limited: bool) -> None:
        self.hub = hub
        self._dialect = dialect
        self._limited = limited

    @staticmethod
    def wanted(request: web.BaseRequest) -> bool:
        """Tell whether a request asks for a WebSocket."""
        return request.headers.get("Upgrade", "").lower() == "websocket"

    async def accept(self, request: web.BaseRequest, note: Note) -> web.StreamResponse:
        """Serve a connection until it ends.

        Parameters
        ----------
        request
            The handshake.
        note
            Takes path, parameters and status of what is to be logged.
        """
        query = dict(request.query)
        asked = _streams(request.path, request.query_string)
        if asked is None or not all(self.hub.known(name) for name in asked[0]):
            note(request.path, query, 404)
            return _refused(404, f"there is no stream at {request.path_qs}")
        names, combined = asked
        if len(names) > MOST_STREAMS:
            note(request.path, query, 400)
            return _refused(400, f"more than {MOST_STREAMS} streams")
        socket = web.WebSocketResponse(
            compress=False, autoping=False, autoclose=False, max_msg_size=_MOST_BYTES
        )
        connection = Connection(
            request,
            number=self.hub.number(),
            now=self.hub.clock(),
            combined=combined,
        )
        self.hub.add(connection)
        try:
            # before the client knows: all that happens after its handshake is sent
            for name in names:
                self.hub.subscribe(connection, name)
            note(request.path, query, 101)
            await socket.prepare(request)
            connection.ready = True
            await self._listen(socket, connection, note)
        finally:
            self.hub.remove(connection)
            connection.cut()
        return socket

    async def _listen(
        self, socket: web.WebSocketResponse, connection: Connection, note: Note
    ) -> None:
        times: deque[float] = deque(maxlen=_MOST_MESSAGES + 1)
        while (message := await socket.receive()).type not in _ENDS:
            if message.type == WSMsgType.PONG:
                connection.ponged()
            elif message.type == WSMsgType.PING:
                connection.push(frame(message.data, PONG))
                connection.flush(self.hub.clock())
            elif message.type == WSMsgType.TEXT:
                times.append(time.monotonic())
                if self._limited and len(times) > _MOST_MESSAGES and times[-1] - times[0] < 1:
                    connection.close(POLICY, "Too many requests")
                else:
                    self._answer(message.data, connection, note)
        if message.type == WSMsgType.CLOSE:
            connection.close(message.data or NORMAL)  # the same goodbye; nothing if we began

    def _answer(self, text: str, connection: Connection, note: Note) -> None:
        now = self.hub.clock()
        if connection.path == API_PATH:
            document, method, status = self._api(text, now)
            note(connection.path, {"method": method}, status)
            connection.answer(document, now)
            return
        reply = reply_to(text, connection, self.hub)
        told = {"method": reply.method, "params": ",".join(reply.parameters)}
        note(connection.path, told, 400 if reply.refused else 200)
        connection.answer(reply.document, now)

    def _api(self, text: str, now: int) -> tuple[dict[str, Any], str, int]:
        """Answer a request of the WebSocket API for public data with what REST says."""
        try:
            message = orjson.loads(text)
        except orjson.JSONDecodeError:
            message = None
        if not isinstance(message, dict):
            error = {"code": -1135, "msg": "Invalid JSON"}
            return {"id": None, "status": 400, "error": error}, "", 400
        method = str(message.get("method", ""))
        head = {"id": message.get("id")}
        path = _API.get(method)
        if path is None:
            text = (
                f"{method} is not served: here are public market data only, by "
                f"{', '.join(_API)}; streams are at /ws and /stream"
            )
            return {**head, "status": 400, "error": {"code": -1104, "msg": text}}, method, 400
        given = message.get("params") or {}
        parameters = [(str(name), _text(value)) for name, value in given.items()]
        answer = self._dialect.answer("GET", path, parameters, now)
        content = orjson.loads(answer.body)
        key = "error" if answer.error else "result"
        return {**head, "status": answer.status, key: content}, method, answer.status


def _text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _streams(path: str, query: str) -> tuple[list[str], bool] | None:
    """Give the streams that an address names and whether messages name them too."""
    place = path.rstrip("/")
    if place == _COMBINED:
        asked = [part for part in query.split("&") if part.startswith("streams=")]
        names = unquote(asked[0].removeprefix("streams=")).split("/") if asked else []
        return [name for name in names if name], True
    if place == API_PATH or place in _RAW:
        return [], False
    for base in _RAW:
        if place.startswith(base + "/"):
            names = unquote(place.removeprefix(base + "/")).split("/")
            # ccxt numbers its connections so
            return ([] if names[0].isdigit() else names), False
    return None


def _refused(status: int, text: str) -> web.Response:
    return web.json_response({"code": -1, "msg": text}, status=status)

"""What clients say on a stream connection, and the answers (Binance spot documents, 2026-07)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from gekko_lab.server.connections import Connection
    from gekko_lab.server.hub import Hub

MOST_STREAMS = 1024

_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
_LONGEST_ID = 36


class BadMessageError(Exception):
    """A message that is answered with an error.

    Attributes
    ----------
    code : int
        The exchange's code: 0 property, 1 value, 2 request, 3 JSON.
    text : str
        Its message.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer and what it was to.

    Attributes
    ----------
    document : dict
        The answer.
    method : str
        What was asked, empty where that can't be read.
    parameters : tuple of str
        With what.
    refused : bool
        Whether it is an error.
    """

    document: dict[str, Any]
    method: str = ""
    parameters: tuple[str, ...] = ()
    refused: bool = False


def reply_to(text: str, connection: Connection, hub: Hub) -> Reply:
    """Do what a message asks for and give the answer."""
    message: Any = None
    number: Any = None
    try:
        message = _decoded(text)
        number = _number(message)
        result = _done(message, connection, hub)
    except BadMessageError as error:
        document = {"error": {"code": error.code, "msg": error.text}, "id": number}
        return Reply(document, *_asked(message), refused=True)
    return Reply({"result": result, "id": number}, *_asked(message))


def _asked(message: object) -> tuple[str, tuple[str, ...]]:
    if not isinstance(message, dict):
        return "", ()
    parameters = message.get("params")
    told = parameters if isinstance(parameters, list) else []
    return str(message.get("method", "")), tuple(map(str, told))


def _decoded(text: str) -> dict[str, Any]:
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise BadMessageError(3, f"Invalid JSON: expected value at {place}") from None
    if not isinstance(message, dict):
        raise BadMessageError(2, "Invalid request: expected an object")
    return message


def _number(message: dict[str, Any]) -> Any:  # noqa: ANN401 (it goes back as it came)
    number = message.get("id")
    if number is None or (isinstance(number, int) and not isinstance(number, bool)):
        return number
    if isinstance(number, str) and len(number) <= _LONGEST_ID:
        return number
    raise BadMessageError(2, "Invalid request: request ID must be an unsigned integer")


def _done(message: dict[str, Any], connection: Connection, hub: Hub) -> object:
    method = message.get("method")
    if method is None:
        raise BadMessageError(2, "Invalid request: missing field `method` at line 1 column 1")
    if method not in _METHODS:
        expected = ", ".join(f"`{name}`" for name in _METHODS)
        raise BadMessageError(
            2, f"Invalid request: unknown variant `{method}`, expected one of {expected}"
        )
    parameters = message.get("params")
    if method == "LIST_SUBSCRIPTIONS":
        if parameters:
            raise BadMessageError(2, "Invalid request: too many parameters")
        return list(connection.streams)
    if method.endswith("PROPERTY"):
        return _property(method, parameters, connection)
    names = _names(parameters)
    if method == "UNSUBSCRIBE":
        for name in names:
            hub.unsubscribe(connection, name)
        return None
    _check(names, connection, hub)
    for name in names:
        hub.subscribe(connection, name)
    return None


def _names(parameters: object) -> list[str]:
    if not isinstance(parameters, list) or not parameters:
        raise BadMessageError(2, "Invalid request: params must be a list of stream names")
    if not all(isinstance(name, str) for name in parameters):
        raise BadMessageError(2, "Invalid request: stream name must be a string")
    return parameters


def _check(names: list[str], connection: Connection, hub: Hub) -> None:
    """Refuse a subscription as a whole where a part of it can't be had."""
    bad = [name for name in names if not hub.known(name)]
    if bad:
        raise BadMessageError(2, f"Invalid request: invalid stream {bad[0]}")
    if len({*connection.streams, *names}) > MOST_STREAMS:
        raise BadMessageError(2, f"Invalid request: more than {MOST_STREAMS} streams")


def _property(method: str, parameters: object, connection: Connection) -> object:
    given = parameters if isinstance(parameters, list) else []
    if not given or not isinstance(given[0], str):
        raise BadMessageError(2, "Invalid request: property name must be a string")
    if given[0] != "combined":
        raise BadMessageError(0, "Unknown property")
    if method == "GET_PROPERTY":
        return connection.combined
    if len(given) < 2 or not isinstance(given[1], bool):  # noqa: PLR2004 (name and value)
        raise BadMessageError(1, "Invalid value type: expected Boolean")
    connection.combined = given[1]
    return None

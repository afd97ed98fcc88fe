"""Answers on the wire, whole or broken."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    Secret = ssl.SSLContext | tuple[str | PathLike[str], str | PathLike[str]]

_DRIPS = 20
_JSON = "application/json;charset=UTF-8"
_ABORT = struct.pack("ii", 1, 0)  # linger on, for zero seconds: the close is a reset


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent, and how.

    Attributes
    ----------
    status : int
        HTTP status.
    body : bytes
        What Content-Length counts.
    headers : Mapping
        More headers; the content's type is JSON unless they say otherwise.
    broken : str or None
        `reset_body` or `early_fin` send half of the body.
    drip_s : float
        Time that the body takes.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    broken: str | None = None
    drip_s: float = 0.0


def secured(tls: Secret | None) -> ssl.SSLContext | None:
    """Give the context of a server that speaks TLS with that certificate and key."""
    if tls is None or isinstance(tls, ssl.SSLContext):
        return tls
    certificate, key = tls
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context


async def send(request: web.BaseRequest, parcel: Parcel) -> web.StreamResponse:
    """Send an answer, as broken as it is to be."""
    headers = {"Content-Type": _JSON, **parcel.headers}
    if parcel.broken is None and not parcel.drip_s:
        return web.Response(status=parcel.status, body=parcel.body, headers=headers)
    response = web.StreamResponse(status=parcel.status, headers=headers)
    response.content_length = len(parcel.body)
    await response.prepare(request)
    if parcel.broken is None:
        await _drip(response, parcel)
        return response
    await response.write(parcel.body[: max(1, len(parcel.body) // 2)])
    if parcel.broken == "reset_body":
        reset(request)
    elif request.transport is not None:
        request.transport.close()
    return response


def reset(request: web.BaseRequest) -> web.Response:
    """Reset the connection; the answer given back never arrives."""
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
        transport.abort()
    return web.Response()


async def _drip(response: web.StreamResponse, parcel: Parcel) -> None:
    size = max(1, -(-len(parcel.body) // _DRIPS))
    for start in range(0, len(parcel.body), size):
        await asyncio.sleep(parcel.drip_s / _DRIPS)
        await response.write(parcel.body[start : start + size])

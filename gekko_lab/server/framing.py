"""WebSocket frames as a server sends them (RFC 6455, section 5.2): whole and unmasked."""

from __future__ import annotations

TEXT = 0x1
CLOSE = 0x8
PING = 0x9
PONG = 0xA

_FINAL = 0x80
_SHORT = 126
_MEDIUM = 1 << 16


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """Give the frame of a message; the same bytes serve any number of connections."""
    size = len(payload)
    if size < _SHORT:
        return bytes((_FINAL | opcode, size)) + payload
    if size < _MEDIUM:
        return bytes((_FINAL | opcode, _SHORT)) + size.to_bytes(2) + payload
    return bytes((_FINAL | opcode, _SHORT + 1)) + size.to_bytes(8) + payload

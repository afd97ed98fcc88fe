"""Faults as people write them: JSON objects, and short texts on a command line."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from gekko_lab.errors import InvalidArgument
from gekko_lab.market.suggest import nearest
from gekko_lab.server.faults import Fault, Kind, StreamKind

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELDS = tuple(field.name for field in fields(Fault))
_KINDS = (*get_args(Kind), *get_args(StreamKind))
_EVERYTHING = "*"


def read_fault(settings: Mapping[str, Any], *, strict: bool = True) -> Fault:
    """Give the fault with these settings.

    Parameters
    ----------
    settings
        By the names of `Fault`; `kind` must be there.
    strict
        Whether numbers must be numbers; otherwise text will do.

    Raises
    ------
    InvalidArgument
        When a setting isn't known or has an impossible value.

    Examples
    --------
    >>> read_fault({"kind": "delay", "value": 2.5}).value
    2.5
    """
    for name in settings:
        if name not in _FIELDS:
            raise InvalidArgument(
                f"a fault has no setting {name!r}: choose among {', '.join(_FIELDS)}."
                f"{nearest(name, _FIELDS)}"
            )
    kind = settings.get("kind")
    if kind not in _KINDS:
        near = nearest(kind, _KINDS) if isinstance(kind, str) else ""
        raise InvalidArgument(f"kind={kind!r} is no fault: choose one of {_KINDS}.{near}")
    try:
        return msgspec.convert(dict(settings), Fault, strict=strict)
    except msgspec.ValidationError as error:
        raise InvalidArgument(f"the fault {kind!r}: {error}") from error


def parse_fault(text: str) -> Fault:
    """Read a fault such as `drop_rows:candles:every=10:count=3`.

    The kind comes first, then what it strikes (`*` for all) and settings of `Fault` by name.

    Raises
    ------
    InvalidArgument
        When it can't be read.

    Examples
    --------
    >>> parse_fault("rate_limited:trades:every=5:value=2")
    Fault(kind='rate_limited', path='trades', symbol=None, every=5, skip=0, count=None, value=2.0, \
stream=None)
    """
    kind, *rest = text.split(":")
    settings: dict[str, str | None] = {"kind": kind}
    for part in rest:
        name, equals, value = part.partition("=")
        if not equals:
            name, value = "stream" if kind in get_args(StreamKind) else "path", part
        if name in settings:
            raise InvalidArgument(f"the fault {text!r} tells its {name} twice: give it once")
        settings[name] = None if value == _EVERYTHING else value
    return read_fault(settings, strict=False)

"""Names of folders that say anything and lead nowhere.

Decided: a name is percent-encoded as in URLs, because DuckDB, polars, pyarrow and Spark decode
that in the folders of a partitioned table. What isn't encoded is upper case in symbols and lower
case in exchanges, digits and hyphens, so that names that differ only in case stay apart on disks
where case doesn't count, and nothing that any system treats as special (dots, separators, NUL,
names of devices) is ever written as it is. A calendar month is `mo`, because `1M` and `1m` would
collide.
"""

from __future__ import annotations

import string
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from gekko_lab.errors import InvalidArgument, InvalidType
from gekko_lab.market.timeframe import Timeframe

LONGEST = 200
"""Of an encoded name: file systems allow 255 bytes with everything around it."""

_NULL = "__HIVE_DEFAULT_PARTITION__"
_PLAIN = string.digits + "-"
_CASES = {"exchange": string.ascii_lowercase, "symbol": string.ascii_uppercase}


def encode(field: str, value: str) -> str:
    """Give the name of the folder for an exchange's identity or a symbol.

    Raises
    ------
    InvalidArgument
        When it is empty, too long, or not text that can be encoded.

    Examples
    --------
    >>> encode("symbol", "BTC/USDT:USDT")
    'symbol=BTC%2FUSDT%3AUSDT'
    >>> encode("exchange", "../etc")
    'exchange=%2E%2E%2Fetc'
    """
    if not isinstance(value, str):
        raise InvalidType(f"{field}={value!r} is a {type(value).__name__}; give text")
    return _encode(field, value)


@lru_cache(maxsize=8192)
def _encode(field: str, value: str) -> str:
    if not value:
        raise InvalidArgument(f"{field}={value!r} is empty; give its name")
    if value == _NULL:
        raise InvalidArgument(f"{field}={value!r} is what other programs read as no value")
    try:
        raw = value.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument(f"{field}={value!r} isn't Unicode text: {error.reason}") from error
    kept = set((_CASES[field] + _PLAIN).encode())
    encoded = "".join(chr(byte) if byte in kept else f"%{byte:02X}" for byte in raw)
    if len(encoded) > LONGEST:
        raise InvalidArgument(
            f"{field}={value[:40]!r}… takes {len(encoded)} letters as the name of a folder; at "
            f"most {LONGEST} can be kept"
        )
    return f"{field}={encoded}"


@lru_cache(maxsize=8192)
def decode(field: str, folder: str) -> str | None:
    """Give what a folder's name stands for, or None if it is none of ours."""
    start = f"{field}="
    if not folder.startswith(start):
        return None
    try:
        value = unquote_to_bytes(folder.removeprefix(start)).decode()
        return value if encode(field, value) == folder else None
    except (UnicodeDecodeError, InvalidArgument):
        return None


@lru_cache(maxsize=256)
def encode_timeframe(timeframe: str) -> str:
    """Give the name of a timeframe's folder.

    Examples
    --------
    >>> encode_timeframe("1m"), encode_timeframe("1M")
    ('timeframe=1m', 'timeframe=1mo')
    """
    width = Timeframe.parse(timeframe)
    return f"timeframe={width.count}{'mo' if width.unit == 'M' else width.unit}"


@lru_cache(maxsize=256)
def decode_timeframe(folder: str) -> str | None:
    """Give the timeframe that a folder's name stands for, or None if it is none of ours."""
    name = folder.removeprefix("timeframe=")
    name = f"{name.removesuffix('mo')}M" if name.endswith("mo") else name
    if not Timeframe.understands(name) or encode_timeframe(name) != folder:
        return None
    return name

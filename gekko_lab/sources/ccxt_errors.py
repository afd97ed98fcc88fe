"""ccxt's errors in our terms, with what they say about another try."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ccxt
import requests

from gekko_lab.errors import (
    AccessDenied,
    BadResponse,
    GekkoLabError,
    NetworkFailed,
    RateLimited,
    RequestRefused,
    SourceError,
    SourceTimeout,
    SourceUnavailable,
    UnsupportedBySource,
)
from gekko_lab.limits.answers import retry_after

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIMITED = {418, 429}
_CLOSED_DOORS = {401, 403, 451}  # ccxt takes some of them for a passing outage
_MISSING = {404, 410}
_SERVER_ERROR = 500

_KINDS: list[tuple[type[Exception], type[SourceError]]] = [
    (ccxt.DDoSProtection, RateLimited),
    (ccxt.RateLimitExceeded, RateLimited),
    (ccxt.RequestTimeout, SourceTimeout),
    (ccxt.ExchangeNotAvailable, SourceUnavailable),
    (ccxt.ChecksumError, BadResponse),
    (ccxt.NullResponse, BadResponse),
    (ccxt.BadResponse, BadResponse),
    (ccxt.AuthenticationError, AccessDenied),
    (ccxt.NetworkError, NetworkFailed),
    (ccxt.OperationFailed, SourceUnavailable),
    (requests.Timeout, SourceTimeout),
    (requests.exceptions.ChunkedEncodingError, BadResponse),
    (requests.exceptions.ContentDecodingError, BadResponse),
    (requests.RequestException, NetworkFailed),
]

_ADVICE = {
    RateLimited: "wait, and ask from fewer places at once",
    AccessDenied: "another try won't help; this address or region may not be served",
    SourceUnavailable: "try again later",
    NetworkFailed: "check the connection, the proxy and the exchange's status page",
    SourceTimeout: "try again, or give a longer config={'timeout': milliseconds}",
    BadResponse: "try again",
}


def translate(
    error: Exception, *, exchange: str, asked: str, status: int | None, headers: Mapping[str, str]
) -> GekkoLabError:
    """Give our error for one of ccxt's or the HTTP library's.

    Parameters
    ----------
    error
        What was raised.
    exchange, asked
        Who was asked for what, for the message.
    status, headers
        Of the last answer; None and empty when there was none.
    """
    if isinstance(error, GekkoLabError):
        return error
    if isinstance(error, ccxt.NotSupported):
        return UnsupportedBySource(f"{exchange} can't give {asked}: {error}")
    kind = _kind(error, status)
    advice = _ADVICE.get(kind, "change the request")
    shown = f" (HTTP {status})" if status is not None and status >= 400 else ""  # noqa: PLR2004
    text = _words(error)[:300] or type(error).__name__
    return kind(
        f"{exchange} didn't give {asked}{shown}: {text}; {advice}",
        retry_after=retry_after(headers) if kind in (RateLimited, SourceUnavailable) else None,
    )


def _kind(error: Exception, status: int | None) -> type[SourceError]:
    if status in _LIMITED:
        return RateLimited
    if status in _CLOSED_DOORS:
        return AccessDenied
    if status in _MISSING or _is_refusal(error, status):
        return RequestRefused
    if _is_cut(error):
        return BadResponse
    for theirs, ours in _KINDS:
        if isinstance(error, theirs):
            return ours
    if status is not None and status >= _SERVER_ERROR:
        return SourceUnavailable
    if isinstance(error.__cause__, requests.ConnectionError):  # TLS, which ccxt thinks is refusal
        return NetworkFailed
    if isinstance(error, ccxt.ExchangeError):
        return RequestRefused
    return BadResponse  # ccxt's parsers stumble over an answer of another shape


def _is_refusal(error: Exception, status: int | None) -> bool:
    """Tell a 4xx that ccxt knows only the status of; it takes each for a passing outage."""
    known_by_status = type(error) is ccxt.ExchangeNotAvailable and f" {status} " in str(error)
    return known_by_status and status in range(400, 500)


def _is_cut(error: Exception) -> bool:
    cut = (
        requests.exceptions.ChunkedEncodingError,
        requests.exceptions.ContentDecodingError,
        requests.exceptions.InvalidHeader,
    )
    return isinstance(error.__cause__, cut)


def _words(error: Exception) -> str:
    """Give the message, with the reason that ccxt leaves in the cause."""
    cause = error.__cause__
    said = [error, cause] if isinstance(cause, requests.RequestException) else [error]
    return ": ".join(text for each in said if (text := " ".join(str(each).split())))

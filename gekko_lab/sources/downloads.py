"""Files over HTTP: whole, in time, not too large, and not too many at once."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
import urllib3

from gekko_lab.errors import (
    AccessDenied,
    BadResponse,
    NetworkFailed,
    RateLimited,
    RequestRefused,
    SourceError,
    SourceTimeout,
    SourceUnavailable,
)
from gekko_lab.limits.answers import retry_after
from gekko_lab.limits.connections import connection

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONNECTIONS = 8

_CHUNK = 1 << 18
_SILENCE_S = 20.0
_LIMITED = {418, 429}
_CLOSED_DOORS = {401, 403, 451}
_MISSING = {404, 410}


class Downloads:
    """One pool of connections for the files of an archive.

    Parameters
    ----------
    proxies
        As `requests` takes them.
    """

    def __init__(self, proxies: Mapping[str, str] | None = None) -> None:
        self._session = requests.Session()
        self._session.trust_env = False  # as for the exchange itself
        self._session.proxies.update(proxies or {})
        self._session.headers["Accept-Encoding"] = "identity"

    def get(self, url: str, *, most: int, deadline_s: float) -> bytes | None:
        """Give the body, or None where there is no such file.

        Parameters
        ----------
        url
            Of the file.
        most
            How many bytes it may have.
        deadline_s
            For the whole request.
        """
        host = urlsplit(url).netloc
        with connection(host, most=CONNECTIONS, lease_s=deadline_s + 2 * _SILENCE_S):
            ends = time.monotonic() + deadline_s
            silence = min(_SILENCE_S, deadline_s)
            try:
                with self._session.get(url, stream=True, timeout=silence) as response:
                    if response.status_code in _MISSING:
                        return None
                    if response.status_code != HTTPStatus.OK:
                        raise _refusal(response)
                    return b"".join(_chunks(response, most=most, ends=ends))
            except SourceError:  # some of ours are connection errors too
                raise
            except (requests.Timeout, urllib3.exceptions.ReadTimeoutError) as error:
                raise SourceTimeout(f"{url} didn't come in time: {error}") from error
            except (urllib3.exceptions.HTTPError, ConnectionError) as error:
                raise BadResponse(f"{url} was cut: {error}") from error
            except requests.RequestException as error:
                raise NetworkFailed(f"{url} couldn't be reached: {error}") from error

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


def _chunks(response: requests.Response, *, most: int, ends: float) -> Iterator[bytes]:
    size = 0
    # read1 gives what has come: a body that drips doesn't hold up the look at the clock
    while chunk := response.raw.read1(_CHUNK):
        size += len(chunk)
        if size > most:
            raise BadResponse(f"{response.url} is larger than {most} bytes, which it can't be")
        if time.monotonic() > ends:
            raise SourceTimeout(f"{response.url} didn't come whole in time")
        yield chunk


def _refusal(response: requests.Response) -> SourceError:
    status = response.status_code
    said = f"{response.url} answered with HTTP {status}"
    if status in _LIMITED:
        return RateLimited(said, retry_after=retry_after(response.headers))
    if status in _CLOSED_DOORS:
        return AccessDenied(said)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return SourceUnavailable(said, retry_after=retry_after(response.headers))
    return RequestRefused(said)

"""One of ccxt's exchange classes, made to fail loudly where it would lose data in silence."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import ccxt
import orjson
import requests
from requests.adapters import HTTPAdapter
from requests.hooks import default_hooks
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers

from gekko_lab.errors import BadResponse, RateLimited, SourceTimeout
from gekko_lab.limits.budget import Pace
from gekko_lab.sources.ccxt_errors import translate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from gekko_lab.limits.budget import Budget

_SUCCESS = range(200, 300)
_CHUNK = 1 << 18
_PASSED = {"timeout", "proxies", "verify", "cert"}


class Client:
    """An instance of a ccxt class with its traps closed.

    ccxt takes a 200 answer that is empty, cut, `null` or HTML for "no data"; sorts rows before
    anyone sees their order; times single reads instead of requests; and retries without waiting.
    Here such answers raise, rows keep their order, a request has one deadline, and retrying is
    left to the caller. Sources: ccxt 4.5.90, `base/exchange.py`.

    Parameters
    ----------
    exchange
        ccxt's id.
    config
        ccxt's own constructor settings.
    budget
        What each request waits for; without one ccxt's own limiter holds for this client alone.
    """

    def __init__(
        self, exchange: str, config: Mapping[str, Any], *, budget: Budget | None = None
    ) -> None:
        self._answer = _Answer()
        self._budget = budget
        session = _DeadlineSession()
        # As ccxt does with its own: else requests looks for proxies and ~/.netrc on every request.
        session.trust_env = bool(config.get("requests_trust_env") or config.get("trust_env"))
        settings: dict[str, Any] = {"session": session, **config}
        settings["options"] = {"maxRetriesOnFailure": 0, **settings.get("options", {})}
        guarded = _guarded(getattr(ccxt, exchange), self._answer)
        self.ccxt = (guarded if budget is None else _budgeted(guarded, self._answer, budget))(
            settings
        )
        self.exchange = exchange
        self.version: str = ccxt.__version__

    def close(self) -> None:
        """Close the connections."""
        self.ccxt.session.close()

    @contextmanager
    def asking(self, asked: str) -> Iterator[Any]:
        """Give the ccxt instance; whatever it raises inside comes out as one of our errors."""
        self._answer.status, self._answer.headers, self._answer.url = None, {}, None
        try:
            yield self.ccxt
        except Exception as error:
            ours = translate(
                error,
                exchange=self.exchange,
                asked=asked,
                status=self._answer.status,
                headers=self._answer.headers,
            )
            if ours is error:
                raise
            if isinstance(ours, RateLimited):
                self._obey(ours)
            raise ours from error

    def _obey(self, refusal: RateLimited) -> None:
        """Put the host on hold where the refusal stands in the body alone."""
        url = self._answer.url
        if self._budget is not None and url is not None and self._answer.status in _SUCCESS:
            self._budget.refused(url, refusal.retry_after, "hold after a refusal")

    @contextmanager
    def decoding(self, decode: Callable[[str], Any] = orjson.loads) -> Iterator[None]:
        """Take only JSON for this thread's answers, read by that decoder.

        Elsewhere plain text passes, as ccxt has uses for it; as rows it would be none.
        """
        self._answer.decode = decode
        try:
            yield
        finally:
            self._answer.decode = None


class _Answer(threading.local):
    """What this thread's last answer was, and how to read it where it must be JSON."""

    status: int | None = None
    headers: Mapping[str, str] = {}
    decode: Callable[[str], Any] | None = None
    url: str | None = None
    pace: Pace | None = None


def _guarded(base: type[Any], answer: _Answer) -> type[Any]:
    throttling = threading.Lock()

    class Guarded(base):  # type: ignore[misc]
        """The ccxt class, unchanged but for the hooks that it offers."""

        def throttle(self, cost: float | None = None) -> None:
            with throttling:  # ccxt's own limiter forgets that there are threads
                super().throttle(cost)
                self.lastRestRequestTimestamp = self.milliseconds()

        def on_rest_response(
            self, code: int, reason: str, url: str, method: str, headers: Any, body: str, *rest: Any
        ) -> str:
            answer.status, answer.headers = code, headers
            text: str = super().on_rest_response(code, reason, url, method, headers, body, *rest)
            if code in _SUCCESS:
                _check_body(text, self.id)
            return text

        def parse_json(self, http_response: str) -> Any:
            success = answer.status in _SUCCESS
            decode = answer.decode if success else None
            if decode is not None and http_response[:1] not in "[{":
                raise BadResponse(
                    f"{self.id} answered with {http_response[:80]!r}, not with data; try again"
                )
            try:
                return (decode or orjson.loads)(http_response)
            except ValueError as error:
                if not success or http_response[:1] not in "[{":
                    return None
                raise BadResponse(
                    f"{self.id} sent JSON that can't be read ({error}): the answer was cut or is "
                    "of another shape; try again"
                ) from error

        def parse_ohlcvs(self, ohlcvs: Any, market: Any = None, *_: Any, **__: Any) -> list[Any]:
            return [self.parse_ohlcv(row, market) for row in ohlcvs or []]

        def parse_trades(self, trades: Any, market: Any = None, *_: Any, **__: Any) -> Any:
            return super().parse_trades(trades, market)  # cut to no window: it drops odd rows

    Guarded.__name__ = base.__name__
    return Guarded


def _budgeted(base: type[Any], answer: _Answer, budget: Budget) -> type[Any]:
    class Budgeted(base):  # type: ignore[misc]
        """The class whose every request waits for the shared budget, retries of ccxt's included."""

        def throttle(self, cost: float | None = None) -> None:
            # The turn is taken in `fetch`, which knows the address and with it the host and weight.
            answer.pace = Pace(self.rateLimit, 1.0 if cost is None else cost)

        def fetch(self, url: str, *rest: Any, **options: Any) -> Any:
            answer.url = url
            if self.enableRateLimit:
                budget.acquire(url, answer.pace)
            return super().fetch(url, *rest, **options)

        def on_rest_response(
            self, code: int, reason: str, url: str, method: str, headers: Any, body: str, *rest: Any
        ) -> str:
            if self.enableRateLimit:
                budget.learn(answer.url or url, code, headers, body)
            text: str = super().on_rest_response(code, reason, url, method, headers, body, *rest)
            return text

    Budgeted.__name__ = base.__name__
    return Budgeted


def _check_body(text: str, exchange: str) -> None:
    if not text or text == "null":
        raise BadResponse(f"{exchange} answered with an empty body; try again")
    if text[0] == "<":
        raise BadResponse(f"{exchange} answered with a web page, not with data: {text[:80]!r}")


class _QuickAdapter(HTTPAdapter):
    """requests' own adapter, without looking up for each request what is the same for all.

    Where there is no proxy, that took longer than the exchange of bytes itself.
    """

    def __init__(self) -> None:
        self._pools: dict[tuple[Any, ...], Any] = {}
        super().__init__()

    def get_connection_with_tls_context(
        self, request: Any, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """Give the pool of connections to the host, the same as before."""
        if proxies:
            return super().get_connection_with_tls_context(request, verify, proxies, cert)
        scheme, _, rest = request.url.partition("://")
        key = (scheme, rest.partition("/")[0], verify, cert)
        pool = self._pools.get(key)
        if pool is None or pool.pool is None:  # urllib3 closes pools of hosts long unused
            pool = super().get_connection_with_tls_context(request, verify, None, cert)
            self._pools[key] = pool
        return pool

    def request_url(self, request: Any, proxies: Any) -> str:
        """Give path and query."""
        return request.path_url if not proxies else super().request_url(request, proxies)

    def build_response(self, req: Any, resp: Any) -> requests.Response:
        """Wrap what came; cookies are left out, as ccxt throws them away."""
        response = requests.Response()
        response.status_code, response.reason = resp.status, resp.reason
        response.headers = CaseInsensitiveDict(resp.headers)
        response.encoding = get_encoding_from_headers(response.headers)
        response.raw, response.url, response.request = resp, req.url, req
        response.connection = self
        return response


class _DeadlineSession(requests.Session):
    """A session whose timeout is for the whole request, not for each read of it."""

    def __init__(self) -> None:
        super().__init__()
        for scheme in ("https://", "http://"):
            self.mount(scheme, _QuickAdapter())

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        """Send a request and read its body before the deadline."""
        timeout = options.get("timeout") or 10.0
        deadline = time.monotonic() + timeout
        response = None if args else self._asked_plainly(method, url, **options)
        if response is None:
            response = super().request(method, url, *args, **{**options, "stream": True})
        try:
            body = b"".join(_chunks(response, deadline, timeout))
        except BaseException:
            response.close()  # what is left of the answer must not be read by the next request
            raise
        response._content = body  # noqa: SLF001
        response._content_consumed = True  # type: ignore[attr-defined]  # noqa: SLF001
        response.raw.release_conn()
        return response

    def _asked_plainly(
        self,
        method: str,
        url: str,
        *,
        headers: Any = None,
        data: Any = None,
        files: Any = None,
        **options: Any,
    ) -> requests.Response | None:
        """Send what needs no preparing: that alone takes longer than the whole exchange of bytes.

        None where there is more to it: cookies, other settings, a body, a redirect. ccxt throws
        cookies away before each request.
        """
        plain = not (data or files or self.cookies or self.auth or self.params or self.trust_env)
        if method != "GET" or not plain or not url.isascii() or set(options) - _PASSED:
            return None
        request = requests.PreparedRequest()
        request.method, request.url, request.hooks = method, url, default_hooks()
        request.headers = CaseInsensitiveDict({**self.headers, **(headers or {})})
        sent = {"proxies": {}, "verify": self.verify, "cert": self.cert, **options}
        response = self.get_adapter(url).send(request, **sent, stream=True)
        if response.is_redirect:
            response.close()
            return None
        return response


def _chunks(response: requests.Response, deadline: float, timeout: float) -> Iterator[bytes]:
    while chunk := _read(response):
        yield chunk
        if time.monotonic() > deadline:
            raise SourceTimeout(
                f"{response.url} sent no complete answer within {timeout:g} s; try again, or "
                "give a longer config={'timeout': milliseconds}"
            )


def _read(response: requests.Response) -> bytes:
    import urllib3

    try:
        return bytes(response.raw.read1(_CHUNK, decode_content=True))
    except urllib3.exceptions.ReadTimeoutError as error:
        raise requests.exceptions.ReadTimeout(error, response=response) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise requests.exceptions.ChunkedEncodingError(error, response=response) from error

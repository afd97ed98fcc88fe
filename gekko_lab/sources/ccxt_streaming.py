"""ccxt.pro's classes with our hooks: requests wait for the budget, connections are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from gekko_lab.errors import BadResponse
from gekko_lab.events.loop import in_thread
from gekko_lab.limits.budget import Pace

if TYPE_CHECKING:
    from collections.abc import Callable

    from gekko_lab.limits.budget import Budget

_SUCCESS = range(200, 300)


def streaming_class(
    base: type[Any], budget: Budget | None, connected: Callable[[Any], None]
) -> type[Any]:
    """Give a class like ccxt.pro's.

    Parameters
    ----------
    base
        ccxt.pro's class of an exchange.
    budget
        What each of its requests waits for; without one ccxt's own limiter holds.
    connected
        Is called with each of ccxt's clients before it connects.
    """

    class Streaming(base):  # type: ignore[misc]
        """The class with the hooks that ccxt offers."""

        pace: Pace | None = None

        def client(self, url: str) -> Any:
            known = url in (self.clients or {})
            made = super().client(url)
            if not known:
                connected(made)
            return made

        async def throttle(self, cost: float | None = None) -> None:
            if budget is None:
                await super().throttle(cost)
            else:  # the turn is taken in `fetch`, which knows the address
                self.pace = Pace(self.rateLimit, 1.0 if cost is None else cost)

        async def fetch(self, url: str, *rest: Any, **options: Any) -> Any:
            if budget is not None and self.enableRateLimit:
                await in_thread(budget.acquire, url, self.pace)
            return await super().fetch(url, *rest, **options)

        def on_rest_response(
            self, code: int, reason: str, url: str, method: str, headers: Any, body: str, *rest: Any
        ) -> str:
            if budget is not None and self.enableRateLimit:
                budget.learn(url, code, headers, body)
            text: str = super().on_rest_response(code, reason, url, method, headers, body, *rest)
            if code in _SUCCESS:
                _check_body(text, self.id)
            return text

    Streaming.__name__ = base.__name__
    return Streaming


def _check_body(text: str, exchange: str) -> None:
    """Raise where ccxt would take what came for no data."""
    try:
        sound = isinstance(orjson.loads(text), (dict, list))
    except ValueError:
        sound = False
    if not sound:
        raise BadResponse(f"{exchange} answered with {text[:80]!r}, not with data; try again")

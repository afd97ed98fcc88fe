"""What the server must know of an exchange's protocol to speak it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gekko_lab.market.rules import MarketRules
    from gekko_lab.server.limits import Verdict
    from gekko_lab.server.spoiling import Layout

Subject = Literal["candles", "trades", "order_book", "ticker", "markets", "time"]
"""What a request is about, whatever the exchange calls it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a JSON body.

    Attributes
    ----------
    status : int
        HTTP status.
    body : bytes
        JSON.
    headers : Mapping
        What the exchange tells beside the body.
    error : bool
        Whether it says that the request failed, which may come with status 200.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    error: bool = False


class Refused(Exception):
    """A request that is answered with an error.

    Attributes
    ----------
    answer : Answer
        The error.
    """

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body.decode())
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Asked:
    """What one request asks for.

    Attributes
    ----------
    subject : str or None
        What it is about; None for all that no fault chooses by name.
    symbols : frozenset of str
        The names of its market: as it was sent, the exchange's own ones and the unified one.
    """

    subject: Subject | None = None
    symbols: frozenset[str] = frozenset()


class Dialect(Protocol):
    """An exchange's protocol over one market; times are milliseconds UTC."""

    @property
    def nothing(self) -> bytes:
        """A body without content, where pages have no rows."""
        ...

    def asked(self, path: str, query: Mapping[str, str]) -> Asked:
        """Tell what a request is about."""
        ...

    def weight(self, path: str, query: Mapping[str, str]) -> int:
        """Give what a request costs."""
        ...

    def used(self, verdict: Verdict) -> Mapping[str, str]:
        """Give the headers in which every counted answer tells what was used."""
        ...

    def prepare(self, path: str, now: int) -> Iterable[object]:
        """Do in steps, a market each, what takes long in an answer about all tickers."""
        ...

    def answer(
        self, method: str, path: str, parameters: Sequence[tuple[str, str]], now: int
    ) -> Answer:
        """Answer a request as of `now`."""
        ...

    def refusal(self, verdict: Verdict) -> Answer:
        """Answer who asks too often."""
        ...

    def failure(self, status: int) -> Answer:
        """Give an error of the exchange itself with that status."""
        ...

    def layout(self, subject: Subject | None) -> Layout | None:
        """Tell where the rows of such a page are and what they hold; None without rows."""
        ...


def spot_markets(
    rules: Mapping[str, MarketRules], name: Callable[[MarketRules], str]
) -> dict[str, MarketRules]:
    """Give the spot markets by the exchange's name for them."""
    return {name(market): market for market in rules.values() if market.type == "spot"}


def currencies(markets: Iterable[MarketRules]) -> list[str]:
    """Give what is traded and what it's priced in, each once."""
    return list(dict.fromkeys(code for each in markets for code in (each.base, each.quote)))

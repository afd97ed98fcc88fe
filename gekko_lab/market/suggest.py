"""The nearest names, for errors about an unknown one."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], *, most: int = 3) -> str:
    """Give a clause such as " Did you mean 'BTC/USDT'?", or nothing when no name is near.

    Examples
    --------
    >>> nearest("btcusdt", ["BTC/USDT", "ETH/USDT", "XRP/EUR"], most=1)
    " Did you mean 'BTC/USDT'?"
    """
    by_shape = {_shape(each): each for each in known}
    near = get_close_matches(_shape(name), by_shape, n=most, cutoff=0.6)
    if not near:
        return ""
    return f" Did you mean {' or '.join(repr(by_shape[each]) for each in near)}?"


def _shape(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())

"""One word for where rows come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gekko_lab.sources.source import REPLAY

if TYPE_CHECKING:
    from gekko_lab.sources.source import Source


def badge_of(source: Source) -> str:
    """Give LOG, SIM, REPLAY or LIVE.

    Examples
    --------
    >>> import gekko_lab
    >>> badge_of(gekko_lab.ExchangeSimulator())
    'SIM'
    """
    if source.exchange.startswith(REPLAY):
        return "LOG"
    if source.foresees:
        return "SIM"
    return "LIVE" if source.logged else "REPLAY"

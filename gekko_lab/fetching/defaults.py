"""What a fetch does when it isn't told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gekko_lab.settings import options
from gekko_lab.sources.exchange_replay import ExchangeReplay

if TYPE_CHECKING:
    from gekko_lab.sources.source import Source

_CHOICES = {True: True, "on": True, False: False, "off": False}


def is_live(source: Source) -> bool:
    """Tell whether a source is an exchange whose market goes on, not one that is calculated."""
    return not source.foresees and not isinstance(source, ExchangeReplay)


def logged_by_default(source: Source) -> bool:
    """Tell whether a fetch goes through the data log: by `options.log`, else for live sources."""
    chosen = options.log if "log" in dir(options) else None
    return _CHOICES.get(chosen, is_live(source))

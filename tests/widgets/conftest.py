"""Charts whose messages a test reads."""

from __future__ import annotations

import pytest

import gekko_lab


@pytest.fixture(scope="session")
def hours():
    """Two weeks of candles, of which fifteen are missing."""
    asked = {"since": "2024-01-01", "until": "2024-01-15", "progress": "off"}
    whole = gekko_lab.fetch("simulator", "BTC/USDT", "1h", **asked)
    return whole[[*range(200), *range(215, len(whole))]]


@pytest.fixture
def told(monkeypatch):
    """Give the list of messages that charts send, buffers apart."""
    messages = []
    monkeypatch.setattr(
        gekko_lab.Chart,
        "send",
        lambda self, message, buffers=None: messages.append((message, buffers or [])),
    )
    return messages

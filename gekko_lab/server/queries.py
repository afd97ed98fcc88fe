"""Parameters of a request, read and judged as the exchange does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_SYMBOL = "^[A-Z0-9-_.]{1,20}$"
_NUMBER = "^[0-9]{1,20}$"
_MOST = 2**63 - 1


class ProtocolError(Exception):
    """A request that is answered with HTTP 400.

    Attributes
    ----------
    code : int
        The exchange's error code.
    text : str
        Its message.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Query:
    """The parameters of one request; what no one reads is an error in the end.

    Parameters
    ----------
    parameters
        Names and values in the order in which they were sent.
    """

    def __init__(self, parameters: Sequence[tuple[str, str]]) -> None:
        self._sent = len(parameters)
        self._values = dict(parameters)
        self._read: set[str] = set()
        if len(self._values) < self._sent:
            raise ProtocolError(-1101, "Duplicate values for a parameter detected.")

    def text(self, name: str) -> str | None:
        """Give a parameter, or None."""
        self._read.add(name)
        return self._values.get(name)

    def needed(self, name: str) -> str:
        """Give a parameter that must be there."""
        value = self.text(name)
        if not value:
            raise ProtocolError(
                -1102,
                f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.",
            )
        return value

    def symbol(self) -> str:
        """Give the symbol, which must be there."""
        value = self.needed("symbol")
        _check("symbol", value, _SYMBOL)
        return value

    def integer(self, name: str) -> int | None:
        """Give a whole number, or None."""
        value = self.text(name)
        if value is None:
            return None
        if not value:
            raise ProtocolError(-1105, f"Parameter '{name}' was empty.")
        _check(name, value, _NUMBER)
        return min(int(value), _MOST)

    def time(self, name: str) -> int | None:
        """Give a time in milliseconds, or None."""
        return self.integer(name)

    def limit(self, default: int, most: int) -> int:
        """Give the number of rows, at most `most`."""
        value = self.integer("limit")
        if value is None:
            return min(default, most)
        if value < 1:
            raise ProtocolError(-1130, "Data sent for parameter 'limit' is not valid.")
        return min(value, most)

    def done(self) -> None:
        """Refuse parameters that were sent for nothing."""
        read = len(self._read & self._values.keys())
        if read < self._sent:
            raise ProtocolError(
                -1104,
                f"Not all sent parameters were read; read '{read}' parameter(s) but was sent "
                f"'{self._sent}'.",
            )


def _check(name: str, value: str, legal: str) -> None:
    if not re.fullmatch(legal, value):
        raise ProtocolError(
            -1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."
        )

"""Every error and warning that Gekko Lab raises, in one tree.

::

    GekkoLabError
    ├── RequestError (ValueError)          wrong request; raised before any market data
    │   ├── InvalidArgument                a value that can't be used
    │   │   └── InvalidType (TypeError)    a value of the wrong type
    │   ├── InvalidRange                   since, until and limit make no sense together
    │   │   └── HistoryUnavailable         the exchange doesn't serve candles that old; .earliest
    │   ├── InvalidOption                  a setting or its GEKKO_LAB_* variable
    │   ├── UnknownExchange (LookupError)
    │   ├── UnknownSymbol (LookupError)
    │   ├── UnknownTimeframe (LookupError)
    │   ├── NotInLog (LookupError)         the data log holds no such series
    │   └── UnsupportedBySource            this exchange can't do that
    ├── SourceError                        the exchange or the way to it; .retryable, .retry_after
    │   ├── NetworkFailed (ConnectionError)
    │   │   └── SourceTimeout (TimeoutError)
    │   ├── RateLimited                    .retry_after seconds when the exchange names them
    │   ├── SourceUnavailable              maintenance or overload
    │   ├── AccessDenied                   geo block or a closed door: another try won't help
    │   ├── RequestRefused                 the exchange understood and declined
    │   └── BadResponse                    an answer that isn't what was asked for
    ├── DataError (ValueError)             rows that break their schema
    │   └── IncompleteData                 .frame holds what was had, .report what is missing
    ├── Stopped                            told to stop; what had come is kept
    ├── LogError                           the data log on disk
    │   ├── DamagedFile                    .file can't be read and couldn't be set aside
    │   ├── DiskFull (OSError)             what was acknowledged before stays
    │   └── LogLocked (TimeoutError)       somebody else writes the same series
    └── MissingDependency (ImportError)    names the extra to install

    GekkoLabWarning (UserWarning)
    ├── GapWarning                         rows that don't exist at the exchange, named
    ├── DamagedWarning                     .file of the data log was damaged and is set aside
    ├── LogWarning                         the data log can't keep what comes
    └── LimitsWarning                      requests can't be counted together just now

Every error says what was asked, what was found and what to do next; the same facts are attributes.
"""

from __future__ import annotations

from typing import Any, ClassVar


class GekkoLabError(Exception):
    """Anything that Gekko Lab raises on purpose."""


class RequestError(GekkoLabError, ValueError):
    """The request can't be answered as it stands."""


class InvalidArgument(RequestError):
    """A value that can't be used."""


class InvalidType(InvalidArgument, TypeError):
    """A value of a type that can't be used."""


class InvalidRange(RequestError):
    """`since`, `until` and `limit` that make no sense, alone or together."""


class HistoryUnavailable(InvalidRange):
    """A range that begins before what the exchange serves.

    Attributes
    ----------
    earliest : int
        The first open time that can be had, in milliseconds UTC.
    """

    def __init__(self, message: str, *, earliest: int) -> None:
        super().__init__(message)
        self.earliest = earliest

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes with the attribute."""
        return _rebuild, (type(self), self.args[0], {"earliest": self.earliest})


class InvalidOption(RequestError):
    """A setting that doesn't exist or a value that it can't have."""


class UnknownExchange(RequestError, LookupError):
    """No source has that name."""


class UnknownSymbol(RequestError, LookupError):
    """The exchange has no such market."""


class UnknownTimeframe(RequestError, LookupError):
    """Not a timeframe, or none that the exchange serves."""


class NotInLog(RequestError, LookupError):
    """The data log holds no such series."""


class UnsupportedBySource(RequestError):
    """The exchange has no way to answer this."""


class SourceError(GekkoLabError):
    """The exchange, or the way to it, failed.

    Attributes
    ----------
    retryable : bool
        Whether the same request may succeed later.
    retry_after : float or None
        Seconds that the exchange asked to wait, when it did.
    """

    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes with the attribute."""
        return _rebuild, (type(self), self.args[0], {"retry_after": self.retry_after})


class NetworkFailed(SourceError, ConnectionError):
    """The exchange couldn't be reached, or the connection broke."""

    retryable = True


class SourceTimeout(NetworkFailed, TimeoutError):
    """No complete answer in time."""


class RateLimited(SourceError):
    """The exchange counts too many requests from this address."""

    retryable = True


class SourceUnavailable(SourceError):
    """The exchange is down, overloaded or in maintenance."""

    retryable = True


class AccessDenied(SourceError):
    """The exchange refuses this address or region; asking again won't help."""


class RequestRefused(SourceError):
    """The exchange understood the request and declined it."""


class BadResponse(SourceError):
    """An answer that isn't what was asked for: cut, empty, not JSON, wrong rows."""

    retryable = True


class Stopped(GekkoLabError):
    """The work was told to stop before its end; what had come by then is kept."""


class DataError(GekkoLabError, ValueError):
    """Rows that break the schema or the rules of their kind."""


class IncompleteData(DataError):
    """Part of what was asked for couldn't be had; what was had is kept.

    Attributes
    ----------
    frame : object
        The rows that arrived, in the frame type that was asked for.
    report : object
        A polars frame of what is missing: since, until, missing, reason, error.
    """

    def __init__(self, message: str, *, frame: object, report: object) -> None:
        super().__init__(message)
        self.frame = frame
        self.report = report

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes with the rows."""
        return _rebuild, (type(self), self.args[0], {"frame": self.frame, "report": self.report})


class LogError(GekkoLabError):
    """The data log on disk couldn't be read or written."""


class DamagedFile(LogError):
    """A file of the data log that can't be read and couldn't be set aside.

    Attributes
    ----------
    file : str
        Its path.
    """

    def __init__(self, message: str, *, file: str) -> None:
        super().__init__(message)
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes with the path."""
        return _rebuild, (type(self), self.args[0], {"file": self.file})


class DiskFull(LogError, OSError):
    """The disk has no room for more; what was acknowledged before stays."""


class LogLocked(LogError, TimeoutError):
    """Another process or thread kept writing the same series for too long."""


class MissingDependency(GekkoLabError, ImportError):
    """A package of an optional extra is not installed."""


class GekkoLabWarning(UserWarning):
    """Anything that Gekko Lab warns of."""


class GapWarning(GekkoLabWarning):
    """Rows that were asked for and don't exist at the exchange.

    Attributes
    ----------
    report : object
        A polars frame of what is missing: since, until, missing, reason, error.
    """

    def __init__(self, message: str, *, report: object = None) -> None:
        super().__init__(message)
        self.report = report


class DamagedWarning(GekkoLabWarning):
    """A file of the data log was damaged; it is set aside and its range counts as not held.

    Attributes
    ----------
    file : str
        Where it was.
    aside : str
        Where it is now.
    """

    def __init__(self, message: str, *, file: str = "", aside: str = "") -> None:
        super().__init__(message)
        self.file = file
        self.aside = aside


class LogWarning(GekkoLabWarning):
    """The data log couldn't keep what came; the call goes on without it."""


class LimitsWarning(GekkoLabWarning):
    """Requests of this machine can't be counted together; says what is done instead."""


def _rebuild(kind: type[GekkoLabError], message: str, context: dict[str, Any]) -> GekkoLabError:
    return kind(message, **context)

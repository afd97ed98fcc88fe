"""Where an exchange's archive of old files lies, as told by its address or found by its name."""

from __future__ import annotations

from gekko_lab.errors import InvalidArgument, InvalidType

ADDRESS = "https://data.binance.vision"
EXCHANGES = ("binance", "binanceusdm")


def find_address(archive: str | None, exchange: str, *, plain: bool) -> str | None:
    """Give the base address that the setting means, or None for no archive.

    Parameters
    ----------
    archive
        None, "auto", or an address.
    exchange
        ccxt's id.
    plain
        Whether the source asks the real exchange with no settings of its own. Others have no
        archive by themselves, so that rows of a test server are never mixed with real ones.

    Raises
    ------
    InvalidArgument
        When an address is given that is none, or for another exchange.
    """
    if archive is None or (archive == "auto" and not (plain and exchange in EXCHANGES)):
        return None
    if not isinstance(archive, str):
        raise InvalidType(f"archive={archive!r}: give None, 'auto' or the address of a copy")
    if archive == "auto":
        return ADDRESS
    if not archive.startswith(("http://", "https://")):
        raise InvalidArgument(f"archive={archive!r}: give None, 'auto' or an http(s) address")
    if exchange not in EXCHANGES:
        raise InvalidArgument(
            f"archive={archive!r}: {exchange} has no archive; {' and '.join(EXCHANGES)} have one"
        )
    return archive.rstrip("/")

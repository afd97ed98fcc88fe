"""What may be wrong with the files of an archive."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, get_args

from gekko_lab.errors import InvalidArgument

FileKind = Literal[
    "missing",
    "no_checksum",
    "wrong_checksum",
    "odd_checksum",
    "damaged",
    "no_zip",
    "wrong_name",
    "two_members",
    "bomb",
    "replaced",
    "drop_rows",
    "double_rows",
    "nan_rows",
    "short_rows",
    "future_rows",
]


@dataclass(frozen=True, slots=True)
class FileFault:
    """Something wrong with files of certain names.

    ============== ======================================================== ================
    kind           what is wrong                                            value (default)
    ============== ======================================================== ================
    missing        neither the file nor its CHECKSUM is there; a late file  requests (all)
                   is missing for so many requests only
    no_checksum    there is a file without a CHECKSUM                       none
    wrong_checksum the CHECKSUM is that of another file                     none
    odd_checksum   the CHECKSUM isn't one                                   none
    damaged        bytes have changed since the CHECKSUM was made           none
    no_zip         the file is no zip; the CHECKSUM fits                    none
    wrong_name     the zip holds a file of another name; fits               none
    two_members    the zip holds a file more; fits                          none
    bomb           the zip holds far more text than it may; fits            none
    replaced       volumes differ from those of the exchange; fits          none
    drop_rows      rows are missing inside; fits                            rows (5)
    double_rows    rows come twice; fits                                    rows (5)
    nan_rows       prices are "NaN"; fits                                   rows (5)
    short_rows     rows end too early; fits                                 rows (5)
    future_rows    the last rows lie behind the file's range; fits          rows (5)
    ============== ======================================================== ================

    Parameters
    ----------
    kind
        What is wrong; the CHECKSUM fits where the table says so.
    name
        Of the files, without ending: "BTCUSDT-1m-2024-02" is a month, "*-2024-02-*" its days; by
        default all files.
    value
        What the table says, a whole number from 1 on.
    """

    kind: FileKind
    name: str = "*"
    value: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(FileKind):
            raise InvalidArgument(f"{self.kind!r} is no fault: choose one of {get_args(FileKind)}")
        value: object = self.value
        whole = isinstance(value, int) and not isinstance(value, bool)
        if value is not None and not (whole and self.amount(1) > 0):
            raise InvalidArgument(f"value={value!r} of a fault: give a whole number, 1 or more")

    def fits(self, name: str) -> bool:
        """Tell whether a file of that name has this fault."""
        return fnmatchcase(name, self.name)

    def amount(self, default: int) -> int:
        """Give the value or that default."""
        return default if self.value is None else self.value


class FileFaults:
    """What is wrong with an archive's files; may be changed at any time from any thread."""

    def __init__(self) -> None:
        self._faults: list[FileFault] = []
        self._hits: dict[FileFault, int] = {}
        self._lock = threading.Lock()

    def add(self, fault: FileFault) -> None:
        """Let this be wrong from the next request on."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Let nothing be wrong any more."""
        with self._lock:
            self._faults.clear()
            self._hits.clear()

    def of(self, name: str) -> tuple[FileFault, ...]:
        """Give what is wrong with a file."""
        with self._lock:
            return tuple(fault for fault in self._faults if fault.fits(name))

    def lacks(self, name: str) -> bool:
        """Tell whether a request for a file finds nothing, and count it."""
        with self._lock:
            for fault in self._faults:
                if fault.kind == "missing" and fault.fits(name):
                    self._hits[fault] = self._hits.get(fault, 0) + 1
                    if fault.value is None or self._hits[fault] <= fault.value:
                        return True
        return False

"""Bytes on a disk: whole or not at all, and still there after a loss of power."""

from __future__ import annotations

import errno
import os
import secrets
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gekko_lab.errors import DiskFull

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PART = ".part"

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_WINDOWS_TRIES = 200
_WINDOWS_PAUSE_S = 0.01


@contextmanager
def room_for(what: object) -> Iterator[None]:
    """Say it clearly when the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL or isinstance(error, DiskFull):
            raise
        raise DiskFull(
            f"{what}: no room left on the disk ({error.strerror}); what was stored before is "
            "intact. Make room, or choose another gekko_lab.options.data_dir"
        ) from error


def write_all(descriptor: int, content: bytes | memoryview) -> None:
    """Write every byte, in as many goes as the system takes."""
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


def replace(target: Path, content: bytes | memoryview, scratch: Path) -> None:
    """Put a file in place whole, so that a reader sees the old one or the new one.

    Parameters
    ----------
    target
        The file; its folder is made where it isn't there.
    content
        What it shall hold.
    scratch
        A folder on the same disk for the unfinished file.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    make_folder(target.parent)
    part = scratch / f"{target.name}.{os.getpid()}-{secrets.token_hex(4)}{PART}"
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            write_all(descriptor, content)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        move(part, target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def move(file: Path, target: Path) -> None:
    """Rename over what is there; again where Windows refuses because a reader has it open."""
    for tried in range(_WINDOWS_TRIES):
        try:
            os.replace(file, target)  # noqa: PTH105 (atomic on every platform, by this very name)
        except PermissionError:
            if os.name != "nt" or tried == _WINDOWS_TRIES - 1:
                raise
            time.sleep(_WINDOWS_PAUSE_S)
        else:
            return


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, so that they outlast a loss of power."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make names in a folder outlast a loss of power, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(folder: Path) -> list[str]:
    """Remove unfinished files that a dead writer left; the caller holds the lock."""
    parts = sorted(folder.glob(f"*{PART}"))
    for part in parts:
        part.unlink(missing_ok=True)
    return [part.name for part in parts]

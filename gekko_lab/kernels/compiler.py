"""The door to numba."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from numba import njit

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

Function = TypeVar("Function", bound="Callable[..., Any]")


def compiled(function: Function) -> Function:
    """Compile a loop for the types that it is first called with, once for this machine.

    No fast math, so that each operation rounds as numpy's does; no GIL, so that threads help.
    """
    return cast("Function", njit(function, cache=True, nogil=True, error_model="numpy"))

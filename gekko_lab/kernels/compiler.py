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


def inlined(function: Function) -> Function:
    """Compile a part of a loop into the loop itself, where a call for few rows would cost more.

    Each call counts references to the arrays that it is given, which takes as long as some hundred
    rows do.
    """
    return cast("Function", njit(function, inline="always", error_model="numpy"))

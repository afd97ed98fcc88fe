"""A process that records: told by its standard input what, and tells by its output how it is doing.

It is begun by `python -m gekko_lab.feeds.record_worker`, which needs neither a main module that can
be imported again nor a fork. When its input ends, as it does with the death of its parent, it keeps
what it has and ends too.
"""

from __future__ import annotations

import os
import pickle
import threading
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import msgspec

from gekko_lab.feeds.clock import WALL
from gekko_lab.feeds.record_crew import Crew
from gekko_lab.settings import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gekko_lab.feeds.record_crew import Persistence
    from gekko_lab.feeds.record_spec import Spec

STOP: Final = b"stop\n"
EVERY_S: Final = 0.5
LENGTH: Final = 8


class Order:
    """What a worker is to do.

    Parameters
    ----------
    specs
        What it records.
    persistence
        How often a lane that failed is begun again.
    settings
        The options of the parent.
    resume
        Whether another worker began it.
    """

    def __init__(
        self,
        specs: Sequence[Spec],
        persistence: Persistence,
        settings: dict[str, Any],
        *,
        resume: bool,
    ) -> None:
        self.specs, self.persistence = specs, persistence
        self.settings, self.resume = settings, resume


def main() -> None:
    """Record until the input says stop, or ends."""
    told, orders = _own_pipes()
    order: Order = _read_order(orders)
    with options(**order.settings, progress="off"):
        crew = Crew(order.specs, WALL, order.persistence)
        crew.start(resume=order.resume)
    threading.Thread(target=_listen, args=(orders, crew), daemon=True).start()
    over = False
    while not over:
        over = crew.wait(EVERY_S)
        _tell(told, crew)


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Take the pipes for ourselves, so that nobody's print gets between."""
    told, orders = os.fdopen(os.dup(1), "wb"), os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return told, orders


def _read_order(orders: BinaryIO) -> Any:  # noqa: ANN401 (pickled)
    size = int.from_bytes(orders.read(LENGTH), "big")
    return pickle.loads(orders.read(size))  # noqa: S301 (the parent's)


def _listen(orders: BinaryIO, crew: Crew) -> None:
    orders.readline()  # "stop", or nothing: the parent is gone
    crew.stop()


def _tell(told: BinaryIO, crew: Crew) -> None:
    try:
        told.write(msgspec.json.encode(crew.statuses()) + b"\n")
        told.flush()
    except OSError:  # nobody is left to be told
        crew.stop()


if __name__ == "__main__":
    main()

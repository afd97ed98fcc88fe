"""Work in the background: the latest wins, errors are shown, and waiting blocks no loop."""

from __future__ import annotations

import asyncio
import threading

from gekko_lab.panels.worker import Worker


def call(function):
    return function()


def test_what_was_overtaken_tells_nothing():
    gate, began, told = threading.Event(), threading.Event(), []
    worker = Worker(call, lambda: None)

    def slow():
        began.set()
        gate.wait(10)
        return "first"

    worker.do("same", slow, told.append)
    assert began.wait(10)
    worker.do("same", lambda: "second", told.append)
    worker.do("same", lambda: "third", told.append)
    gate.set()
    asyncio.run(worker.idle())
    assert told == ["third"]


def test_works_of_other_names_run_beside_it():
    gate, told = threading.Event(), []
    worker = Worker(call, lambda: None)
    worker.do("slow", lambda: gate.wait(10), lambda _: told.append("slow"))
    worker.do("quick", gate.set, lambda _: None)
    asyncio.run(worker.idle())
    assert told == ["slow"]


def test_it_is_busy_from_the_first_work_to_the_end_of_the_last():
    states = []
    worker = Worker(call, lambda: states.append(worker.busy))
    worker.do("one", lambda: None, lambda _: None)
    asyncio.run(worker.idle())
    assert states == [True, False]


def test_a_loop_that_waits_goes_on_with_other_things():
    gate = threading.Event()
    worker = Worker(call, lambda: None)
    worker.do("slow", lambda: gate.wait(10), lambda _: None)

    async def both():
        waiting = asyncio.create_task(worker.idle())
        await asyncio.sleep(0)
        assert not waiting.done()
        gate.set()
        await waiting

    asyncio.run(both())


def test_what_is_closed_tells_nothing_more():
    gate, began, told = threading.Event(), threading.Event(), []
    worker = Worker(call, lambda: None)

    def slow():
        began.set()
        gate.wait(10)

    worker.do("slow", slow, lambda _: told.append("slow"))
    assert began.wait(10)
    worker.close()
    gate.set()
    asyncio.run(worker.idle())
    worker.do("late", lambda: told.append("late"), told.append)
    assert told == []

"""The loop thread works from anywhere, and lets go of what is interrupted."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import CancelledError
from contextvars import ContextVar

import pytest

from gekko_lab.events import loop as loops
from gekko_lab.events.loop import in_thread, loop_thread, wait_for

PATIENCE_S = 20
LABEL = ContextVar("label", default="nobody")


async def answer(value=42):
    await asyncio.sleep(0)
    return value


def test_there_is_one_loop_for_all_threads():
    found = []
    threads = [threading.Thread(target=lambda: found.append(loop_thread())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert set(found) == {loop_thread()}


def test_it_works_inside_of_a_running_loop():
    async def cell():
        return loop_thread().run(answer())

    assert asyncio.run(cell()) == 42


def test_errors_come_through():
    async def fail():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        loop_thread().run(fail())


def test_it_does_not_wait_for_itself():
    async def inside():
        loop_thread().run(answer())

    with pytest.raises(RuntimeError, match="can't wait for itself"):
        loop_thread().run(inside())


def test_the_context_of_the_caller_travels():
    async def look():
        return LABEL.get(), await in_thread(LABEL.get)

    token = LABEL.set("caller")
    try:
        assert loop_thread().run(look()) == ("caller", "caller")
    finally:
        LABEL.reset(token)


def test_an_interrupted_wait_cancels_the_work(monkeypatch):
    cancelled = threading.Event()

    async def forever():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    def interrupted(outcome, timeout_s=None):
        raise KeyboardInterrupt

    monkeypatch.setattr(loops, "wait_for", interrupted)
    with pytest.raises(KeyboardInterrupt):
        loop_thread().run(forever())
    assert cancelled.wait(PATIENCE_S)


def test_cancelled_work_and_time_that_is_over_are_told():
    work = loop_thread().spawn(asyncio.Event().wait())
    with pytest.raises(TimeoutError):
        wait_for(work, 0)
    work.cancel()
    with pytest.raises(CancelledError):
        wait_for(work, PATIENCE_S)


def test_blocking_calls_run_beside_each_other_and_use_threads_again():
    both = threading.Barrier(3)

    async def ask(count):
        calls = (in_thread(both.wait, PATIENCE_S) for _ in range(count))
        await asyncio.gather(*calls)
        return {await in_thread(threading.get_ident) for _ in range(20)}

    before = threading.active_count()
    for _ in range(3):
        assert loop_thread().run(ask(3))
    assert threading.active_count() <= before + 4


def test_failures_in_threads_come_through():
    async def ask():
        return await in_thread(int, "x")

    with pytest.raises(ValueError, match="invalid literal"):
        loop_thread().run(ask())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system doesn't fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_gets_a_loop_of_its_own():
    loop_thread().run(in_thread(int, "1"))
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, str(loop_thread().run(in_thread(int, "7"))).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        assert pipe.read() == "7"
    os.waitpid(child, 0)

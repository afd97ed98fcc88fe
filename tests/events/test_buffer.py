"""A buffer hands out everything in order, or says what it dropped."""

from __future__ import annotations

import asyncio
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gekko_lab.events.buffer import Buffer

PATIENCE_S = 20


def text(buffer):
    return "".join(buffer.take(0))


@settings(max_examples=40)
@given(
    st.lists(st.text(min_size=1, max_size=4), max_size=20),
    st.integers(1, 8),
    st.lists(st.booleans(), max_size=20),
)
def test_what_is_dropped_and_what_is_taken_is_everything(pieces, capacity, taking):
    dropped, taken = [], []

    async def run():
        buffer = Buffer(capacity, "drop_oldest", dropped.append)
        for place, piece in enumerate(pieces):
            await buffer.put(piece)
            assert len(buffer) <= max(capacity, len(piece))
            if place < len(taking) and taking[place]:
                taken.extend(buffer.take(0))
        buffer.close()
        taken.extend(buffer.take(0))
        assert buffer.take() == []

    asyncio.run(run())
    places = [pieces.index(piece) for piece in dropped]
    assert sorted(dropped + taken) == sorted(pieces)
    assert places == sorted(places) or len(set(pieces)) < len(pieces)


def test_a_full_buffer_that_blocks_lets_a_thread_make_room():
    buffer = Buffer(3, "block", pytest.fail)
    got = []

    def read():
        while pieces := buffer.take():
            got.extend(pieces)

    async def write():
        for number in range(50):
            await buffer.put(f"{number:02d}")
            assert len(buffer) <= 3
        buffer.close()

    reader = threading.Thread(target=read)
    reader.start()
    asyncio.run(write())
    reader.join(PATIENCE_S)
    assert got == [f"{number:02d}" for number in range(50)]


def test_two_loops_can_share_one():
    buffer = Buffer(2, "block", pytest.fail)

    async def write():
        for letter in "abcdefgh":
            await buffer.put(letter)
        buffer.close()

    async def read():
        got = []
        while pieces := await buffer.take_soon():
            got += pieces
        return got

    writer = threading.Thread(target=lambda: asyncio.run(write()))
    writer.start()
    assert asyncio.run(read()) == [*"abcdefgh"]
    writer.join(PATIENCE_S)


def test_held_pieces_wait_and_urgent_ones_do_not():
    async def fill(buffer):
        await buffer.put("a")
        buffer.hold()
        await buffer.put("b")
        buffer.put_first("!")

    buffer = Buffer(9, "block", pytest.fail)
    asyncio.run(fill(buffer))
    assert text(buffer) == "!"
    assert text(buffer) == ""
    buffer.put_first("?")
    assert buffer.take_urgent() == ["?"]
    buffer.release()
    assert buffer.take_urgent() == []
    assert text(buffer) == "ab"


def test_a_buffer_that_is_closed_while_held_still_holds():
    async def soon(take):
        waiting = asyncio.ensure_future(take())
        await asyncio.sleep(0)
        came = waiting.done()
        buffer.release()
        return came, await waiting

    for take in ("take_soon", "take_urgent_soon"):
        buffer = Buffer(9, "block", pytest.fail)
        asyncio.run(buffer.put("a"))
        buffer.hold()
        buffer.close()
        assert text(buffer) == ""
        assert asyncio.run(soon(getattr(buffer, take))) == (False, ["a"] * (take == "take_soon"))


def test_a_thread_that_waits_for_urgent_pieces_waits_on_when_it_is_closed():
    buffer, came = Buffer(9, "block", pytest.fail), threading.Event()
    buffer.hold()
    buffer.close()
    thread = threading.Thread(target=lambda: (buffer.take_urgent(), came.set()))
    thread.start()
    assert not came.wait(0.1)
    buffer.release()
    assert came.wait(PATIENCE_S)
    thread.join(PATIENCE_S)


def test_a_closed_buffer_takes_nothing_and_wakes_who_waits():
    async def run():
        buffer = Buffer(1, "block", pytest.fail)
        await buffer.put("a")
        waiting = asyncio.ensure_future(buffer.put("b"))
        await asyncio.sleep(0)
        buffer.discard()
        buffer.close()
        await waiting
        return text(buffer)

    assert asyncio.run(run()) in {"", "b"}

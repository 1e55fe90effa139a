from __future__ import annotations

import asyncio

from ingest.frame_queue import FrameQueue


async def test_frames_come_out_in_order_with_their_times() -> None:
    queue = FrameQueue(1_000)
    for number in range(5):
        queue.put(number, [b"%d" % number])

    assert await queue.take(3) == [(0, b"0"), (1, b"1"), (2, b"2")]
    assert await queue.take(3) == [(3, b"3"), (4, b"4")]
    assert len(queue) == 0


async def test_the_worker_waits_for_the_first_frame() -> None:
    queue = FrameQueue(1_000)
    taking = asyncio.create_task(queue.take(10))
    await asyncio.sleep(0)
    assert not taking.done()

    queue.put(1, [b"x"])

    assert await taking == [(1, b"x")]


async def test_filling_it_is_told_once_and_room_when_it_is_half_empty() -> None:
    rooms = list[int]()
    queue = FrameQueue(100)
    queue.on_room = lambda: rooms.append(len(queue))

    assert [queue.put(0, [b"x" * 40]) for _ in range(4)] == [False, False, True, False]
    await queue.take(1)
    await queue.take(1)
    assert rooms == []

    await queue.take(1)
    assert rooms == [1]

    assert [queue.put(0, [b"x" * 40]) for _ in range(2)] == [False, True]


async def test_a_frame_larger_than_the_queue_is_let_in() -> None:
    queue = FrameQueue(10)

    assert queue.put(0, [b"x" * 50])
    assert await queue.take(1) == [(0, b"x" * 50)]


async def test_a_closed_queue_gives_what_it_has_and_then_nothing() -> None:
    queue = FrameQueue(1_000)
    queue.put(1, [b"x"])

    queue.close()

    assert not queue.put(2, [b"late"])
    assert await queue.take(10) == [(1, b"x")]
    assert await queue.take(10) == []


async def test_closing_wakes_the_worker_and_lets_the_socket_read_its_end() -> None:
    rooms = list[bool]()
    queue = FrameQueue(10)
    queue.on_room = lambda: rooms.append(True)
    taking = asyncio.create_task(queue.take(10))
    await asyncio.sleep(0)
    queue.close()
    assert await taking == []

    full = FrameQueue(1)
    full.on_room = lambda: rooms.append(True)
    full.put(0, [b"xx"])
    full.close()
    assert rooms == [True]

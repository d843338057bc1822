"""Supervised tasks: they start again after a failure and end when they are told to."""

import asyncio

import pytest

from app.core.tasks import gathered, keep_running


async def test_a_run_that_fails_is_started_again() -> None:
    runs: asyncio.Queue[int] = asyncio.Queue()

    async def run() -> None:
        runs.put_nowait(1)
        async with asyncio.TaskGroup() as group:  # a failed one leaves its task marked as cancelled
            group.create_task(fail())

    async def fail() -> None:
        raise ValueError("once more")

    keeping = asyncio.create_task(keep_running("test", run))
    for _ in range(2):
        async with asyncio.timeout(10):
            await runs.get()
    keeping.cancel()
    await asyncio.wait({keeping})
    assert keeping.cancelled()


async def test_it_ends_even_if_the_run_makes_an_error_of_its_cancellation() -> None:
    started = asyncio.Event()

    async def run() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ConnectionError("as a driver may say it") from None

    keeping = asyncio.create_task(keep_running("test", run))
    await started.wait()
    keeping.cancel()
    await asyncio.wait({keeping}, timeout=10)
    assert keeping.cancelled()


async def test_an_error_of_one_is_raised_once_the_others_have_come_to_their_end() -> None:
    ended = []

    async def end_later() -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        ended.append("later")

    async def fail() -> None:
        raise ValueError("at once")

    with pytest.raises(ValueError, match="at once"):
        await gathered([fail(), end_later()])
    assert ended == ["later"]


async def test_what_all_return_is_given_in_their_order() -> None:
    async def give(value: int) -> int:
        return value

    assert await gathered([give(1), give(2)]) == [1, 2]

"""Supervised tasks: they start again after a failure and end when they are told to."""

import asyncio

from app.core.tasks import keep_running


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
        await asyncio.wait_for(runs.get(), 10)
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

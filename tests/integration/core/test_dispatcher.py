"""The dispatcher: one at a time by election, none twice by the fence, and on again after every failure."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from app.core import event_log
from app.core.dispatcher import Dispatcher
from app.core.event_log import ZERO
from app.core.log_signal import LogSignal

WAIT_SECONDS = 20


@asynccontextmanager
async def running(database_url: str, clock, signal: LogSignal) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(database_url, clock, signal.notify)
    task = asyncio.create_task(dispatcher.run())
    yield dispatcher
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def reaches(signal: LogSignal, position: int) -> None:
    async with asyncio.timeout(WAIT_SECONDS):
        await signal.wait(position - 1, WAIT_SECONDS)
    assert signal.position == position


async def test_a_woken_dispatcher_positions_what_was_committed_and_tells_it(database_url, clock, say, log_connection):
    signal = LogSignal()
    heard: asyncio.Queue[str] = asyncio.Queue()
    await log_connection.add_listener("switchboard_log", lambda *message: heard.put_nowait(message[-1]))
    async with running(database_url, clock, signal) as dispatcher:
        await say("a", "b")
        dispatcher.wake()
        await reaches(signal, 2)
    assert await heard.get() == '{"position" : 2}'
    assert len(await event_log.read(log_connection, ZERO)) == 2


async def test_events_nobody_woke_it_for_are_positioned_too(database_url, clock, say):
    signal = LogSignal()
    async with running(database_url, clock, signal):
        await say("a")
        await reaches(signal, 1)


async def test_when_the_leaders_connection_is_killed_another_goes_on(database_url, clock, say, log_connection):
    signals = [LogSignal() for _ in range(3)]
    async with AsyncExitStack() as stack:
        for signal in signals:
            await stack.enter_async_context(running(database_url, clock, signal))
        for position in range(1, 4):
            await say("a")
            await any_reaches(signals, position)
            [holder] = await log_connection.fetch(
                "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
            await log_connection.execute("SELECT pg_terminate_backend($1)", holder["pid"])
        await say("a")
        await any_reaches(signals, 4)
    assert [event.position for event in await event_log.read(log_connection, ZERO)] == [1, 2, 3, 4]


async def any_reaches(signals: list[LogSignal], position: int) -> None:
    waits = [asyncio.create_task(signal.wait(position - 1, WAIT_SECONDS)) for signal in signals]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)
    assert max(signal.position for signal in signals) == position

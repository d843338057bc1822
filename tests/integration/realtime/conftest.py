"""Fixtures of the socket tests: a world, a running dispatcher, one api process."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.core.database import Database
from app.core.dispatcher import Dispatcher
from app.core.log_signal import LogSignal
from tests.clocks import ManualClock
from tests.integration.realtime.world import Running, World, make_world, serving


@pytest.fixture
async def world(database: Database, clock: ManualClock) -> World:
    return await make_world(database, clock)


@pytest.fixture
async def signal(world: World) -> AsyncIterator[LogSignal]:
    """The signal of a process in which the dispatcher runs."""
    heard = LogSignal()
    dispatcher = Dispatcher(world.database.url, world.clock, heard.notify, positioned=heard.positioned)
    world.database.on_append = dispatcher.wake
    running = asyncio.create_task(dispatcher.run())
    yield heard
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
async def server(world: World, signal: LogSignal) -> AsyncIterator[Running]:
    async with serving(world, signal) as running:
        yield running

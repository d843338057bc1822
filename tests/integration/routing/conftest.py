"""A small contact centre and a router beside a running dispatcher."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.core.database import Database
from app.core.dispatcher import Dispatcher
from app.core.log_signal import LogSignal
from app.routing.service.router import Router
from tests.clocks import ManualClock
from tests.integration.routing.world import Routed, World


@pytest.fixture
async def world(database: Database, clock: ManualClock) -> World:
    built = World(database, clock)
    await built.build()
    return built


@pytest.fixture
async def signal(database: Database, clock: ManualClock) -> AsyncIterator[LogSignal]:
    """The log's positions are given as in production."""
    heard = LogSignal()
    dispatcher = Dispatcher(database.url, clock, on_positions=heard.notify, positioned=heard.positioned)
    database.on_append = dispatcher.wake
    running = asyncio.create_task(dispatcher.run())
    yield heard
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
def router(database: Database, clock: ManualClock, signal: LogSignal) -> Router:
    return Router(database, clock, signal, holder="tests")


@pytest.fixture
async def routed(world: World, router: Router) -> Routed:
    """Rebuild and decide until nothing follows any more: the router as one synchronous step."""
    epoch = await world.acquire_router()

    async def route() -> None:
        await router.rebuild()
        while await router.step(epoch):
            pass

    return route

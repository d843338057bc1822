"""Fixtures: the world of the door, and an open door."""

from collections.abc import AsyncIterator

import pytest

from app.channels.intake import Intake
from app.core.database import Database
from tests.clocks import ManualClock
from tests.integration.channels.world import World, make_world


@pytest.fixture
async def world(database: Database, clock: ManualClock) -> World:
    return await make_world(database, clock)


@pytest.fixture
async def intake(world: World) -> AsyncIterator[Intake]:
    opened = Intake(world.database, world.clock)
    await opened.start()
    yield opened
    await opened.stop()

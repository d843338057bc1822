"""A conversation log driven by hand."""

from collections.abc import AsyncIterator

import pytest

from app.core.database import Database
from tests.clocks import ManualClock
from tests.event_logs import opened_by_hand
from tests.integration.sla.floor import Floor
from tests.integration.sla.world import World


@pytest.fixture
async def world(database: Database, clock: ManualClock) -> AsyncIterator[World]:
    async with opened_by_hand(database.url, clock) as log:
        built = World(database, clock, log)
        await built.build()
        yield built


@pytest.fixture
def floor(world: World) -> Floor:
    return Floor(world)

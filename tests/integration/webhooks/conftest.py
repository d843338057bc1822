"""A log driven by hand, webhooks that follow it, and a receiver."""

from collections.abc import AsyncIterator

import pytest

from app.core.database import Database
from tests.clocks import ManualClock
from tests.event_logs import opened_by_hand
from tests.integration.webhooks.world import World, client_of
from tests.receivers import Receiver, receiving


@pytest.fixture
async def world(database: Database, clock: ManualClock) -> AsyncIterator[World]:
    client = client_of()
    async with opened_by_hand(database.url, clock) as log:
        yield World(database, clock, log, client)
    await client.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as opened:
        yield opened

"""An app of access and agents over a database of the test's own, with an admin in it, for whoever asks for it."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from app.core.bus import Bus, PostgresBus
from app.core.database import Database
from tests.access_apps import browser, log_in, make_account, make_app
from tests.clocks import ManualClock


@pytest.fixture
async def bus(database_url: str) -> AsyncIterator[Bus]:
    opened = PostgresBus(database_url)
    await opened.start()
    yield opened
    await opened.close()


@pytest.fixture
def app(database: Database, clock: ManualClock, bus: Bus) -> FastAPI:
    return make_app(database, clock, bus)


@pytest.fixture
async def admin(app: FastAPI, database: Database, clock: ManualClock) -> AsyncIterator[httpx.AsyncClient]:
    await make_account(database, clock, "root", "admin")
    async with browser(app, token=await log_in(app, "root")) as client:
        yield client

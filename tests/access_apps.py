"""A small app of access and agents over a real database, and clients that are logged in to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import httpx
from argon2 import PasswordHasher
from fastapi import FastAPI
from sqlalchemy import text

from app.access import service
from app.access.api import router as access_router
from app.access.permissions import Role
from app.agents.api import router as agents_router
from app.core.act import Act, system_act
from app.core.bus import Bus
from app.core.config import Settings
from app.core.database import Database
from app.core.http import Manners, install_error_handlers
from tests.clocks import ManualClock

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD = "correct horse battery"


def make_app(database: Database, clock: ManualClock, bus: Bus) -> FastAPI:
    app = FastAPI()
    app.state.settings = Settings()
    app.state.database, app.state.clock, app.state.bus = database, clock, bus
    install_error_handlers(app)
    app.include_router(access_router)
    app.include_router(agents_router)
    app.add_middleware(Manners)
    return app


@asynccontextmanager
async def browser(
    app: FastAPI, *, address: str = "192.0.2.1", token: str | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, client=(address, 40000))
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(transport=transport, base_url="http://desk.test", headers=headers) as client:
        yield client


def act_at(clock: ManualClock) -> Act:
    return system_act(clock, "tests")


async def make_account(database: Database, clock: ManualClock, login: str, role: Role = "agent") -> UUID:
    async with database.transaction() as session:
        return await service.create_account(
            session, act_at(clock), login=login, password=PASSWORD, role=role, hasher=CHEAP
        )


async def log_in(app: FastAPI, login: str, password: str = PASSWORD) -> str:
    async with browser(app) as client:
        answer = await client.post("/v1/session", json={"login": login, "password": password})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])


async def events_of(database: Database) -> list[tuple[str, dict[str, object]]]:
    """(type, payload) in the order of appending."""
    async with database.transaction() as session:
        rows = await session.execute(text("SELECT type, payload FROM event ORDER BY id"))
        return [(row.type, row.payload) for row in rows]

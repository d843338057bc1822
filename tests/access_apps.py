"""A small app of access and agents over a real database, and clients that are logged in to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import httpx
from argon2 import PasswordHasher
from fastapi import APIRouter, FastAPI
from sqlalchemy import text

from app.access import service, tokens
from app.access.api import router as access_router
from app.access.permissions import Role
from app.agents.api import router as agents_router
from app.core.act import Act, system_act
from app.core.bus import Bus
from app.core.config import Settings
from app.core.database import Database
from app.core.http import Manners, install_error_handlers
from app.wiring import HOURS
from tests.clocks import ManualClock

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Made at a hundredth of the cost; how dear the product's own are is told by tests/unit/access."""
PASSWORD = "correct horse battery"


def app_of(database: Database, clock: ManualClock, *routers: APIRouter) -> FastAPI:
    """These operations over this database, and the answers to errors."""
    app = FastAPI()
    app.state.settings = Settings(_env_file=None)
    app.state.database, app.state.clock = database, clock
    app.state.hours = HOURS
    install_error_handlers(app)
    for router in routers:
        app.include_router(router)
    return app


def make_app(database: Database, clock: ManualClock, bus: Bus) -> FastAPI:
    app = app_of(database, clock, access_router, agents_router)
    app.state.bus = bus
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


async def bearer_of(database: Database, clock: ManualClock, account_id: UUID) -> dict[str, str]:
    """The header of a log-in that was not made over HTTP."""
    token = f"token-{uuid4()}"
    async with database.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO login_session (id, account_id, token_hash, created_at, expires_at)"
                " VALUES (:id, :account, :hash, :now, CAST(:now AS timestamptz) + interval '9 days')"
            ),
            {"id": uuid4(), "account": account_id, "hash": tokens.hash_of(token), "now": clock.now()},
        )
    return {"Authorization": f"Bearer {token}"}


async def events_of(database: Database) -> list[tuple[str, dict[str, object]]]:
    """(type, payload) in the order of appending."""
    async with database.transaction() as session:
        rows = await session.execute(text("SELECT type, payload FROM event ORDER BY id"))
        return [(row.type, row.payload) for row in rows]

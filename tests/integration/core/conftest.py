"""Fixtures of the event log's tests, and a collector to which a test may switch traces on."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from sqlalchemy import text

from app.core import event_log, tracing
from app.core.act import Act
from app.core.config import Settings
from app.core.database import Database
from app.core.driver import connect_to_log
from tests.clocks import ManualClock
from tests.collector import Collector, collecting
from tests.event_logs import ByHand, Happened, Say, opened_by_hand

Switch = Callable[..., Awaitable[None]]


@pytest.fixture
async def log_connection(database_url: str) -> AsyncIterator["asyncpg.Connection[Any]"]:
    connection = await connect_to_log(database_url, application_name="tests")
    yield connection
    await connection.close()


@pytest.fixture
def act(clock: ManualClock) -> Act:
    return Act(now=clock.now(), actor="test", request_id="request-1")


@pytest.fixture
def say(database: Database, act: Act) -> Say:
    """Append events with these notes, all of one key, in one transaction."""

    async def append(*notes: str, key: UUID | None = None, kind: type[Happened] = Happened) -> list[UUID]:
        subject = key or uuid4()
        async with database.transaction() as session:
            return await event_log.append(session, act, [kind(subject=subject, note=note) for note in notes])

    return append


@pytest.fixture
async def by_hand(database_url: str, clock: ManualClock) -> AsyncIterator[ByHand]:
    async with opened_by_hand(database_url, clock) as opened:
        yield opened


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with collecting() as opened:
        yield opened


@pytest.fixture
async def switch_on(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Switch]:
    async def start(url: str, **environment: str) -> None:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        tracing.start(Settings(tracing="on"), "tests")

    yield start
    await tracing.stop()


@pytest.fixture
async def reminders(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(
            text(
                "CREATE TABLE reminder (id uuid PRIMARY KEY, line uuid, place int, run_at timestamptz,"
                " leased_until timestamptz, attempts int NOT NULL DEFAULT 0, last_error text,"
                " parked_at timestamptz, done int NOT NULL DEFAULT 0)"
            )
        )

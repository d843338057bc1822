"""Fixtures for every suite: one PostgreSQL a process, a template made by the migrations, clones of it."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import hypothesis
import pytest
import structlog
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import Database
from app.ops import migrate
from app.ops.embedded_postgres import EmbeddedPostgres
from app.ops.socket_client import ResumingSocket
from tests import protocol
from tests.clocks import ManualClock

# No deadline: how long an example takes says nothing here. In CI the same examples each time.
hypothesis.settings.register_profile("default", deadline=None, print_blob=True)
hypothesis.settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "default")

# Without this, structlog draws each traceback with all local variables: seconds in which a test's event loop stands.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)

ResumingSocket.connection = protocol.JudgedConnection

TEMPLATE = "switchboard_template"
# Tests lose nothing in a power cut. The chaos journey starts its own PostgreSQL with fsync on.
FAST_AND_UNSAFE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_senders": "0",
}


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["messages_seen"] = sorted(protocol.seen)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    protocol.seen.update(getattr(node, "workeroutput", {}).get("messages_seen", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """After the whole suite: what of the AsyncAPI document went over no socket and to no webhook."""
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS and protocol.seen:
        unseen = protocol.unseen()
        terminalreporter.write_line(f"AsyncAPI: {len(protocol.seen)} messages met, {len(unseen)} not:")
        terminalreporter.write_line("  " + " ".join(unseen))


@pytest.fixture(autouse=True)
def frames_as_published() -> Iterator[None]:
    """Whatever our clients and browsers heard and sent in a test is as the AsyncAPI document has it."""
    yield
    assert protocol.take_complaints() == []


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of this process's PostgreSQL; its database is for administration only."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), settings=FAST_AND_UNSAFE)
    yield server.start()
    server.stop()


def url_of(server_url: str, database_name: str) -> str:
    return make_url(server_url).set(database=database_name).render_as_string(hide_password=False)


async def administer(server_url: str, statement: str) -> None:
    connection = await asyncpg.connect(server_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@asynccontextmanager
async def fresh_clone(server_url: str, template: str) -> AsyncIterator[str]:
    name = f"test_{uuid4().hex}"
    # wal_log copies through the buffers (37 ms); file_copy would force a checkpoint for each clone.
    await administer(server_url, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY wal_log")
    try:
        yield url_of(server_url, name)
    finally:
        await administer(server_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
async def template_database(postgres: str) -> str:
    """The name of a database at the head of the migrations. Connect to it and it cannot be cloned."""
    await administer(postgres, f"CREATE DATABASE {TEMPLATE}")
    await migrate.upgrade(url_of(postgres, TEMPLATE))
    return TEMPLATE


@pytest.fixture
async def database_url(postgres: str, template_database: str) -> AsyncIterator[str]:
    """A database of this test's own, dropped afterwards. For anything that commits or connects twice."""
    async with fresh_clone(postgres, template_database) as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url, application_name="tests")
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
async def shared_database(postgres: str, template_database: str) -> AsyncIterator[Database]:
    """One clone for all tests that roll back. Never commit to it."""
    async with fresh_clone(postgres, template_database) as url:
        opened = Database(url, application_name="tests")
        yield opened
        await opened.close()


@pytest.fixture
async def session(shared_database: Database) -> AsyncIterator[AsyncSession]:
    """One transaction, rolled back at the end; a commit or rollback inside touches only a savepoint."""
    async with shared_database.engine.connect() as connection:
        outer = await connection.begin()
        async with AsyncSession(
            connection, join_transaction_mode="create_savepoint", expire_on_commit=False, autoflush=False
        ) as opened:
            yield opened
        await outer.rollback()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()

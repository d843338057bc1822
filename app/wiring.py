"""Every part of the product on one page: what is routed, consumed, timed and repeated. Nothing is discovered."""

from fastapi import APIRouter

from app.access import api as access
from app.agents import api as agents
from app.conversations import jobs as conversation_jobs
from app.core import idempotency, partitions
from app.core.clock import Clock
from app.core.consumers import Consumer
from app.core.database import Database
from app.core.due_rows import DueTable
from app.core.tasks import Periodic
from app.ops import api as operations
from app.pages import api as pages
from app.realtime import agent_socket
from app.routing import api as routing
from app.routing import consumers as routing_consumers
from app.routing import jobs as routing_jobs
from app.workspace import api as workspace

ROUTERS: tuple[APIRouter, ...] = (
    access.router,
    agents.router,
    routing.router,
    workspace.router,
    agent_socket.router,
    operations.router,
    pages.router,
)

CONSUMERS: tuple[Consumer, ...] = (routing_consumers.ROUTING,)

DUE_TABLES: tuple[DueTable, ...] = (*routing_jobs.DUE_TABLES, conversation_jobs.CONVERSATION_TABLE)


async def _make_partitions(database: Database, clock: Clock) -> None:
    async with database.engine.begin() as connection:
        await partitions.ensure_partitions(connection, clock.now())


async def _forget_idempotency_keys(database: Database, clock: Clock) -> None:
    async with database.transaction() as session:
        await idempotency.delete_old(session, clock.now())


PERIODIC: tuple[Periodic, ...] = (
    Periodic("partitions", 3600, _make_partitions),
    Periodic("idempotency_keys", 3600, _forget_idempotency_keys),
    *routing_jobs.PERIODIC,
)

"""Every part of the product on one page: what is routed, consumed, timed and repeated. Nothing is discovered."""

from fastapi import APIRouter

from app.core import idempotency, partitions
from app.core.clock import Clock
from app.core.consumers import Consumer
from app.core.database import Database
from app.core.due_rows import DueTable
from app.core.tasks import Periodic
from app.ops import api as operations

ROUTERS: tuple[APIRouter, ...] = (operations.router,)

CONSUMERS: tuple[Consumer, ...] = ()

DUE_TABLES: tuple[DueTable, ...] = ()


async def _make_partitions(database: Database, clock: Clock) -> None:
    async with database.engine.begin() as connection:
        await partitions.ensure_partitions(connection, clock.now())


async def _forget_idempotency_keys(database: Database, clock: Clock) -> None:
    async with database.transaction() as session:
        await idempotency.delete_old(session, clock.now())


PERIODIC: tuple[Periodic, ...] = (
    Periodic("partitions", 3600, _make_partitions),
    Periodic("idempotency_keys", 3600, _forget_idempotency_keys),
)

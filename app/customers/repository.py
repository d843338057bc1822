"""Statements on customers and contact points."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import columns, driver_connection
from app.customers.models import ContactPoint, Customer

LOCK_CONTACTS = "SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS key"

FIND_VERIFIED = """
SELECT point.kind, point.value_normalised, point.id, point.customer_id, customer.language
FROM unnest($1::text[], $2::text[]) AS wanted (kind, value)
JOIN contact_point AS point
  ON point.kind = wanted.kind AND point.value_normalised = wanted.value AND point.verified_at IS NOT NULL
JOIN customer ON customer.id = point.customer_id
"""

# The oldest one: a value that several customers claim belongs to none of them more than to the first.
FIND_CLAIMED = """
SELECT DISTINCT ON (point.kind, point.value_normalised)
  point.kind, point.value_normalised, point.id, point.customer_id, customer.language
FROM unnest($1::text[], $2::text[]) AS wanted (kind, value)
JOIN contact_point AS point
  ON point.kind = wanted.kind AND point.value_normalised = wanted.value AND point.verified_at IS NULL
JOIN customer ON customer.id = point.customer_id
ORDER BY point.kind, point.value_normalised, point.created_at, point.id
"""

INSERT_CUSTOMERS = """
INSERT INTO customer (id, name, language, timezone, created_at)
SELECT id, name, language, timezone, $5
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS new (id, name, language, timezone)
"""

INSERT_POINTS = """
INSERT INTO contact_point (id, customer_id, kind, value_normalised, verified_at, created_at)
SELECT id, customer_id, kind, value, CASE WHEN verified THEN $6::timestamptz END, $6
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bool[]) AS new (id, customer_id, kind, value, verified)
"""


async def lock_contacts(session: AsyncSession, contacts: Sequence[tuple[str, str]]) -> None:
    """Serialise all that is decided about these (kind, value) until the transaction ends.

    An advisory lock holds also for a contact that has no row yet, costs no write, and is taken in one fixed order.
    """
    digests = (blake2b(f"{kind}\0{value}".encode(), digest_size=8).digest() for kind, value in set(contacts))
    keys = sorted(int.from_bytes(digest, signed=True) for digest in digests)
    await (await driver_connection(session)).execute(LOCK_CONTACTS, keys)


async def find_points(session: AsyncSession, contacts: Sequence[tuple[str, str]], *, verified: bool) -> list[Any]:
    """Rows (kind, value_normalised, id, customer_id, language)."""
    statement = FIND_VERIFIED if verified else FIND_CLAIMED
    kinds, values = [kind for kind, _ in contacts], [value for _, value in contacts]
    rows: list[Any] = await (await driver_connection(session)).fetch(statement, kinds, values)
    return rows


async def add_many(
    session: AsyncSession,
    now: datetime,
    customers: Sequence[tuple[UUID, str, str, str]],
    points: Sequence[tuple[UUID, UUID, str, str, bool]],
) -> None:
    """Customers (id, name, language, timezone) and their points (id, customer_id, kind, value, verified)."""
    connection = await driver_connection(session)
    await connection.execute(INSERT_CUSTOMERS, *columns(customers), now)
    await connection.execute(INSERT_POINTS, *columns(points), now)


async def find(session: AsyncSession, customer_id: UUID) -> Customer | None:
    return await session.get(Customer, customer_id)


async def lock(session: AsyncSession, customer_id: UUID) -> Customer | None:
    return await session.get(Customer, customer_id, with_for_update=True)


async def list_by_ids(session: AsyncSession, customer_ids: Sequence[UUID]) -> list[Customer]:
    return list(await session.scalars(select(Customer).where(Customer.id.in_(customer_ids))))


async def list_points(session: AsyncSession, customer_id: UUID) -> list[ContactPoint]:
    statement = select(ContactPoint).where(ContactPoint.customer_id == customer_id).order_by(ContactPoint.id)
    return list(await session.scalars(statement))


async def list_page(session: AsyncSession, *, after: tuple[datetime, UUID] | None, limit: int) -> list[Customer]:
    """Newest first."""
    statement = select(Customer).order_by(Customer.created_at.desc(), Customer.id.desc()).limit(limit)
    if after is not None:
        statement = statement.where(tuple_(Customer.created_at, Customer.id) < after)
    return list(await session.scalars(statement))

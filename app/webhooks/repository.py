"""Statements on webhook endpoints and their deliveries."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import driver_connection
from app.core.errors import NotFound
from app.webhooks.attempts import Attempt, Health, State, step_after
from app.webhooks.matching import Listener
from app.webhooks.models import WebhookDelivery, WebhookEndpoint


@dataclass(frozen=True, slots=True)
class Parcel:
    """An event as it is sent."""

    event_uuid: UUID
    event_type: str
    position: int
    key: UUID
    body: str


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery that is to be tried now."""

    id: UUID
    event_uuid: UUID
    key: UUID
    body: str
    tries: int
    replayed: bool


@dataclass(frozen=True, slots=True)
class Target:
    id: UUID
    url: str
    ordered: bool
    salts: tuple[bytes, ...]
    """Newest first."""
    health: Health


async def list_listeners(session: AsyncSession) -> list[Listener]:
    rows = await (await driver_connection(session)).fetch(
        "SELECT id, name, event_types FROM webhook_endpoint WHERE enabled AND deleted_at IS NULL"
    )
    return [Listener(row["id"], row["name"], frozenset(row["event_types"])) for row in rows]


# What an endpoint has had already is sent again only where somebody asks for a replay.
_ADD = """
INSERT INTO webhook_delivery (id, endpoint_id, event_uuid, event_type, position, key, body, state, tries, next_try_at,
  last_error, replayed, created_at)
SELECT id, endpoint_id, event_uuid, event_type, position, key, body, 'pending', 0, $8, '', $9, $8
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::uuid[], $7::text[])
  AS given (id, endpoint_id, event_uuid, event_type, position, key, body)
ON CONFLICT (endpoint_id, event_uuid) DO
"""
_REPLAY = "UPDATE SET state = 'pending', tries = 0, next_try_at = excluded.next_try_at, replayed = true"


async def add_deliveries(
    session: AsyncSession, rows: Sequence[tuple[UUID, UUID, Parcel]], *, now: datetime, replayed: bool = False
) -> None:
    """`rows`: (id, endpoint id, what is sent). Due at once."""
    parcels = [parcel for _, _, parcel in rows]
    await (await driver_connection(session)).execute(
        _ADD + (_REPLAY if replayed else "NOTHING"),
        [id_ for id_, _, _ in rows],
        [endpoint_id for _, endpoint_id, _ in rows],
        [parcel.event_uuid for parcel in parcels],
        [parcel.event_type for parcel in parcels],
        [parcel.position for parcel in parcels],
        [parcel.key for parcel in parcels],
        [parcel.body for parcel in parcels],
        now,
        replayed,
    )


async def wake(session: AsyncSession, endpoint_ids: Collection[UUID], *, now: datetime) -> None:
    """Let each look for what is due, not before the instant it waits for.

    The rows are written even where they are due already: whoever records a turn at this moment is waited for, or
    waits, and so sees the deliveries stored here.
    """
    await (await driver_connection(session)).execute(
        "UPDATE webhook_endpoint SET run_at = least(run_at, greatest($2, wait_until))"
        " WHERE id = ANY($1::uuid[]) AND enabled AND deleted_at IS NULL",
        sorted(endpoint_ids),
        now,
    )


async def find_target(session: AsyncSession, endpoint_id: UUID, *, now: datetime) -> Target | None:
    """None when nothing is to be sent to it now."""
    row = await (await driver_connection(session)).fetchrow(
        "SELECT id, url, ordered, salt, old_salt, old_until, failures, failing_since FROM webhook_endpoint"
        " WHERE id = $1 AND enabled AND deleted_at IS NULL AND (wait_until IS NULL OR wait_until <= $2)",
        endpoint_id,
        now,
    )
    if row is None:
        return None
    signs_along = row["old_salt"] is not None and row["old_until"] > now
    salts = (row["salt"], row["old_salt"]) if signs_along else (row["salt"],)
    return Target(row["id"], row["url"], row["ordered"], salts, Health(row["failures"], row["failing_since"]))


_DUE = """
SELECT id, event_uuid, key, body, tries, replayed FROM webhook_delivery AS due
WHERE endpoint_id = $1 AND state = 'pending' AND next_try_at <= $2
"""
# An earlier one that is due as well goes out before it in the same turn; one that waits holds it back.
_IN_LINE = """
  AND NOT EXISTS (SELECT FROM webhook_delivery AS earlier
    WHERE earlier.endpoint_id = due.endpoint_id AND earlier.key = due.key AND earlier.state = 'pending'
      AND (earlier.position, earlier.id) < (due.position, due.id) AND earlier.next_try_at > $2)
ORDER BY position, id LIMIT $3
"""


async def list_due(session: AsyncSession, target: Target, *, now: datetime, limit: int) -> list[Due]:
    """Oldest first; of an ordered endpoint each key's deliveries in their order, none left out."""
    statement = _DUE + (_IN_LINE if target.ordered else "ORDER BY next_try_at, id LIMIT $3")
    return [Due(*row) for row in await (await driver_connection(session)).fetch(statement, target.id, now, limit)]


_NEXT = "SELECT min(next_try_at) FROM webhook_delivery WHERE endpoint_id = $1 AND state = 'pending'"
_NEXT_IN_LINE = """
SELECT min(next_try_at) FROM (SELECT DISTINCT ON (key) next_try_at FROM webhook_delivery
WHERE endpoint_id = $1 AND state = 'pending' ORDER BY key, position, id) AS heads
"""


async def find_next_try(session: AsyncSession, endpoint_id: UUID, *, ordered: bool) -> datetime | None:
    found: datetime | None = await (await driver_connection(session)).fetchval(
        _NEXT_IN_LINE if ordered else _NEXT, endpoint_id
    )
    return found


async def count_pending(session: AsyncSession, endpoint_id: UUID, *, up_to: int) -> int:
    found: int = await (await driver_connection(session)).fetchval(
        "SELECT count(*) FROM"
        " (SELECT FROM webhook_delivery WHERE endpoint_id = $1 AND state = 'pending' LIMIT $2) AS pending",
        endpoint_id,
        up_to,
    )
    return found


# `tries` as it was read: what was replayed meanwhile starts afresh.
_RECORD = """
UPDATE webhook_delivery AS d SET state = given.state, tries = given.tries, next_try_at = given.next_try_at,
  last_tried_at = given.tried_at, last_status = given.status, last_error = given.error
FROM unnest($1::uuid[], $2::text[], $3::int[], $4::timestamptz[], $5::timestamptz[], $6::int[], $7::text[])
  AS given (id, state, tries, next_try_at, tried_at, status, error)
WHERE d.id = given.id AND d.state = 'pending' AND d.tries = given.tries - 1
"""


async def record_attempts(session: AsyncSession, attempts: Sequence[Attempt]) -> None:
    steps = [step_after(attempt) for attempt in attempts]
    await (await driver_connection(session)).execute(
        _RECORD,
        [attempt.delivery_id for attempt in attempts],
        [step.state for step in steps],
        [attempt.tries + 1 for attempt in attempts],
        [step.next_try_at for step in steps],
        [attempt.at for attempt in attempts],
        [attempt.answer.status for attempt in attempts],
        [attempt.answer.error for attempt in attempts],
    )


async def lock_endpoint(session: AsyncSession, endpoint_id: UUID) -> WebhookEndpoint:
    """Raises NotFound `webhook_endpoint_not_found`, also for a deleted one."""
    endpoint = await session.get(WebhookEndpoint, endpoint_id, with_for_update=True)
    return _there(endpoint)


async def get_endpoint(session: AsyncSession, endpoint_id: UUID) -> WebhookEndpoint:
    """Raises NotFound `webhook_endpoint_not_found`, also for a deleted one."""
    return _there(await session.get(WebhookEndpoint, endpoint_id))


def _there(endpoint: WebhookEndpoint | None) -> WebhookEndpoint:
    if endpoint is None or endpoint.deleted_at is not None:
        raise NotFound("webhook_endpoint_not_found", "There is no such webhook endpoint.")
    return endpoint


async def list_endpoints(session: AsyncSession, *, after: UUID | None, limit: int) -> Sequence[WebhookEndpoint]:
    statement = select(WebhookEndpoint).where(WebhookEndpoint.deleted_at.is_(None))
    if after is not None:
        statement = statement.where(WebhookEndpoint.id > after)
    return (await session.scalars(statement.order_by(WebhookEndpoint.id).limit(limit))).all()


async def list_names(session: AsyncSession) -> dict[str, UUID]:
    rows = await session.execute(
        select(WebhookEndpoint.name, WebhookEndpoint.id).where(WebhookEndpoint.deleted_at.is_(None))
    )
    return {row.name: row.id for row in rows}


async def list_deliveries(
    session: AsyncSession, *, endpoint_id: UUID | None, state: State | None, before: UUID | None, limit: int
) -> Sequence[WebhookDelivery]:
    """Newest first."""
    statement = select(WebhookDelivery)
    if endpoint_id is not None:
        statement = statement.where(WebhookDelivery.endpoint_id == endpoint_id)
    if state is not None:
        statement = statement.where(WebhookDelivery.state == state)
    if before is not None:
        statement = statement.where(WebhookDelivery.id < before)
    return (await session.scalars(statement.order_by(WebhookDelivery.id.desc()).limit(limit))).all()


async def lock_delivery(session: AsyncSession, delivery_id: UUID) -> WebhookDelivery:
    """Raises NotFound `webhook_delivery_not_found`."""
    delivery = await session.get(WebhookDelivery, delivery_id, with_for_update=True)
    if delivery is None:
        raise NotFound("webhook_delivery_not_found", "There is no such delivery; the log goes back 30 days.")
    return delivery


async def delete_deliveries(session: AsyncSession, *, before: datetime, limit: int) -> int:
    """Those made before that time, at most `limit`. Returns how many."""
    status = await (await driver_connection(session)).execute(
        "DELETE FROM webhook_delivery WHERE id IN"
        " (SELECT id FROM webhook_delivery WHERE created_at < $1 ORDER BY created_at LIMIT $2)",
        before,
        limit,
    )
    return int(status.rpartition(" ")[2])

"""Customers and their contact points: found or made when they write, kept by people."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core import event_log
from app.core.act import Act
from app.core.errors import Conflict, NotFound, PreconditionFailed
from app.customers import repository
from app.customers.contact_values import normalise
from app.customers.models import ContactPoint, Customer
from app.customers.schemas import (
    MAX_CONTACT_POINTS,
    ContactPointIn,
    ContactPointOut,
    CustomerIn,
    CustomerOut,
    CustomerPatch,
    CustomerSummary,
    Known,
    Writer,
)
from app.events.customers import ContactPointAdded, CustomerCreated, CustomerEvent, CustomerUpdated

Key = tuple[str, str, bool]


async def resolve_writers(
    session: AsyncSession, act: Act, writers: Sequence[Writer]
) -> tuple[list[Known], list[CustomerEvent]]:
    """Find or make the customer of each writer, in the writers' order; the events are for the caller to append.

    An unverified value never leads to a customer who has proven it. The writers' contacts stay locked to the end of
    the transaction, so that what the caller decides about their conversations is decided by one transaction at a time.
    """
    keys = [(writer.kind, normalise(writer.kind, writer.value), writer.verified) for writer in writers]
    await repository.lock_contacts(session, [(kind, value) for kind, value, _ in keys])
    known = await _find(session, keys)
    strangers = {key: writer for key, writer in zip(keys, writers, strict=True) if key not in known}
    events: list[CustomerEvent] = []
    if strangers:
        made, events = await _make(session, act, strangers)
        known |= made
    return [known[key] for key in keys], events


async def _find(session: AsyncSession, keys: Sequence[Key]) -> dict[Key, Known]:
    found: dict[Key, Known] = {}
    for verified in (True, False):
        contacts = list({(kind, value) for kind, value, proven in keys if proven is verified})
        if contacts:
            for row in await repository.find_points(session, contacts, verified=verified):
                known = Known(row["customer_id"], row["id"], row["language"])
                found[row["kind"], row["value_normalised"], verified] = known
    return found


async def _make(
    session: AsyncSession, act: Act, strangers: dict[Key, Writer]
) -> tuple[dict[Key, Known], list[CustomerEvent]]:
    made = {
        key: Known(act.new_id(), writer.contact_point_id or act.new_id(), writer.language)
        for key, writer in strangers.items()
    }
    await repository.add_many(
        session,
        act.now,
        [(made[key].customer_id, writer.name, writer.language, writer.timezone) for key, writer in strangers.items()],
        [(known.contact_point_id, known.customer_id, *key) for key, known in made.items()],
    )
    events: list[CustomerEvent] = []
    for (kind, _, verified), known in made.items():
        events.append(CustomerCreated(customer_id=known.customer_id))
        events.append(_point_added(known.customer_id, known.contact_point_id, kind, verified=verified))
    return made, events


def _point_added(customer_id: UUID, point_id: UUID, kind: str, *, verified: bool) -> ContactPointAdded:
    return ContactPointAdded(customer_id=customer_id, contact_point_id=point_id, kind=kind, verified=verified)


async def create(session: AsyncSession, act: Act, new: CustomerIn) -> CustomerOut:
    """A customer entered by hand. Its contact points are claimed, not verified."""
    customer = Customer(
        id=act.new_id(),
        name=new.name,
        language=new.language,
        timezone=new.timezone,
        segments=list(new.segments),
        created_at=act.now,
    )
    session.add(customer)
    points = [_claimed(act, customer.id, point) for point in new.contact_points]
    _refuse_doubles(points)
    await session.flush()
    session.add_all(points)
    await session.flush()
    added = [_point_added(customer.id, point.id, point.kind, verified=False) for point in points]
    await event_log.append(session, act, [CustomerCreated(customer_id=customer.id), *added])
    return await get(session, customer.id)


async def update(
    session: AsyncSession, act: Act, customer_id: UUID, patch: CustomerPatch, *, expected_version: int | None = None
) -> CustomerOut:
    customer = await repository.lock(session, customer_id)
    if customer is None:
        raise _not_found()
    if expected_version is not None and customer.version != expected_version:
        raise PreconditionFailed("customer_changed", "The customer was changed since you read it: read it again.")
    given = patch.model_dump(exclude_unset=True, exclude_none=True)
    changed = tuple(field for field, value in given.items() if getattr(customer, field) != value)
    if changed:
        for field in changed:
            setattr(customer, field, given[field])
        customer.version += 1
        await session.flush()
        await event_log.append(session, act, [CustomerUpdated(customer_id=customer_id, fields=changed)])
    return await get(session, customer_id)


async def add_contact_point(session: AsyncSession, act: Act, customer_id: UUID, new: ContactPointIn) -> CustomerOut:
    """Add a claimed contact point; one that is there already stays as it is."""
    if await repository.lock(session, customer_id) is None:
        raise _not_found()
    points = await repository.list_points(session, customer_id)
    point = _claimed(act, customer_id, new)
    if all((other.kind, other.value_normalised) != (point.kind, point.value_normalised) for other in points):
        if len(points) >= MAX_CONTACT_POINTS:
            raise Conflict("too_many_contact_points", f"A customer has at most {MAX_CONTACT_POINTS} contact points.")
        session.add(point)
        await session.flush()
        await event_log.append(session, act, [_point_added(customer_id, point.id, point.kind, verified=False)])
    return await get(session, customer_id)


async def get(session: AsyncSession, customer_id: UUID) -> CustomerOut:
    customer = await repository.find(session, customer_id)
    if customer is None:
        raise _not_found()
    points = await repository.list_points(session, customer_id)
    return CustomerOut(
        id=customer.id,
        name=customer.name,
        language=customer.language,
        timezone=customer.timezone,
        segments=customer.segments,
        attributes=customer.attributes,
        contact_points=[
            ContactPointOut(
                id=point.id,
                kind=point.kind,
                value=point.value_normalised,
                verified=point.verified_at is not None,
                created_at=point.created_at,
            )
            for point in points
        ],
        version=customer.version,
        created_at=customer.created_at,
    )


async def list_page(session: AsyncSession, *, after: tuple[datetime, UUID] | None, limit: int) -> list[Customer]:
    return await repository.list_page(session, after=after, limit=limit)


async def list_summaries(session: AsyncSession, customer_ids: Sequence[UUID]) -> dict[UUID, CustomerSummary]:
    """By id; unknown ids are left out."""
    customers = await repository.list_by_ids(session, customer_ids)
    return {one.id: CustomerSummary(one.id, one.name, one.language, one.segments, one.timezone) for one in customers}


def _claimed(act: Act, customer_id: UUID, new: ContactPointIn) -> ContactPoint:
    value = normalise(new.kind, new.value)
    return ContactPoint(
        id=act.new_id(), customer_id=customer_id, kind=new.kind, value_normalised=value, created_at=act.now
    )


def _refuse_doubles(points: Sequence[ContactPoint]) -> None:
    if len({(point.kind, point.value_normalised) for point in points}) != len(points):
        raise Conflict("contact_point_twice", "The same contact point is given twice: send it once.")


def _not_found() -> NotFound:
    return NotFound("customer_not_found", "There is no such customer, or you may not see it.")

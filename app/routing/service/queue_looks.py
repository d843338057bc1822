"""A dry look at a queue's settings before they are saved: nothing is stored."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.agents import service as agents
from app.agents.schemas import AgentProfile
from app.core.act import Act
from app.routing import dry_look
from app.routing.capacity import default_weight, ledger_of
from app.routing.due_times import count
from app.routing.facts import AgentFacts
from app.routing.models import Queue
from app.routing.planning.schemas import DueLook, QueueLook, QueueLookIn, RingLookView
from app.routing.repository import queues as queue_rows
from app.routing.service import loading, references
from app.routing.service.hours import Hours, hours_of
from app.routing.service.queues import fill


async def look_at_queue(session: AsyncSession, act: Act, body: QueueLookIn, *, hours: Hours) -> QueueLook:
    """Of all agents who are not disabled, also those who never logged in.

    Raises NotFound `queue_not_found`, InvalidInput `unknown_reference` and for rings that contradict one another.
    """
    stored = await queue_rows.get_queue(session, body.queue_id) if body.queue_id else None
    await references.check_queue(session, body.settings)
    queue = Queue(id=body.queue_id or act.new_id(), version=1)
    fill(queue, body.settings)
    members = await _members(session, body)
    synthetic = stored is not None and stored.synthetic
    facts = await _configured(session, act.now, synthetic=synthetic)
    rings, unroutable = dry_look.look(
        loading.queue_facts(queue, [body.channel]),
        [_as_member(each, queue.id, members) for each in facts],
        channel=body.channel,
        weight=default_weight(body.channel),
        at=act.now,
    )
    views = [RingLookView.model_validate(ring) for ring in rings]
    due = await _due(session, act.now, queue, hours)
    return QueueLook(channel=body.channel, due=due, unroutable=unroutable, rings=views)


async def _due(session: AsyncSession, now: datetime, queue: Queue, hours: Hours) -> DueLook:
    opening = (await hours_of(session, [queue], hours)).get(queue.id)
    if opening is None and queue.calendar_id is not None:
        references.refuse_unknown([("body.calendar_id", references.NO_CALENDAR)])
    due = count(now, queue.target_seconds, opening)
    return DueLook(at=due.at, counted=due.counted, calendar=opening.name if opening else None)


async def _members(session: AsyncSession, body: QueueLookIn) -> set[UUID]:
    if body.member_ids is not None:
        return set(body.member_ids)
    if body.queue_id is None:
        return set()
    return set((await queue_rows.list_member_ids(session, [body.queue_id]))[body.queue_id])


async def _configured(session: AsyncSession, now: datetime, *, synthetic: bool) -> list[AgentFacts]:
    profiles = [each for each in await agents.list_facts(session) if not each.disabled and each.synthetic == synthetic]
    known = {loaded.facts.id: loaded.facts for loaded in await loading.load_agents(session, None)}
    return [known.get(each.id) or _never_seen(each, now) for each in profiles]


def _never_seen(profile: AgentProfile, now: datetime) -> AgentFacts:
    return AgentFacts(
        id=profile.id,
        routable=False,
        ledger=ledger_of(),
        skills=loading.skills_of(profile),
        queues=frozenset(),
        idle_since_at=now,
        groups=frozenset({profile.team_id}) if profile.team_id else frozenset(),
        connected=False,
    )


def _as_member(facts: AgentFacts, queue_id: UUID, members: Collection[UUID]) -> AgentFacts:
    """Other queues tell nothing here, so that agents alike fall together."""
    return replace(facts, queues=frozenset({queue_id}) if facts.id in members else frozenset())

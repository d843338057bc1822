"""New work items, made set-based: a batch of opened conversations costs a handful of statements."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.agents import service as agents
from app.conversations.schemas import ConversationFacts
from app.core import event_log
from app.core.act import Act
from app.routing import capacity, languages
from app.routing.facts import virtual_due_at
from app.routing.models import Queue, WorkItem
from app.routing.repository import live as live_rows
from app.routing.repository import queues as queue_rows
from app.routing.service.desk import changed, set_timer

SpokenIn = dict[UUID, list[tuple[str, ...]]]
"""Queue to the languages of each of its members."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Work for a conversation, under the act that asked for it.

    `queue_id` and `ready_at` are given where it goes on waiting that began elsewhere.
    """

    conversation_id: UUID
    facts: ConversationFacts
    act: Act
    queue_id: UUID | None = None
    ready_at: datetime | None = None

    @property
    def target(self) -> UUID | None:
        return self.queue_id or self.facts.rights.queue_id


async def make_queued(session: AsyncSession, wanted: Sequence[Wanted], *, reason: str = "opened") -> None:
    """Queued work for each that has a queue and no live work yet."""
    works = await build_works(session, wanted)
    await add_works(session, works, {each.conversation_id: each.act for each in wanted}, reason=reason)


async def add_works(
    session: AsyncSession, works: Sequence[WorkItem], acts: Mapping[UUID, Act], *, reason: str
) -> set[UUID]:
    """The ids of those added; the others' conversations had got live work meanwhile. `acts` by conversation."""
    added = await live_rows.add_works(session, works)
    entries = [
        (acts[work.conversation_id], changed(work, None, reason, agent_id=work.agent_id))
        for work in works
        if work.id in added
    ]
    await event_log.append_each(session, entries)
    return added


async def build_works(session: AsyncSession, wanted: Sequence[Wanted]) -> list[WorkItem]:
    """Not stored yet, in the order of `wanted`, without those that have no queue."""
    routed = [(each, each.target) for each in wanted if each.target is not None]
    queues = {queue.id: queue for queue in await queue_rows.list_queues(session, {target for _, target in routed})}
    spoken = await _load_spoken(session, {target for each, target in routed if each.facts.language})
    return [_build(each, queues[target], spoken.get(target, [])) for each, target in routed]


def _build(wanted: Wanted, queue: Queue, spoken: Sequence[Sequence[str]]) -> WorkItem:
    facts, act = wanted.facts, wanted.act
    ready_at = wanted.ready_at or act.now
    work = WorkItem(
        id=act.new_id(),
        conversation_id=wanted.conversation_id,
        queue_id=queue.id,
        channel=facts.channel,
        state="queued",
        units=capacity.default_weight(facts.channel),
        units_held=False,
        tier=queue.tier,
        priority=max(facts.priority, queue.priority),
        requirements=languages.requirement(facts.language, spoken),
        ready_at=ready_at,
        due_at=virtual_due_at(ready_at, queue.target_seconds),
        cool_downs={},
        tries={},
        synthetic=facts.synthetic,
        version=1,
        attempts=0,
        least_ring=0,
        created_at=act.now,
    )
    set_timer(work, queue, act.now)
    return work


async def _load_spoken(session: AsyncSession, queue_ids: Collection[UUID]) -> SpokenIn:
    if not queue_ids:
        return {}
    members = await queue_rows.list_member_ids(session, queue_ids)
    profiles = await agents.list_facts(session, {agent_id for ids in members.values() for agent_id in ids})
    tags = {profile.id: profile.languages for profile in profiles if not profile.disabled}
    return {queue_id: [tags[each] for each in ids if each in tags] for queue_id, ids in members.items()}

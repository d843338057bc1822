"""New work items, made set-based: a batch of opened conversations costs a handful of statements."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.agents import service as agents
from app.conversations import service as conversations
from app.conversations.schemas import ConversationFacts, Placement
from app.core import event_log
from app.core.act import Act
from app.routing import capacity, languages
from app.routing.due_times import OpeningHours, count
from app.routing.models import Queue, RoutingDecision, WorkItem
from app.routing.repository import batches
from app.routing.repository import live as live_rows
from app.routing.repository import queues as queue_rows
from app.routing.rule_evidence import Ruled, document
from app.routing.rules import Outcome
from app.routing.service.desk import changed, set_timer
from app.routing.service.hours import Hours, due_counted, hours_of
from app.routing.service.last_agents import keep_for_last_agents
from app.routing.service.ruling import judge

SpokenIn = dict[UUID, list[tuple[str, ...]]]
"""Queue to the languages of each of its members."""


@dataclass(frozen=True, slots=True)
class Overflowed:
    """What goes on in the other queue, so that its wait is told from its beginning and nobody is asked anew."""

    work_id: UUID
    """Of the work in the other queue: the trace of the move names it."""
    due_at: datetime
    path: tuple[str, ...]
    tries: Mapping[str, int]
    cool_downs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Work for a conversation, under the act that asked for it.

    `queue_id` and `ready_at` are given where it goes on waiting that began elsewhere. `keeps_queue`: somebody decided
    where it is, so that the rules choose neither its queue nor the skills meant for theirs.
    """

    conversation_id: UUID
    facts: ConversationFacts
    act: Act
    queue_id: UUID | None = None
    ready_at: datetime | None = None
    keeps_queue: bool = False
    overflowed: Overflowed | None = None

    @property
    def came_at(self) -> datetime:
        return self.ready_at or self.act.now

    @property
    def target(self) -> UUID | None:
        return self.queue_id or self.facts.rights.queue_id


@dataclass(frozen=True, slots=True)
class _Placed:
    """`ruled`: what the rules say of it; None where none fired."""

    wanted: Wanted
    queue: Queue
    ruled: Ruled | None

    @property
    def outcome(self) -> Outcome:
        return self.ruled.outcome if self.ruled else Outcome()

    @property
    def language(self) -> str:
        return self.outcome.language or self.wanted.facts.language


@dataclass(frozen=True, slots=True)
class Built:
    """Work that is not stored yet; `counted` tells of its due time, where opening hours moved it."""

    work: WorkItem
    counted: RoutingDecision | None


async def make_queued(session: AsyncSession, wanted: Sequence[Wanted], hours: Hours, *, reason: str = "opened") -> None:
    """Queued work for each that has a queue and no live work yet, and their conversations go where rules want them."""
    placed = await _place(session, wanted)
    built = await _build_all(session, placed, hours)
    # What goes on elsewhere was sent away from whoever had it.
    fresh = [(new.work, one.wanted.facts.customer_id, one.queue)
             for one, new in zip(placed, built, strict=True) if one.wanted.queue_id is None]  # fmt: skip
    await keep_for_last_agents(session, fresh)
    added = await add_works(session, built, {each.conversation_id: each.act for each in wanted}, reason=reason)
    made = [one for one, new in zip(placed, built, strict=True) if new.work.id in added]
    places = [(one.wanted.act, place) for one in made if (place := _place_of(one)) is not None]
    await conversations.place(session, places, note="rules")


def _place_of(placed: _Placed) -> Placement | None:
    """What the rules change of the conversation itself."""
    facts, queue = placed.wanted.facts, placed.queue
    moves = not placed.wanted.keeps_queue and queue.id != facts.rights.queue_id
    priority = placed.outcome.priority
    if not moves and priority in (None, facts.priority):
        return None
    return Placement(
        conversation_id=placed.wanted.conversation_id,
        queue_id=queue.id if moves else None,
        team_id=queue.team_id if moves else None,
        priority=priority,
    )


async def add_works(
    session: AsyncSession, built: Sequence[Built], acts: Mapping[UUID, Act], *, reason: str
) -> set[UUID]:
    """The ids of those added; the others' conversations had got live work meanwhile. `acts` by conversation."""
    added = await live_rows.add_works(session, [new.work for new in built])
    made = [new for new in built if new.work.id in added]
    entries = [
        (acts[new.work.conversation_id], changed(new.work, None, reason, agent_id=new.work.agent_id)) for new in made
    ]
    await batches.insert_decisions(session, [new.counted for new in made if new.counted is not None])
    await event_log.append_each(session, entries)
    return added


async def build_works(session: AsyncSession, wanted: Sequence[Wanted], hours: Hours) -> list[Built]:
    """In the order of `wanted`, without those that have no queue."""
    return await _build_all(session, await _place(session, wanted), hours)


async def _place(session: AsyncSession, wanted: Sequence[Wanted]) -> list[_Placed]:
    """In the order of `wanted`, without those that have no queue. A queue that is gone is passed over."""
    ruled = await judge(session, {each.conversation_id: each.came_at for each in wanted})
    asked = []
    for each in wanted:
        one = ruled.get(each.conversation_id)
        if one is not None and each.keeps_queue:
            one = one.where_it_stands()
        chosen = one.outcome.queue_id if one is not None else None
        asked.append((each, one, (chosen, each.target)))
    ids = {target for _, _, targets in asked for target in targets if target is not None}
    queues: dict[UUID | None, Queue] = {queue.id: queue for queue in await queue_rows.list_queues(session, ids)}
    return [
        _Placed(each, queue, one)
        for each, one, (chosen, target) in asked
        if (queue := queues.get(chosen) or queues.get(target)) is not None
    ]


async def _build_all(session: AsyncSession, placed: Sequence[_Placed], hours: Hours) -> list[Built]:
    spoken = await _load_spoken(session, {one.queue.id for one in placed if one.language})
    opening = await hours_of(session, [one.queue for one in placed], hours)
    return [_build(one, spoken.get(one.queue.id, []), opening.get(one.queue.id)) for one in placed]


def _build(placed: _Placed, spoken: Sequence[Sequence[str]], hours: OpeningHours | None) -> Built:
    facts, act, queue, said = placed.wanted.facts, placed.wanted.act, placed.queue, placed.outcome
    ready_at, overflowed = placed.wanted.came_at, placed.wanted.overflowed
    due = count(ready_at, queue.target_seconds, hours)
    work = WorkItem(
        id=overflowed.work_id if overflowed else act.new_id(),
        conversation_id=placed.wanted.conversation_id,
        queue_id=queue.id,
        channel=facts.channel,
        state="queued",
        units=capacity.default_weight(facts.channel),
        units_held=False,
        tier=queue.tier if said.tier is None else said.tier,
        priority=max(facts.priority, queue.priority) if said.priority is None else said.priority,
        requirements=languages.requirement(placed.language, spoken) | dict(said.requirements),
        preferred=[str(skill) for skill in said.preferred],
        ready_at=ready_at,
        due_at=overflowed.due_at if overflowed else due.at,
        cool_downs=dict(overflowed.cool_downs) if overflowed else {},
        tries=dict(overflowed.tries) if overflowed else {},
        rules=document(placed.ruled) if placed.ruled else None,
        overflow_done=[],
        overflow_path=list(overflowed.path) if overflowed else [],
        synthetic=facts.synthetic,
        version=1,
        attempts=0,
        least_ring=0,
        handed_on=False,
        created_at=act.now,
    )
    set_timer(work, queue, act.now)
    tells = overflowed is None and due.counted != "round_the_clock"
    return Built(work, due_counted(act, work, queue, hours, due) if tells else None)


async def _load_spoken(session: AsyncSession, queue_ids: Collection[UUID]) -> SpokenIn:
    if not queue_ids:
        return {}
    members = await queue_rows.list_member_ids(session, queue_ids)
    profiles = await agents.list_facts(session, {agent_id for ids in members.values() for agent_id in ids})
    tags = {profile.id: profile.languages for profile in profiles if not profile.disabled}
    return {queue_id: [tags[each] for each in ids if each in tags] for queue_id, ids in members.items()}

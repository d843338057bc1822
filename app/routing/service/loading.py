"""What the engine and the checks need to know, from rows: the only place where the two vocabularies meet."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents import service as agents
from app.agents.schemas import AgentProfile
from app.routing import languages
from app.routing.capacity import ledger_of
from app.routing.facts import AgentFacts, Fade, QueueFacts, Ring, WorkFacts
from app.routing.fading import openings, with_fading
from app.routing.models import AgentLedger, AgentPresence, Queue, WorkItem
from app.routing.repository import live as live_rows
from app.routing.repository import queues as queue_rows
from app.routing.work_states import LIVE

CHANNELS_OF_EVERY_QUEUE = frozenset({"chat"})


@dataclass(frozen=True, slots=True)
class HeldUnits:
    """What one agent holds: (channel, units) of each, those that nothing may interrupt, and which works wait parked."""

    held: list[tuple[str, int]] = field(default_factory=list)
    fixed: list[tuple[str, int]] = field(default_factory=list)
    parked: list[UUID] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LoadedAgent:
    """`connected_at` tells a fresh login, which starts at the median of the idle."""

    facts: AgentFacts
    connected_at: datetime | None


def queue_facts(queue: Queue, channels: Iterable[str] = ()) -> QueueFacts:
    return QueueFacts(
        id=queue.id,
        channels=CHANNELS_OF_EVERY_QUEUE | frozenset(channels),
        target_seconds=queue.target_seconds,
        tier=queue.tier,
        default_priority=queue.priority,
        requirements=queue.requirements,
        preferred=frozenset(queue.preferred),
        fading=(fading := fades_of(queue)),
        rings=with_fading([_ring(ring) for ring in queue.rings], fading),
        offer_timeout_seconds=queue.offer_timeout_seconds,
        auto_accept=queue.auto_accept,
        policy=queue.policy,
        policy_version=queue.version,
    )


def _ring(stored: dict[str, Any]) -> Ring:
    return Ring(
        enter_after_seconds=stored["enter_after_seconds"],
        requirements=stored.get("requirements"),
        groups=frozenset(UUID(group) for group in stored.get("groups", ())),
    )


def fades_of(queue: Queue) -> dict[str, Fade]:
    return {skill: Fade(fade["step_seconds"], fade["floor"]) for skill, fade in queue.fading.items()}


def demand_of(work: WorkItem, queue: Queue) -> tuple[dict[str, int] | None, tuple[str, int] | None]:
    """(requirements that replace the queue's own, language): what the work asks for comes on top of the queue's."""
    required, language = languages.split(work.requirements)
    return ({**queue.requirements, **required} if required else None), language


def skills_of(profile: AgentProfile) -> dict[str, int]:
    return {str(skill): level for skill, level in profile.skills.items()} | languages.skills(profile.languages)


async def load_queues(session: AsyncSession, queue_ids: Collection[UUID] | None) -> list[QueueFacts]:
    channels = select(WorkItem.queue_id, WorkItem.channel).where(WorkItem.state.in_(sorted(LIVE))).distinct()
    carried: dict[UUID, set[str]] = {}
    for row in await session.execute(channels):
        carried.setdefault(row.queue_id, set()).add(row.channel)
    queues = await queue_rows.list_queues(session, queue_ids)
    return [queue_facts(queue, carried.get(queue.id, ())) for queue in queues]


async def load_waiting(session: AsyncSession, work_ids: Collection[UUID] | None) -> list[WorkFacts]:
    """Queued work; all of it when `work_ids` is None. By the driver: a new owner loads 100,000 of them at once."""
    rows = await live_rows.fetch_waiting(session, work_ids)
    if not rows:
        return []
    of_them = None if work_ids is None else {row["queue_id"] for row in rows}
    stored = await queue_rows.list_queues(session, of_them)
    queues = {queue.id: (queue, openings(queue_facts(queue).rings)) for queue in stored}
    return [_waiting(row, *queues[row["queue_id"]]) for row in rows]


def _waiting(row: Mapping[str, Any], queue: Queue, numbers: Sequence[int]) -> WorkFacts:
    """`numbers`: what its configured rings are among all."""
    required, language = _NOTHING_ASKED if row["requirements"] == "{}" else _asked(row["requirements"])
    return WorkFacts(
        id=row["id"],
        conversation_id=row["conversation_id"],
        queue_id=row["queue_id"],
        channel=row["channel"],
        weight=row["units"],
        ready_at=row["ready_at"],
        due_at=row["due_at"],
        tier=row["tier"],
        priority=row["priority"],
        requirements={**queue.requirements, **required} if required else None,
        preferred=frozenset() if row["preferred"] == "[]" else frozenset(json.loads(row["preferred"])),
        language=language,
        version=row["version"],
        sticky_agent_id=row["sticky_agent_id"],
        sticky_until_at=row["sticky_until"],
        cool_downs={} if row["cool_downs"] == "{}" else _instants(json.loads(row["cool_downs"])),
        tries={} if row["tries"] == "{}" else {UUID(agent): n for agent, n in json.loads(row["tries"]).items()},
        least_ring=numbers[min(row["least_ring"], len(numbers) - 1)],
        unroutable=row["unroutable_reason"],
    )


_NOTHING_ASKED: tuple[dict[str, int], tuple[str, int] | None] = ({}, None)


@lru_cache(maxsize=10_000)
def _asked(requirements: str) -> tuple[dict[str, int], tuple[str, int] | None]:
    """Of the stored JSON: the same few demands come again and again."""
    return languages.split(json.loads(requirements))


def _instants(stored: Mapping[str, str]) -> dict[UUID, datetime]:
    return {UUID(agent): datetime.fromisoformat(until) for agent, until in stored.items()}


async def load_agents(session: AsyncSession, agent_ids: Collection[UUID] | None) -> list[LoadedAgent]:
    """Agents with presence; all of them when `agent_ids` is None. The disabled are left out."""
    statement = select(AgentPresence, AgentLedger).join(AgentLedger, AgentLedger.agent_id == AgentPresence.agent_id)
    if agent_ids is not None:
        statement = statement.where(AgentPresence.agent_id.in_(agent_ids))
    rows = {presence.agent_id: (presence, ledger) for presence, ledger in await session.execute(statement)}
    memberships: dict[UUID, set[UUID]] = {}
    for agent_id, queue_id in await live_rows.list_memberships(session, agent_ids):
        memberships.setdefault(agent_id, set()).add(queue_id)
    held = await _load_held(session, agent_ids)
    profiles = await agents.list_facts(session, agent_ids)
    return [
        loaded(profile, *rows[profile.id], memberships.get(profile.id, set()), held.get(profile.id, HeldUnits()))
        for profile in profiles
        if profile.id in rows and not profile.disabled
    ]


def held_units(works: Iterable[WorkItem]) -> HeldUnits:
    """The same from what one agent is offered or owns."""
    units = HeldUnits()
    for work in works:
        _count(units, work)
    return units


def _count(units: HeldUnits, work: Any) -> None:
    """`work`: an item, or a row of its columns. What is offered or wrapped up is nothing that could be interrupted."""
    if work.units_held:
        (units.held if work.state == "assigned" else units.fixed).append((work.channel, work.units))
    elif work.state == "parked":
        units.parked.append(work.id)


async def _load_held(session: AsyncSession, agent_ids: Collection[UUID] | None) -> dict[UUID, HeldUnits]:
    statement = select(WorkItem.id, WorkItem.agent_id, WorkItem.channel, WorkItem.units, WorkItem.units_held).where(
        WorkItem.agent_id.is_not(None), WorkItem.state.in_(live_rows.HELD_STATES)
    )
    if agent_ids is not None:
        statement = statement.where(WorkItem.agent_id.in_(agent_ids))
    held: dict[UUID, HeldUnits] = {}
    for row in await session.execute(statement.add_columns(WorkItem.state)):
        _count(held.setdefault(row.agent_id, HeldUnits()), row)
    return held


def loaded(
    profile: AgentProfile, presence: AgentPresence, ledger: AgentLedger, queues: set[UUID], held: HeldUnits
) -> LoadedAgent:
    routable = (
        presence.session == "connected"
        and presence.readiness == "ready"
        and presence.pending_reason is None
        and presence.penalty == "none"
    )
    facts = AgentFacts(
        id=profile.id,
        routable=routable,
        ledger=ledger_of(
            held.held,
            offered=held.fixed,
            capacity_units=ledger.capacity_units,
            limits=ledger.channel_limits,
            parked=len(held.parked),
        ),
        skills=skills_of(profile),
        queues=frozenset(queues),
        idle_since_at=ledger.last_accepted_at or presence.since,
        groups=frozenset({profile.team_id}) if profile.team_id else frozenset(),
        connected=presence.session == "connected",
    )
    return LoadedAgent(facts, presence.connected_at)

"""What clocks that rang make happen here: priorities, escalations, tasks and questions, in the timers' transaction."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.agents import service as agents
from app.conversations import service as conversations
from app.conversations.schemas import ConversationFacts
from app.core.act import Act
from app.core.database import columns, driver_connection
from app.events.event import Event
from app.events.sla import ClockEvent, SlaBreached, SlaEscalated, TaskCreated
from app.sla.actions import CreateTask, RaisePriority
from app.sla.duties.models import SlaEscalation, SlaTask
from app.sla.receivers import Receivers, Scene, asked_by, assignee_of, receivers_of, teams_to_look_up
from app.sla.telling import Rung, Saying

_ASK_CAUSES = """
INSERT INTO sla_breach_cause (clock_id, conversation_id, metric, breached_at, asked_of, asked_at, note)
SELECT clock_id, conversation_id, metric, breached_at, asked_of, $1::timestamptz, ''
FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::uuid[])
     AS asked (clock_id, conversation_id, metric, breached_at, asked_of)
ON CONFLICT (clock_id) DO UPDATE SET breached_at = excluded.breached_at
"""
Scenes = Mapping[UUID, Scene]
"""By conversation."""


async def bring_about(session: AsyncSession, act: Act, rungs: Sequence[Rung]) -> list[Event]:
    """Do what is this package's own to do, and return all that is to be told, with its receivers, to be appended.

    For a batch of clocks under lock: a few statements whatever their number. What routing or webhooks are to do is
    in the events. Each is done once, because the timers are forgotten in the same transaction.
    """
    sayings = [saying for rung in rungs for saying in rung.sayings]
    if not sayings:
        return []
    facts = await conversations.facts_of(session, {saying.event.conversation_id for saying in sayings})
    scenes = await _scenes(session, sayings, facts)
    events: list[Event] = [_addressed(saying, _scene_of(saying, scenes)) for saying in sayings]
    events = await _ask_ladders(session, act, sayings, scenes, events)
    events += await _make_tasks(session, act, sayings, scenes)
    await _ask_causes(session, act, sayings, scenes)
    await _raise_priorities(session, act, sayings)
    return events


async def _scenes(
    session: AsyncSession, sayings: Sequence[Saying], facts: Mapping[UUID, ConversationFacts]
) -> dict[UUID, Scene]:
    wanted: set[UUID] = set()
    for saying in sayings:
        known = facts.get(saying.event.conversation_id)
        wanted |= set(teams_to_look_up(saying, known.rights.team_id if known else None))
    leads = await agents.list_leads(session, wanted) if wanted else {}
    return {key: Scene(one.rights.owner_id, one.rights.team_id, leads) for key, one in facts.items()}


def _scene_of(saying: Saying, scenes: Scenes) -> Scene:
    return scenes.get(saying.event.conversation_id, Scene())


def _addressed(saying: Saying, scene: Scene) -> ClockEvent:
    found = receivers_of(saying, scene)
    return saying.event.model_copy(update={"to_agent_ids": found.agent_ids, "to_team_ids": found.team_ids})


async def _ask_ladders(
    session: AsyncSession, act: Act, sayings: Sequence[Saying], scenes: Scenes, events: Sequence[Event]
) -> list[Event]:
    """An escalation for each step; its event then names it."""
    told: list[Event] = []
    rows: list[dict[str, object]] = []
    for saying, event in zip(sayings, events, strict=True):
        if isinstance(event, SlaEscalated) and saying.step is not None:
            row = _escalation(act, event, asked_by(saying.step, _scene_of(saying, scenes)))
            rows.append(row)
            event = event.model_copy(update={"escalation_id": row["id"]})
        told.append(event)
    if rows:
        await session.execute(insert(SlaEscalation), rows)
    return told


def _escalation(act: Act, event: SlaEscalated, asked: Receivers) -> dict[str, object]:
    return {
        "id": act.new_id(),
        "conversation_id": event.conversation_id,
        "clock_id": event.clock_id,
        "ladder": event.ladder,
        "step": event.step,
        "to_agent_ids": list(asked.agent_ids),
        "to_team_ids": list(asked.team_ids),
        "asked_at": act.now,
    }


async def _make_tasks(session: AsyncSession, act: Act, sayings: Sequence[Saying], scenes: Scenes) -> list[TaskCreated]:
    made = [
        _task(act, saying, action, _scene_of(saying, scenes))
        for saying in sayings
        for action in saying.actions
        if isinstance(action, CreateTask)
    ]
    if made:
        await session.execute(insert(SlaTask), [_task_row(act, task) for task in made])
    return made


def _task(act: Act, saying: Saying, action: CreateTask, scene: Scene) -> TaskCreated:
    agent_id, team_id = assignee_of(action, scene)
    return TaskCreated(
        conversation_id=saying.event.conversation_id,
        clock_id=saying.event.clock_id,
        task_id=act.new_id(),
        title=action.title,
        agent_id=agent_id,
        team_id=team_id,
        to_agent_ids=(agent_id,) if agent_id else (),
        to_team_ids=(team_id,) if team_id else (),
    )


def _task_row(act: Act, task: TaskCreated) -> dict[str, object]:
    return {
        "id": task.task_id,
        "conversation_id": task.conversation_id,
        "clock_id": task.clock_id,
        "title": task.title,
        "agent_id": task.agent_id,
        "team_id": task.team_id,
        "state": "open",
        "created_at": act.now,
        "version": 1,
    }


async def _ask_causes(session: AsyncSession, act: Act, sayings: Sequence[Saying], scenes: Scenes) -> None:
    """A breach asks its owner for a cause; one that is told again, at another instant, has been asked already."""
    asked = {
        event.clock_id: (
            *(event.clock_id, event.conversation_id, event.metric, event.breached_at),
            _scene_of(saying, scenes).owner_id,
        )
        for saying in sayings
        if isinstance(event := saying.event, SlaBreached)
    }
    if asked:
        connection = await driver_connection(session)
        await connection.execute(_ASK_CAUSES, act.now, *columns(list(asked.values())))


async def _raise_priorities(session: AsyncSession, act: Act, sayings: Sequence[Saying]) -> None:
    wanted: dict[UUID, int] = {}
    for saying in sayings:
        for action in saying.actions:
            if isinstance(action, RaisePriority):
                key = saying.event.conversation_id
                wanted[key] = max(action.to, wanted.get(key, 0))
    await conversations.raise_priorities(session, act, wanted, reason="sla")

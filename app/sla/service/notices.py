"""What the clocks say by time: warnings, breaches, the end of the longest pause and the steps of a ladder."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.conversations import service as conversations
from app.core import event_log
from app.core.act import Act
from app.core.database import driver_connection
from app.events.event import Event
from app.events.sla import ActionCode, PauseOver, SlaBreached, SlaEscalated, SlaWarned
from app.sla.policies import Action, Notify, PolicyBody, RaisePriority, Step
from app.sla.service.book import body_of

_LOCK = """
SELECT c.id, c.conversation_id, c.metric, c.seq, c.state, c.due_at, c.breached_at, c.detected_at, c.stopped_at,
       c.timers::text AS timers, c.fired::text AS fired, v.body::text AS body
FROM sla_clock c JOIN sla_policy_version v ON v.id = c.policy_version_id
WHERE c.id = $1 FOR UPDATE OF c
"""


@dataclass(slots=True)
class Ringing:
    """A clock under lock while its due timers are told."""

    id: UUID
    conversation_id: UUID
    metric: str
    seq: int
    state: str
    due_at: datetime | None
    breached_at: datetime | None
    detected_at: datetime | None
    stopped_at: datetime | None
    timers: list[dict[str, str]]
    fired: dict[str, str]
    body: PolicyBody


async def ring(session: AsyncSession, act: Act, clock_id: UUID) -> None:
    """Tell what is due and set the next timer.

    The clock's row, its timers and the events are one transaction, and whoever changes the clock replaces its timers:
    so each is told once, and one of an older generation never.
    """
    connection = await driver_connection(session)
    row = await connection.fetchrow(_LOCK, clock_id)
    if row is None:
        return
    values = dict(row)
    ringing = Ringing(
        **values
        | {
            "timers": json.loads(values["timers"]),
            "fired": json.loads(values["fired"]),
            "body": body_of(values["body"]),
        }
    )
    events: list[Event] = []
    raised: list[int] = []
    while ringing.timers and _at(ringing.timers[0]) <= act.now:
        timer = ringing.timers.pop(0)
        ringing.fired[timer["name"]] = timer["at"]
        event, actions = _tell(ringing, timer, act.now)
        events.append(event)
        raised += [action.to for action in actions if isinstance(action, RaisePriority)]
    await _store(session, ringing)
    await _raise_priority(session, act, ringing.conversation_id, raised)
    await event_log.append(session, act, events)


def _tell(ringing: Ringing, timer: Mapping[str, str], now: datetime) -> tuple[Event, Sequence[Action]]:
    name, at = timer["name"], _at(timer)
    common: dict[str, Any] = {
        "conversation_id": ringing.conversation_id,
        "clock_id": ringing.id,
        "metric": ringing.metric,
        "seq": ringing.seq,
        "due_at": ringing.due_at,
        "detected_at": now,
    }
    if timer["kind"] == "pause_over":
        ringing.state, ringing.due_at = "running", _due_after_pause(ringing)
        return PauseOver(**common | {"due_at": ringing.due_at}), ()
    if timer["kind"] == "escalation":
        return _escalation(ringing.body, name, common), ()
    actions = next((each.actions for each in ringing.body.thresholds if each.name == name), [])
    common["actions"] = tuple(map(_code, actions))
    if timer["kind"] == "breach":
        ringing.breached_at, ringing.detected_at = at, now
        ringing.state = "breached" if ringing.stopped_at is None else ringing.state
        return SlaBreached(**common, breached_at=at), actions
    return SlaWarned(**common, threshold=name), actions


def _escalation(body: PolicyBody, name: str, common: Mapping[str, Any]) -> SlaEscalated:
    ladder, number = name.split(":")
    steps: list[Step] = getattr(body.ladders, ladder)
    step = steps[int(number) - 1]
    return SlaEscalated(
        **common, ladder=cast(Any, ladder), step=int(number), to_team_id=step.team_id, to_agent_id=step.agent_id
    )


def _code(action: Action) -> ActionCode:
    return cast(ActionCode, f"notify_{action.to}" if isinstance(action, Notify) else action.do)


def _due_after_pause(ringing: Ringing) -> datetime | None:
    return next((_at(timer) for timer in ringing.timers if timer["kind"] == "breach"), None)


def _at(timer: Mapping[str, str]) -> datetime:
    return datetime.fromisoformat(timer["at"])


async def _store(session: AsyncSession, ringing: Ringing) -> None:
    connection = await driver_connection(session)
    await connection.execute(
        "UPDATE sla_clock SET state = $2, due_at = $3, breached_at = $4, detected_at = $5, timers = $6::text::jsonb,"
        " fired = $7::text::jsonb, run_at = $8 WHERE id = $1",
        ringing.id,
        ringing.state,
        ringing.due_at,
        ringing.breached_at,
        ringing.detected_at,
        json.dumps(ringing.timers),
        json.dumps(ringing.fired),
        _at(ringing.timers[0]) if ringing.timers else None,
    )


async def _raise_priority(session: AsyncSession, act: Act, conversation_id: UUID, raised: Sequence[int]) -> None:
    if not raised:
        return
    facts = (await conversations.facts_of(session, [conversation_id])).get(conversation_id)
    if facts is not None and facts.priority < max(raised):
        await conversations.set_priority(
            session, act, conversation_id=conversation_id, priority=max(raised), reason="sla"
        )

"""What a clock says once its timers are due: the events, what the policy asks to be done, and the clock after them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from app.events.sla import ActionCode, ClockEvent, PauseOver, SlaBreached, SlaEscalated, SlaWarned
from app.sla.actions import Action, Notify, OpenRing, Reassign, Step, Webhook
from app.sla.policies import PolicyBody
from app.sla.timers import Timer


@dataclass(frozen=True, slots=True)
class Ringing:
    """A clock as stored, with the version of the policy it keeps. `timers` are still to come, by time."""

    id: UUID
    conversation_id: UUID
    metric: str
    seq: int
    state: str
    due_at: datetime | None
    breached_at: datetime | None
    detected_at: datetime | None
    stopped_at: datetime | None
    timers: tuple[Timer, ...]
    fired: Mapping[str, datetime]
    body: PolicyBody

    @property
    def next_at(self) -> datetime | None:
        return self.timers[0].at if self.timers else None


@dataclass(frozen=True, slots=True)
class Saying:
    """One timer told. The event has no receivers yet: who they are is looked up for many clocks at once."""

    event: ClockEvent
    actions: tuple[Action, ...] = ()
    step: Step | None = None


@dataclass(frozen=True, slots=True)
class Rung:
    """A clock after its due timers, and what it said, in their order."""

    clock: Ringing
    sayings: tuple[Saying, ...] = ()


def ring(clock: Ringing, now: datetime) -> Rung:
    """Tell every timer that is due. Told twice with the same clock and instant it says the same."""
    sayings: list[Saying] = []
    while clock.timers and clock.timers[0].at <= now:
        timer = clock.timers[0]
        clock = replace(clock, timers=clock.timers[1:], fired={**clock.fired, timer.name: timer.at})
        clock, saying = _tell(clock, timer, now)
        sayings.append(saying)
    return Rung(clock, tuple(sayings))


def _tell(clock: Ringing, timer: Timer, now: datetime) -> tuple[Ringing, Saying]:
    common: dict[str, Any] = {
        "conversation_id": clock.conversation_id,
        "clock_id": clock.id,
        "metric": clock.metric,
        "seq": clock.seq,
        "due_at": clock.due_at,
        "detected_at": now,
    }
    if timer.kind == "pause_over":
        clock = replace(clock, state="running", due_at=_due_after_pause(clock))
        return clock, Saying(PauseOver(**common | {"due_at": clock.due_at}))
    if timer.kind == "escalation":
        return clock, _escalation(clock.body, timer.name, common)
    actions = tuple(next((each.actions for each in clock.body.thresholds if each.name == timer.name), ()))
    common |= _asked(actions)
    if timer.kind == "breach":
        state = "breached" if clock.stopped_at is None else clock.state
        clock = replace(clock, state=state, breached_at=timer.at, detected_at=now)
        return clock, Saying(SlaBreached(**common, breached_at=timer.at), actions)
    return clock, Saying(SlaWarned(**common, threshold=timer.name), actions)


def _due_after_pause(clock: Ringing) -> datetime | None:
    return next((timer.at for timer in clock.timers if timer.kind == "breach"), None)


def _escalation(body: PolicyBody, name: str, common: Mapping[str, Any]) -> Saying:
    ladder, number = name.split(":")
    steps: list[Step] = getattr(body.ladders, ladder)
    step = steps[int(number) - 1]
    event = SlaEscalated(
        **common, ladder=cast(Any, ladder), step=int(number), to_team_id=step.team_id, to_agent_id=step.agent_id
    )
    return Saying(event, step=step)


def _asked(actions: Sequence[Action]) -> dict[str, Any]:
    """The members of the event that say what others are to do about it."""
    moved = next((action for action in actions if isinstance(action, Reassign)), None)
    return {
        "actions": tuple(map(_code, actions)),
        "reassign_agent_id": moved.agent_id if moved else None,
        "reassign_queue_id": moved.queue_id if moved else None,
        "ring": next((action.ring for action in actions if isinstance(action, OpenRing)), None),
        "endpoints": tuple(action.endpoint for action in actions if isinstance(action, Webhook)),
    }


def _code(action: Action) -> ActionCode:
    return cast(ActionCode, f"notify_{action.to}" if isinstance(action, Notify) else action.do)

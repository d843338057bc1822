"""What a clock says once its timers are due: the events, what the policy asks to be done, and the clock after them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from app.events.event import Event
from app.events.sla import ActionCode, PauseOver, SlaBreached, SlaEscalated, SlaWarned
from app.sla.policies import Action, Notify, PolicyBody, Step
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
class Rung:
    """`actions`: those whose effect is this system's own to bring about, in the order of the events."""

    clock: Ringing
    events: tuple[Event, ...] = ()
    actions: tuple[Action, ...] = ()


def ring(clock: Ringing, now: datetime) -> Rung:
    """Tell every timer that is due. Told twice with the same clock and instant it says the same."""
    events: list[Event] = []
    actions: list[Action] = []
    while clock.timers and clock.timers[0].at <= now:
        timer = clock.timers[0]
        clock = replace(clock, timers=clock.timers[1:], fired={**clock.fired, timer.name: timer.at})
        clock, event, asked = _tell(clock, timer, now)
        events.append(event)
        actions += asked
    return Rung(clock, tuple(events), tuple(actions))


def _tell(clock: Ringing, timer: Timer, now: datetime) -> tuple[Ringing, Event, Sequence[Action]]:
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
        return clock, PauseOver(**common | {"due_at": clock.due_at}), ()
    if timer.kind == "escalation":
        return clock, _escalation(clock.body, timer.name, common), ()
    actions = next((each.actions for each in clock.body.thresholds if each.name == timer.name), [])
    common["actions"] = tuple(map(_code, actions))
    if timer.kind == "breach":
        state = "breached" if clock.stopped_at is None else clock.state
        clock = replace(clock, state=state, breached_at=timer.at, detected_at=now)
        return clock, SlaBreached(**common, breached_at=timer.at), actions
    return clock, SlaWarned(**common, threshold=timer.name), actions


def _due_after_pause(clock: Ringing) -> datetime | None:
    return next((timer.at for timer in clock.timers if timer.kind == "breach"), None)


def _escalation(body: PolicyBody, name: str, common: Mapping[str, Any]) -> SlaEscalated:
    ladder, number = name.split(":")
    steps: list[Step] = getattr(body.ladders, ladder)
    step = steps[int(number) - 1]
    return SlaEscalated(
        **common, ladder=cast(Any, ladder), step=int(number), to_team_id=step.team_id, to_agent_id=step.agent_id
    )


def _code(action: Action) -> ActionCode:
    return cast(ActionCode, f"notify_{action.to}" if isinstance(action, Notify) else action.do)

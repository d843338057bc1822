"""Overflow: which step of a queue is due for a work that waits, when to look again, and chains that go in circles."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, get_args
from uuid import UUID

from app.events.routing import OverflowTrigger
from app.routing.facts import AgentFacts, QueueFacts, WorkFacts
from app.routing.rings import exhausted_agents, meets, ring_of, terms_at
from app.routing.waits import Pace, estimate

MAX_STEPS = 5
MAX_HOPS = 5
"""Of one work, out of its first queue."""
FALLBACK_LANGUAGE = "en"
FURTHEST_PLACE = 1 << 20
"""How far back an estimated wait is looked for."""

TRIGGERS: tuple[OverflowTrigger, ...] = get_args(OverflowTrigger)
Did = Literal["overflowed", "told"]


@dataclass(frozen=True, slots=True)
class Step:
    """One of a queue's ordered steps: to the other queue `to`, or, where that is None, words to the customer.

    `over` is the trigger's number, 0 for those that hold or do not.
    """

    trigger: OverflowTrigger
    over: int = 0
    to: UUID | None = None
    message: Mapping[str, str] = field(default_factory=dict)

    @property
    def did(self) -> Did:
        return "told" if self.to is None else "overflowed"

    @property
    def key(self) -> str:
        """By what a work remembers the step: the list may be put in another order meanwhile."""
        return f"{self.trigger}:{self.over}:{self.did}"

    def ready_until(self, now: datetime) -> datetime:
        """Work that was ready by then is older than the step's seconds."""
        return now - timedelta(seconds=self.over)


@dataclass(frozen=True, slots=True)
class Past:
    """What has been done with a work: keys of the steps in this queue, and the queues it has been in, this one last."""

    done: frozenset[str] = frozenset()
    queues: tuple[UUID, ...] = ()

    def forbids(self, step: Step) -> bool:
        if step.to is None:
            return step.key in self.done
        return len(self.queues) > MAX_HOPS or step.to in self.queues

    def with_done(self, step: Step) -> "Past":
        return Past(self.done | {step.key}, self.queues)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A work in line. `place`: 1 is next, those being offered among them; `p50_seconds`: None, nothing can be said."""

    ready_at: datetime
    past: Past
    place: int = 1
    p50_seconds: float | None = None
    is_staffed: bool = True
    is_open: bool = True
    is_exhausted: bool = False


def parse_steps(stored: Iterable[Mapping[str, Any]]) -> tuple[Step, ...]:
    """Of a queue's stored `overflow`. What a later release wrote and this one does not know is passed over."""
    return tuple(_parse(each) for each in stored if each["when"].keys() <= set(TRIGGERS))


def _parse(stored: Mapping[str, Any]) -> Step:
    ((trigger, over),) = stored["when"].items()
    to = stored["do"].get("queue")
    return Step(trigger, 0 if over is True else over, UUID(to) if to else None, stored["do"].get("message") or {})


def due_step(steps: Iterable[Step], work: Waiting, now: datetime) -> Step | None:
    """The first step in their order that may be done with the work and whose trigger holds."""
    return next((step for step in steps if not work.past.forbids(step) and _holds(step, work, now)), None)


def due_steps(steps: Sequence[Step], work: Waiting, now: datetime) -> list[Step]:
    """All that are to be done at once: words, and at the end at most one way to another queue."""
    chosen: list[Step] = []
    while (step := due_step(steps, work, now)) is not None:
        chosen.append(step)
        if step.to is not None:
            break
        work = replace(work, past=work.past.with_done(step))
    return chosen


def _holds(step: Step, work: Waiting, now: datetime) -> bool:
    match step.trigger:
        case "longer_than":
            return work.place > step.over
        case "estimated_wait_over_seconds":
            return work.p50_seconds is not None and work.p50_seconds > step.over
        case "age_over_seconds":
            return work.ready_at <= step.ready_until(now)
        case "nobody_staffed":
            return not work.is_staffed
        case "outside_hours":
            return not work.is_open
        case "tries_exhausted":
            return work.is_exhausted


def next_look_at(steps: Iterable[Step], past: Past, *, ready_at: datetime, now: datetime) -> datetime | None:
    """The next instant after `now` at which waiting alone makes a step due. The other triggers come from elsewhere."""
    ages = (
        ready_at + timedelta(seconds=step.over)
        for step in steps
        if step.trigger == "age_over_seconds" and not past.forbids(step)
    )
    return min((at for at in ages if at > now), default=None)


@dataclass(frozen=True, slots=True)
class Line:
    """A queue as a whole."""

    is_staffed: bool = True
    is_open: bool = True
    pace: Pace | None = None


def first_place(step: Step, line: Line) -> int | None:
    """From which place on the step may be due for those in line, as far as the line alone tells; None: for nobody."""
    match step.trigger:
        case "longer_than":
            return step.over + 1
        case "estimated_wait_over_seconds":
            return _first_place_waiting(step.over, line.pace)
        case "nobody_staffed":
            return None if line.is_staffed else 1
        case "outside_hours":
            return None if line.is_open else 1
        case "age_over_seconds" | "tries_exhausted":
            return 1


def _first_place_waiting(seconds: int, pace: Pace | None) -> int | None:
    """The estimate rises with the place, so it is found by halving."""
    if pace is None or _p50(FURTHEST_PLACE, pace) <= seconds:
        return None
    near, far = 0, FURTHEST_PLACE
    while far - near > 1:
        middle = (near + far) // 2
        near, far = (near, middle) if _p50(middle, pace) > seconds else (middle, far)
    return far


def _p50(place: int, pace: Pace) -> float:
    told = estimate(place, pace)
    return told.p50_seconds if told is not None else 0.0


def is_exhausted(work: WorkFacts, queue: QueueFacts, agents: Iterable[AgentFacts], now: datetime) -> bool:
    """Somebody was asked as often as may be, and there is nobody else who is routable and may take it."""
    tired = exhausted_agents(work, now.timestamp())
    if not tired:
        return False
    terms = terms_at(queue, ring_of(queue, work, now.timestamp()), override=work.requirements, language=work.language)
    return not any(
        agent.routable
        and agent.id not in tired
        and (queue.id in agent.queues or not agent.groups.isdisjoint(terms.groups))
        and meets(agent.skills, terms.requirements)
        for agent in agents
    )


def find_cycle(ways: Mapping[UUID, Collection[UUID]], start: UUID) -> list[UUID] | None:
    """The queues of a chain that leads from `start` back to it, `start` first and last; None: there is none.

    `ways`: by queue, those that its steps name.
    """
    came_from: dict[UUID, UUID] = {}
    unseen = [start]
    while unseen:
        here = unseen.pop()
        for there in ways.get(here, ()):
            if there == start:
                return _path(came_from, start, here)
            if there not in came_from:
                came_from[there] = here
                unseen.append(there)
    return None


def _path(came_from: Mapping[UUID, UUID], start: UUID, last: UUID) -> list[UUID]:
    path, here = [start], last
    while here != start:
        path.append(here)
        here = came_from[here]
    return [start, *reversed(path)]


def words_for(message: Mapping[str, str], language: str) -> str:
    """In the very language, in one of its kin (zh-CN serves zh-TW), in English, or else in the first there is."""
    by_tag = {tag.lower(): text for tag, text in message.items()}
    wanted = language.lower()
    kin = (tag for tag in by_tag if tag.partition("-")[0] == wanted.partition("-")[0])
    return next(by_tag[tag] for tag in (wanted, *kin, FALLBACK_LANGUAGE, *by_tag) if tag in by_tag)

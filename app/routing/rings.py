"""Rings: who may be asked as a work grows older."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

from app.core.errors import InvalidInput
from app.routing.facts import (
    MAX_LEVEL,
    MAX_RINGS,
    MAX_TRIES_PER_AGENT,
    MIN_LEVEL,
    QueueFacts,
    Ring,
    WorkFacts,
)

COOL_DOWN_SECONDS = 60
COOL_DOWN_ALONE_SECONDS = 10
REST_AFTER_TRIES_SECONDS = 300
"""After the last try of a round. Work without an overflow must not be stranded by the one who could take it."""

Requirements = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """What one ring demands: sorted (skill, minimum) pairs, and the groups let in besides the members."""

    requirements: Requirements
    groups: frozenset[UUID]


def ring_at(queue: QueueFacts, ready_at: float, now: float) -> int:
    """0 is the queue's own terms, k its k-th ring. Times in epoch seconds."""
    return sum(1 for ring in queue.rings if ready_at + ring.enter_after_seconds <= now)


def ring_of(queue: QueueFacts, work: WorkFacts, now: float) -> int:
    """By its age, or further if a ring was opened for it before its time."""
    return max(ring_at(queue, work.ready_at.timestamp(), now), min(work.least_ring, len(queue.rings)))


def terms_at(
    queue: QueueFacts,
    ring: int,
    *,
    override: Mapping[str, int] | None = None,
    language: tuple[str, int] | None = None,
) -> Terms:
    """The demand in force at a ring, for work with its own requirements or language if it has them."""
    required = dict(queue.requirements if override is None else override)
    groups: frozenset[UUID] = frozenset()
    named: Mapping[str, int] = {}
    for entered in queue.rings[:ring]:
        groups |= entered.groups
        for skill in entered.lowers & required.keys():
            required[skill] = max(required[skill] - 1, min(required[skill], queue.fading[skill].floor))
        if entered.requirements is not None:
            required, named = dict(entered.requirements), entered.requirements
    if language is not None and language[0] not in named:
        required[language[0]] = max(language[1], required.get(language[0], 0))
    return Terms(tuple(sorted(required.items())), groups)


def next_ring_at(queue: QueueFacts, ready_at: float, now: float) -> float | None:
    """When the next ring opens, in epoch seconds."""
    openings = (ready_at + ring.enter_after_seconds for ring in queue.rings)
    return min((opening for opening in openings if opening > now), default=None)


def meets(skills: Mapping[str, int], requirements: Requirements) -> bool:
    return all(skills.get(skill, 0) >= minimum for skill, minimum in requirements)


def barred_agents(work: WorkFacts, now: float) -> frozenset[UUID]:
    """Who may not be asked now: those cooling down on this work, and those asked too often already."""
    if not work.cool_downs and not work.tries:
        return frozenset()
    cooling = {agent_id for agent_id, until in work.cool_downs.items() if until.timestamp() > now}
    return frozenset(cooling | exhausted_agents(work, now))


def exhausted_agents(work: WorkFacts, now: float) -> set[UUID]:
    """Asked as often as may be, and not rested since."""
    tired = {agent_id for agent_id, tries in work.tries.items() if tries >= MAX_TRIES_PER_AGENT}
    return {agent_id for agent_id in tired if _rests(work.cool_downs.get(agent_id), now)}


def _rests(until: datetime | None, now: float) -> bool:
    return until is None or until.timestamp() > now


def rest_until(now: datetime, *, tries: int) -> datetime:
    """As stored: until when the work is not offered again to an agent who has let it pass so many times."""
    last = tries % MAX_TRIES_PER_AGENT == 0
    return now + timedelta(seconds=REST_AFTER_TRIES_SECONDS if last else COOL_DOWN_SECONDS)


def check_requirements(requirements: Mapping[str, int], where: str) -> None:
    """Raises InvalidInput `level_out_of_range`."""
    for skill, minimum in requirements.items():
        if not MIN_LEVEL <= minimum <= MAX_LEVEL:
            raise InvalidInput(
                "level_out_of_range",
                f"{where}.{skill} must be from {MIN_LEVEL} to {MAX_LEVEL}, not {minimum}.",
            )


def check_rings(queue: QueueFacts) -> None:
    """Rings open in order and never ask more than the one before. Raises InvalidInput with the reason."""
    configured = [ring for ring in queue.rings if not ring.only_fades]
    if len(configured) > MAX_RINGS:
        raise InvalidInput("too_many_rings", f"A queue may have {MAX_RINGS} rings at most.")
    check_requirements(queue.requirements, "requirements")
    after = [ring.enter_after_seconds for ring in queue.rings]
    if any(seconds <= 0 for seconds in after) or after != sorted(set(after)):
        place = next(number for number, span in enumerate(after) if span <= max([0, *after[:number]]))
        index = sum(not ring.only_fades for ring in queue.rings[:place])
        late = {"path": f"body.rings.{index}.enter_after_seconds", "message": "must open later than the one before"}
        raise InvalidInput("rings_out_of_order", "Each ring must open later than the one before it.", errors=[late])
    for index, ring in enumerate(configured):
        check_requirements(ring.requirements or {}, f"rings[{index}].requirements")
    demands = [dict(terms_at(queue, ring).requirements) for ring in range(len(queue.rings) + 1)]
    _check_relaxing(queue.rings, demands)


def _check_relaxing(rings: Sequence[Ring], demands: Sequence[Mapping[str, int]]) -> None:
    for number, (before, after) in enumerate(pairwise(demands)):
        harder = [skill for skill, minimum in after.items() if minimum > before.get(skill, 0)]
        if harder:
            index = sum(not ring.only_fades for ring in rings[:number])
            raise InvalidInput(
                "ring_contradicts",
                f"rings[{index}] asks more of {min(harder)} than the step before; rings only relax.",
                errors=[{"path": f"body.rings.{index}.requirements", "message": "asks more than the step before"}],
            )

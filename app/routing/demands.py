"""What queues and waiting work ask for: it decides which agents can be told apart."""

from collections.abc import Iterable
from uuid import UUID

from app.routing.facts import MAX_LEVEL, MIN_LEVEL, QueueFacts, WorkFacts
from app.routing.ranking import get_policy
from app.routing.rings import Requirements, check_rings, terms_at


class Demands:
    """`stale` from a change of what is asked until `read_demands`. `thresholds` are the levels asked of each skill."""

    def __init__(self) -> None:
        self.queues: dict[UUID, QueueFacts] = {}
        self.stale = False
        self.thresholds: dict[str, list[int]] = {}
        self.queues_asking: dict[str | None, list[tuple[UUID, Requirements]]] = {}
        self._work_demands: set[tuple[str, int]] = set()

    def put_queue(self, queue: QueueFacts) -> bool:
        """True when something changed, so that every place must be found anew."""
        get_policy(queue.policy)
        check_rings(queue)
        if self.queues.get(queue.id) == queue:
            return False
        self.queues[queue.id] = queue
        self.stale = True
        return True

    def remove_queue(self, queue_id: UUID) -> bool:
        if self.queues.pop(queue_id, None) is None:
            return False
        self.stale = True
        return True

    def note_demand(self, work: WorkFacts) -> bool:
        """True if the work asks what no demand asked before: that may split profiles."""
        if work.requirements is None and work.language is None and not work.preferred:
            return False
        # What is only preferred is told apart by its band alone, so any level does.
        asked = {*(work.requirements or {}).items(), *((skill, MIN_LEVEL) for skill in work.preferred)}
        if work.language is not None:
            asked.add(work.language)
        unknown = {(skill, level) for skill, level in asked if level not in self.thresholds.get(skill, ())}
        if unknown <= self._work_demands:
            return False
        self._work_demands |= unknown
        self.stale = True
        return True

    def read_demands(self) -> None:
        self.stale = False
        self.queues_asking = _by_skill(self.queues.values())
        self.thresholds = self._asked_levels()

    def _asked_levels(self) -> dict[str, list[int]]:
        asked: dict[str, set[int]] = {}
        for skill, level in self._work_demands:
            asked.setdefault(skill, set()).add(level)
        for queue in self.queues.values():
            for skill in queue.preferred:
                asked.setdefault(skill, set())
            for ring in range(len(queue.rings) + 1):
                for skill, level in terms_at(queue, ring).requirements:
                    asked.setdefault(skill, set()).add(level)
            for skill in queue.fading.keys() & {skill for skill, _ in self._work_demands}:
                asked[skill].update(range(MIN_LEVEL, MAX_LEVEL + 1))
        return {skill: sorted(levels) for skill, levels in asked.items()}


def told_apart_by(requirements: Requirements) -> str | None:
    """One skill that is required, under which the demand is kept: most agents lack it and are never looked at."""
    return requirements[0][0] if requirements else None


def _by_skill(queues: Iterable[QueueFacts]) -> dict[str | None, list[tuple[UUID, Requirements]]]:
    asking: dict[str | None, list[tuple[UUID, Requirements]]] = {}
    for queue in queues:
        requirements = terms_at(queue, 0).requirements
        asking.setdefault(told_apart_by(requirements), []).append((queue.id, requirements))
    return asking

"""Random small worlds for the router, all from one seed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from app.routing.capacity import default_weight, ledger_of
from app.routing.facts import AgentFacts, Fade, QueueFacts, Ring, WorkFacts, virtual_due_at
from app.routing.fading import with_fading
from app.routing.ranking import POLICIES

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
SKILLS = ("zh", "en", "billing", "refund")
CHANNELS = ("phone", "chat", "chat", "email", "social")


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def numbered(kind: int, number: int) -> UUID:
    return UUID(int=kind << 64 | number)


class World:
    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.numbers = iter(range(1, 1_000_000))
        self.queues = [self.queue(number) for number in range(self.random.randint(1, 5))]
        self.agents = [self.agent(number, 0) for number in range(self.random.randint(1, 12))]

    def queue(self, number: int) -> QueueFacts:
        random = self.random
        requirements = {skill: random.randint(1, 10) for skill in random.sample(SKILLS, random.randint(0, 2))}
        fading = {skill: Fade(random.choice((4, 10)), random.randint(1, 9)) for skill in random.sample(SKILLS, 1)}
        fading = fading if random.random() < 0.3 else {}
        return QueueFacts(
            id=numbered(1, number),
            channels=frozenset({random.choice(CHANNELS)}),
            target_seconds=random.choice((20, 60, 300)),
            tier=random.choice((0, 2, 2)),
            requirements=requirements,
            preferred=frozenset(random.sample(SKILLS, random.randint(0, 1))),
            fading=fading,
            rings=self._with_fading(requirements, fading),
            policy=random.choice((*POLICIES, "default")),
        )

    def _with_fading(self, requirements: dict[str, int], fading: dict[str, Fade]) -> tuple[Ring, ...]:
        """A configured ring must not ask more than what has faded until then."""
        rings = list(self._rings(requirements))
        for skill, fade in fading.items():
            for ring in rings:
                if ring.requirements and skill in ring.requirements:
                    faded = requirements.get(skill, 10) - int(ring.enter_after_seconds // fade.step_seconds)
                    least = max(1, min(ring.requirements[skill], faded))
                    rings[rings.index(ring)] = replace(ring, requirements={**ring.requirements, skill: least})
        return with_fading(rings, fading)

    def _rings(self, requirements: dict[str, int]) -> Iterator[Ring]:
        after = 0.0
        for _ in range(self.random.choice((0, 0, 1, 2))):
            after += self.random.choice((10, 30.5, 60))
            requirements = {skill: max(1, level - 5) for skill, level in requirements.items()}
            if self.random.random() < 0.2:
                requirements = {}
            teams = frozenset(numbered(4, n) for n in range(2) if self.random.random() < 0.3)
            yield Ring(after, self.random.choice((requirements, requirements, None)), teams)
            if self.random.random() < 0.5:
                return

    def agent(self, number: int, now: float) -> AgentFacts:
        random = self.random
        routable = random.random() < 0.8
        skills = {skill: random.choice((1, 3, 5, 8, 10)) for skill in random.sample(SKILLS, random.randint(0, 4))}
        memberships = random.sample(self.queues, random.randint(0, len(self.queues)))
        limits = {"chat": random.randint(0, 3)} if random.random() < 0.3 else {}
        held = [("email", 10)] * random.choice((0, 0, 1, 3)) + [("chat", 25)] * random.choice((0, 0, 1, 2))
        return AgentFacts(
            id=numbered(2, number),
            routable=routable,
            connected=routable or random.random() < 0.5,
            ledger=ledger_of(
                held,
                capacity_units=random.choice((100, 100, 60)),
                limits=limits,
                parked=random.choice((0, 0, 1)),
            ),
            skills=skills,
            queues=frozenset(queue.id for queue in memberships),
            groups=frozenset(numbered(4, n) for n in range(2) if random.random() < 0.3),
            idle_since_at=at(now - random.randint(0, 5)),
        )

    def work(self, now: float) -> WorkFacts:
        random = self.random
        queue = random.choice(self.queues)
        channel = random.choice(CHANNELS)
        ready_at = at(now - random.choice((0, 0, 15, 100)))
        sticky = random.choice(self.agents).id if random.random() < 0.3 else None
        own = {random.choice(SKILLS): random.randint(1, 9)} if random.random() < 0.15 else None
        return WorkFacts(
            id=numbered(3, next(self.numbers)),
            conversation_id=numbered(5, next(self.numbers)),
            queue_id=queue.id,
            channel=channel,
            weight=default_weight(channel),
            ready_at=ready_at,
            due_at=virtual_due_at(ready_at, queue.target_seconds),
            tier=queue.tier,
            priority=random.choice((0, 0, 5)),
            requirements=own if not queue.rings else None,
            preferred=frozenset(random.sample(SKILLS, 1)) if random.random() < 0.15 else frozenset(),
            language=(random.choice(("zh", "en")), 3) if random.random() < 0.15 else None,
            sticky_agent_id=sticky,
            sticky_until_at=at(now + random.choice((-5, 10, 30))) if sticky else None,
            cool_downs={random.choice(self.agents).id: at(now + random.choice((-1, 10, 60)))}
            if random.random() < 0.2
            else {},
            tries={random.choice(self.agents).id: random.randint(1, 3)} if random.random() < 0.1 else {},
            least_ring=random.choice((0, 0, 0, 1, 2)),
        )

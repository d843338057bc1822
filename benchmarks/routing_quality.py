"""Quality of one bulk match beside the exact optimum (P7): a linear programme over demand x profile.

Needs scipy, which the product does not. Utility: 300, 200 or 100 by priority, and up to 50 for proficiency.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from scipy.optimize import linprog
from scipy.sparse import csr_matrix

from app.routing.capacity import ledger_of
from app.routing.decisions import Offer
from app.routing.engine import Engine
from app.routing.facts import AgentFacts, QueueFacts, WorkFacts
from app.routing.rings import meets
from benchmarks.figures import figure

NOW = datetime(2030, 1, 1, tzinfo=UTC)
WORLDS = ((500, 2_000, 50), (2_000, 3_000, 100), (5_000, 20_000, 200))
SKILLS, DEMANDS = 50, 200
WORTH = (300, 200, 100)
MUST, STRETCH = 0.93, 0.98

Demand = tuple[tuple[str, int], ...]


def utility(skills: dict[str, int], priority: int, demand: Demand) -> float:
    return WORTH[priority] + sum(skills[skill] for skill, _ in demand) / len(demand) * 5


class World:
    """Each agent takes one to three works; each demand is a queue; a higher priority is an earlier deadline."""

    def __init__(self, agents: int, waiting: int, profiles: int, seed: int = 1) -> None:
        random = Random(seed)
        self.profiles = [
            {f"s{random.randrange(SKILLS)}": random.randint(1, 10) for _ in range(random.randint(2, 8))}
            for _ in range(profiles)
        ]
        self.staff = [(random.randrange(profiles), random.choice((1, 2, 3))) for _ in range(agents)]
        self.demands: list[Demand] = []
        while len(self.demands) < DEMANDS:
            chosen = random.sample(range(SKILLS), random.choice((1, 1, 1, 2, 2)))
            self.demands.append(tuple(sorted((f"s{skill}", random.choice((1, 1, 3, 5))) for skill in chosen)))
        self.waiting = [(random.choice((0, 1, 1, 2)), random.randrange(DEMANDS)) for _ in range(waiting)]


def by_engine(world: World) -> tuple[int, float]:
    engine = Engine()
    for number, demand in enumerate(world.demands):
        engine.put_queue(QueueFacts(UUID(int=number + 1), frozenset({"chat"}), 60, requirements=dict(demand)))
    every_queue = frozenset(UUID(int=number + 1) for number in range(DEMANDS))
    for number, (profile, slots) in enumerate(world.staff):
        ledger = ledger_of(limits={"chat": slots})
        skills = world.profiles[profile]
        engine.put_agent(AgentFacts(UUID(int=(1 << 64) + number), True, ledger, skills, every_queue, NOW))
    for number, (priority, demand) in enumerate(world.waiting):
        work_id = UUID(int=(2 << 64) + number)
        due_at = NOW + timedelta(seconds=priority)
        engine.put_work(WorkFacts(work_id, work_id, UUID(int=demand + 1), "chat", 25, NOW, due_at))
    matched, total = 0, 0.0
    for decision in engine.decide(NOW, limit=len(world.waiting)):
        if isinstance(decision, Offer):
            priority, demand = world.waiting[decision.work_id.int & 0xFFFF_FFFF]
            profile, _ = world.staff[decision.agent_id.int & 0xFFFF_FFFF]
            matched += 1
            total += utility(world.profiles[profile], priority, world.demands[demand])
    return matched, total


def by_optimum(world: World) -> tuple[int, float]:
    slots: Counter[int] = Counter()
    for profile, count in world.staff:
        slots[profile] += count
    classes = list(Counter(world.waiting).items())
    rows, columns, worth = [], [], []
    for index, ((priority, demand), _) in enumerate(classes):
        for profile in slots:
            if meets(world.profiles[profile], world.demands[demand]):
                rows += [index, len(classes) + profile]
                columns += [len(worth), len(worth)]
                worth.append(-utility(world.profiles[profile], priority, world.demands[demand]))
    bounds = [count for _, count in classes] + [slots[profile] for profile in range(len(world.profiles))]
    matrix = csr_matrix(([1.0] * len(rows), (rows, columns)), shape=(len(bounds), len(worth)))
    solved = linprog(worth, A_ub=matrix, b_ub=bounds, method="highs")
    return round(solved.x.sum()), -solved.fun


def measure() -> dict[str, Any]:
    pairs, worlds = [], []
    for agents, waiting, profiles in WORLDS:
        world = World(agents, waiting, profiles)
        matched, total = by_engine(world)
        most, best = by_optimum(world)
        pairs.append((min(matched / most, total / best), 1.0))
        worlds.append({"agents": agents, "waiting": waiting, "matched": matched / most, "utility": total / best})
    least = min(value for value, _ in pairs)
    return figure(
        "P7",
        "the least of matched and utility against the exact optimum, in the worst of the worlds",
        [(least, 1.0)],
        unit="share",
        must=MUST,
        stretch=STRETCH,
        worlds=worlds,
    )

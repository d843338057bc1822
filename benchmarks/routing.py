"""The routing engine beside a bare heapreplace loop (P6) and a naive scan, in turn in one run.

    python benchmarks/routing.py [--agents 5000] [--profiles 200] [--waiting 20000] [--rounds 5]

One round trip of the steady state is: an agent finishes a work, a new work arrives, the engine decides, the
offer is confirmed and accepted. Each decision carries its full trace.
"""

import argparse
import heapq
import json
from datetime import UTC, datetime, timedelta
from random import Random
from statistics import median
from time import perf_counter
from uuid import UUID

from app.routing.capacity import fits, ledger_of
from app.routing.decisions import Offer
from app.routing.engine import Engine
from app.routing.facts import AgentFacts, QueueFacts, WorkFacts
from app.routing.rings import meets

START = datetime(2030, 1, 1, tzinfo=UTC)
SKILLS = 50
DEMANDS = 400
CHANNEL_MIX = (("chat", 25), ("chat", 25), ("chat", 25), ("social", 20), ("phone", 100))
MUST, STRETCH = 0.05, 0.15
LIMIT_OPERATIONS = 300_000
BETWEEN_ARRIVALS = timedelta(milliseconds=1)


def numbered(kind: int, number: int) -> UUID:
    return UUID(int=kind << 64 | number)


class World:
    """Queues that demand one to three of 50 skills, agents with one of so many profiles, a backlog."""

    def __init__(self, agents: int, profiles: int, waiting: int, *, seed: int = 3, demands: int = DEMANDS) -> None:
        self.random = Random(seed)
        self.engine = Engine()
        self.works = 0
        self.now = START
        self.sizes: dict[UUID, tuple[str, int]] = {}
        self.held: list[tuple[UUID, str, int]] = []
        known = [self._profile() for _ in range(profiles or agents)]
        self.queues = self._queues(demands, known)
        members = frozenset(queue.id for queue in self.queues)
        for queue in self.queues:
            self.engine.put_queue(queue)
        self.agents = [
            self._agent(number, self.random.choice(known) if profiles else known[number], members)
            for number in range(agents)
        ]
        for agent in self.agents:
            self.engine.put_agent(agent)
        self._fill(waiting)

    def _profile(self) -> dict[str, int]:
        names = (f"skill{self.random.randrange(SKILLS)}" for _ in range(self.random.randint(2, 8)))
        return {name: self.random.randint(1, 10) for name in names}

    def _agent(self, number: int, skills: dict[str, int], members: frozenset[UUID]) -> AgentFacts:
        ledger = ledger_of(limits={"chat": self.random.choice((3, 4)), "social": 2})
        idle_at = START - timedelta(seconds=self.random.random() * 100)
        return AgentFacts(numbered(2, number), True, ledger, skills, members, idle_at)

    def _queues(self, demands: int, profiles: list[dict[str, int]]) -> list[QueueFacts]:
        queues: list[QueueFacts] = []
        while len(queues) < demands:
            skills = self.random.sample(range(SKILLS), self.random.choice((1, 1, 1, 2, 2, 3)))
            asked = {f"skill{skill}": self.random.choice((1, 1, 3, 5)) for skill in skills}
            if any(all(have.get(skill, 0) >= level for skill, level in asked.items()) for have in profiles):
                channels = frozenset({"chat", "social", "phone"})
                queues.append(QueueFacts(numbered(1, len(queues)), channels, 60, requirements=asked))
        return queues

    def _fill(self, waiting: int) -> None:
        """Until so many wait; with 0, until 60 % of the agents' units are used."""
        enough = sum(agent.ledger.capacity_units for agent in self.agents) * 0.6
        while True:
            for work in self.new_works(500):
                self.engine.put_work(work)
            self.follow()
            used = sum(weight for _, _, weight in self.held)
            if (self.engine.waiting >= waiting) if waiting else (used >= enough):
                return

    def new_works(self, count: int) -> list[WorkFacts]:
        made = []
        for _ in range(count):
            self.works += 1
            self.now += BETWEEN_ARRIVALS
            channel, weight = self.random.choice(CHANNEL_MIX)
            due_at = self.now + timedelta(seconds=3600 + self.random.choice((60, 120, 120, 300)))
            work_id = numbered(3, self.works)
            queue = self.random.choice(self.queues)
            made.append(WorkFacts(work_id, work_id, queue.id, channel, weight, self.now, due_at))
            self.sizes[work_id] = (channel, weight)
        return made

    def follow(self) -> int:
        """Decide, then confirm and accept every offer. How many there were."""
        offers = 0
        for decision in self.engine.decide(self.now, limit=1_000_000):
            if type(decision) is Offer:
                offers += 1
                channel, weight = self.sizes.pop(decision.work_id)
                self.engine.confirm(decision.work_id)
                self.engine.accepted(decision.agent_id, channel, weight, self.now)
                self.held.append((decision.agent_id, channel, weight))
        return offers

    def steady(self, events: int) -> float:
        """Offers per second while works finish and arrive in turn."""
        works = self.new_works(events)
        picks = [self.random.random() for _ in works]
        offers = 0
        started = perf_counter()
        for work, pick in zip(works, picks, strict=True):
            index = int(pick * len(self.held))
            agent_id, channel, weight = self.held[index]
            self.held[index] = self.held[-1]
            self.held.pop()
            self.engine.release(agent_id, channel, weight)
            self.engine.put_work(work)
            offers += self.follow()
        return offers / (perf_counter() - started)


def heapreplace_rate(size: int) -> float:
    """The limit: nothing but the heap."""
    random = Random(1)
    heap = [(random.random(), number) for number in range(size)]
    heapq.heapify(heap)
    started = perf_counter()
    for number in range(LIMIT_OPERATIONS):
        heapq.heapreplace(heap, (heap[0][0] + 0.37, number))
    return LIMIT_OPERATIONS / (perf_counter() - started)


def naive_rate(world: World, scans: int = 30) -> float:
    """One decision by looking at every agent, as most routers do."""
    works = world.new_works(scans)
    queues = {queue.id: queue for queue in world.queues}
    started = perf_counter()
    for work in works:
        asked = tuple(queues[work.queue_id].requirements.items())
        able = (agent for agent in world.agents if meets(agent.skills, asked))
        fitting = ((fits(agent.ledger, work.channel, work.weight), agent) for agent in able)
        min(((fit, agent.idle_since_at, agent.id.int) for fit, agent in fitting if fit), default=None)
    return scans / (perf_counter() - started)


def measure(agents: int, profiles: int, waiting: int, *, rounds: int, events: int) -> dict[str, object]:
    world = World(agents, profiles, waiting)
    world.steady(events // 4)
    rows = [(heapreplace_rate(agents), world.steady(events), naive_rate(world)) for _ in range(rounds)]
    limit, value, naive = (median(column) for column in zip(*rows, strict=True))
    ratios = [round(row[1] / row[0], 4) for row in rows]
    return {
        "id": "P6",
        "what": f"offers/s, {agents} agents, {profiles or agents} profiles, {waiting} waiting",
        "value": round(value),
        "limit": round(limit),
        "unit": "1/s",
        "ratio": median(ratios),
        "rounds": ratios,
        "must": MUST,
        "stretch": STRETCH,
        "holds": median(ratios) >= MUST or sum(ratio >= MUST for ratio in ratios) >= len(ratios) - 1,
        "naive_scan": round(naive),
        "still_waiting": world.engine.waiting,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=5_000)
    parser.add_argument("--profiles", type=int, default=200, help="0: every agent has an own profile")
    parser.add_argument("--waiting", type=int, default=20_000, help="0: 60 %% of the units are used")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--events", type=int, default=20_000)
    given = parser.parse_args()
    figure = measure(given.agents, given.profiles, given.waiting, rounds=given.rounds, events=given.events)
    print(json.dumps({"bench": "routing", "figures": [figure]}, indent=1))


if __name__ == "__main__":
    main()

"""The routing engine beside a bare heapreplace loop (P6) and a naive scan, in turn in one run.

One round trip of the steady state is: an agent finishes a work, a new work arrives, the engine decides, the
offer is confirmed and accepted. CPU time, of the limit too: the machine is shared.
"""

import heapq
import importlib
import importlib.util
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from statistics import median
from time import process_time
from typing import Any, NamedTuple
from uuid import UUID

from app.core.runtime import spare_the_collector
from app.routing.capacity import fits, ledger_of
from app.routing.decisions import Decision, Offer
from app.routing.engine import Engine
from app.routing.facts import AgentFacts, QueueFacts, WorkFacts
from app.routing.rings import meets
from benchmarks.figures import figure

START = datetime(2030, 1, 1, tzinfo=UTC)
SKILLS = 50
DEMANDS = 400
CHANNEL_MIX = (("chat", 25), ("chat", 25), ("chat", 25), ("social", 20), ("phone", 100))
MUST, STRETCH = 0.05, 0.15
LIMIT_OPERATIONS = 300_000
AGENTS_CURVE = tuple((agents, 200, 20_000) for agents in (100, 500, 1_000, 2_000, 5_000))
WAITING_CURVE = tuple((5_000, 200, waiting) for waiting in (100, 1_000, 10_000, 100_000))
SCARCE_AFTER = 80_000
"""Ends and arrivals after which only work that few may take still waits."""
BETWEEN_ARRIVALS = timedelta(milliseconds=1)


class Rates(NamedTuple):
    """Per second of CPU time. A decision is an offer, or the answer to an arrival that it must wait."""

    decisions: float
    offers: float


NUMBERS = 2**64 - 1


def numbered(kind: int, number: int) -> UUID:
    return UUID(int=kind << 64 | number)


class World:
    """Queues that demand one to three of 50 skills, agents with one of so many profiles, a backlog."""

    def __init__(self, agents: int, profiles: int, waiting: int, *, seed: int = 3, demands: int = DEMANDS) -> None:
        self.random = Random(seed)
        self.engine = Engine()
        self.now = START
        self.sizes: list[tuple[str, int]] = []
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
            self.follow(self.engine.decide(self.now, limit=1_000_000))
            used = sum(weight for _, _, weight in self.held)
            if (self.engine.waiting >= waiting) if waiting else (used >= enough):
                return

    def new_works(self, count: int) -> list[WorkFacts]:
        made = []
        for _ in range(count):
            self.now += BETWEEN_ARRIVALS
            channel, weight = self.random.choice(CHANNEL_MIX)
            due_at = self.now + timedelta(seconds=3600 + self.random.choice((60, 120, 120, 300)))
            work_id = numbered(3, len(self.sizes))
            queue = self.random.choice(self.queues)
            made.append(WorkFacts(work_id, work_id, queue.id, channel, weight, self.now, due_at))
            self.sizes.append((channel, weight))
        return made

    def follow(self, decided: list[Decision], *, traces: bool = False) -> int:
        """Confirm and accept every offer. How many there were."""
        offers = 0
        for decision in decided:
            if type(decision) is Offer:
                offers += 1
                if traces:
                    assert decision.trace.candidates
                channel, weight = self.sizes[decision.work_id.int & NUMBERS]
                self.engine.confirm(decision.work_id, accepted_at=self.now)
                self.held.append((decision.agent_id, channel, weight))
        return offers

    def steady(self, events: int, *, traces: bool = False) -> Rates:
        """While works finish and arrive in turn; with or without writing out the trace of each offer."""
        works = self.new_works(events)
        picks = [self.random.random() for _ in works]
        engine, held, now = self.engine, self.held, self.now
        decisions = offers = 0
        started = process_time()
        for work, pick in zip(works, picks, strict=True):
            index = int(pick * len(held))
            agent_id, channel, weight = held[index]
            held[index] = held[-1]
            held.pop()
            engine.release(agent_id, channel, weight)
            engine.put_work(work)
            decided = engine.decide(now)
            decisions += len(decided)
            offers += self.follow(decided, traces=traces)
        seconds = process_time() - started
        return Rates(decisions / seconds, offers / seconds)


def heapreplace_rate(size: int) -> float:
    """The limit: nothing but the heap."""
    random = Random(1)
    heap = [(random.random(), number) for number in range(size)]
    heapq.heapify(heap)
    started = process_time()
    for number in range(LIMIT_OPERATIONS):
        heapq.heapreplace(heap, (heap[0][0] + 0.37, number))
    return LIMIT_OPERATIONS / (process_time() - started)


def naive_rate(world: World, scans: int = 30) -> float:
    """One decision by looking at every agent, as most routers do."""
    works = world.new_works(scans)
    queues = {queue.id: queue for queue in world.queues}
    started = process_time()
    for work in works:
        asked = tuple(queues[work.queue_id].requirements.items())
        able = (agent for agent in world.agents if meets(agent.skills, asked))
        fitting = ((fits(agent.ledger, work.channel, work.weight), agent) for agent in able)
        min(((fit, agent.idle_since_at, agent.id.int) for fit, agent in fitting if fit), default=None)
    return scans / (process_time() - started)


def measure(agents: int, profiles: int, waiting: int, *, rounds: int, events: int) -> dict[str, Any]:
    """Each round has a backlog of its own: served for long at one arrival for each end, it turns into what hardly
    anybody may take, and the figure would tell of the length of the run (`scarce_us_per_offer` tells of that end).
    """
    pairs, offers, naive = [], [], []
    for _ in range(rounds):
        world = World(agents, profiles, waiting)
        world.steady(events // 4)
        limit, rates = heapreplace_rate(agents), world.steady(events)
        pairs.append((rates.decisions, limit))
        offers.append(rates.offers)
        naive.append(naive_rate(world))
    with_traces = world.steady(events, traces=True).offers
    world.steady(SCARCE_AFTER)
    return figure(
        "P6",
        f"decisions/s of CPU time (offers, and arrivals told to wait), {agents} agents, "
        f"{profiles or agents} profiles, {waiting} waiting",
        pairs,
        unit="1/s",
        must=MUST,
        stretch=STRETCH,
        offers_per_second=round(median(offers)),
        offers_with_traces_per_second=round(with_traces),
        scarce_us_per_offer=round(1e6 / world.steady(events).offers, 1),
        naive_scans_per_second=round(median(naive)),
    )


def curve(points: Sequence[tuple[int, int, int]], *, events: int) -> list[dict[str, Any]]:
    """What an offer costs at (agents, profiles, waiting), in microseconds of CPU time."""
    rows = []
    for agents, profiles, waiting in points:
        world = World(agents, profiles, waiting)
        world.steady(events // 4)
        offers = median(world.steady(events // 3).offers for _ in range(3))
        rows.append(
            {"agents": agents, "profiles": profiles, "waiting": waiting, "us_per_offer": round(1e6 / offers, 1)}
        )
    return rows


def report(seconds: float) -> dict[str, Any]:
    """All figures of routing within about so many seconds of measuring, set-up not counted. Garbage is collected as in
    every process of the product.
    """
    spare_the_collector()
    rounds = max(5, min(9, int(seconds / 6)))
    figures = [measure(5_000, 200, 20_000, rounds=rounds, events=int(min(20_000, 300 * seconds)))]
    notes = []
    if importlib.util.find_spec("scipy"):
        figures.append(importlib.import_module("benchmarks.routing_quality").measure())
    else:
        notes.append("P7 was not measured: it needs scipy, which the product does not; `make setup-bench` brings it.")
    shell = importlib.import_module("benchmarks.routing_shell")
    figures += [shell.measure(rounds=5), shell.measure_rebuild(rounds=3)]
    figures.append(importlib.import_module("benchmarks.routing_freed").measure(seconds / 2))
    events = int(min(6_000, 100 * seconds))
    curves = {
        "agents": curve(AGENTS_CURVE, events=events),
        "waiting": curve(WAITING_CURVE, events=events),
    }
    return {"bench": "routing", "figures": figures, "curves": curves, "notes": notes}

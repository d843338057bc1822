"""A discrete-event run of the router's own engine over simulated customers and agents."""

import heapq
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple
from uuid import UUID

from app.core.errors import Conflict
from app.routing.capacity import Ledger, could_ever_fit, credit, debit, engage, ledger_of, resume
from app.routing.decisions import Offer, Unroutable
from app.routing.engine import Engine
from app.routing.facts import AgentFacts, QueueFacts, WorkFacts
from app.routing.measures import draw, gini, percentile
from app.routing.rings import meets, terms_at
from app.routing.scenario import PoissonArrival, Scenario, ScenarioQueue, queue_facts

START = datetime(2000, 1, 1, tzinfo=UTC)
PROGRESS_EVERY_EVENTS = 20_000

Progress = Callable[[float], None]
"""Told the share of the duration that is done."""


class Passage(NamedTuple):
    """One customer's way through the line; `ended_s` is infinite for whoever still waits when all else is over."""

    queue: str
    arrived_s: float
    ended_s: float
    answered: bool


@dataclass(slots=True)
class Customer:
    queue: "SimulatedQueue"
    work: WorkFacts
    arrived_s: float
    handle_s: float
    counted: bool
    agent: "SimulatedAgent | None" = None
    accepted: bool = False
    parked_rest_s: float | None = None
    ends_s: float = 0.0


@dataclass(slots=True)
class SimulatedQueue:
    facts: QueueFacts
    model: ScenarioQueue
    accept_s: float
    arrivals: Random
    handling: Random
    patience: Random
    times: list[float]
    offered: int = 0
    abandoned: int = 0
    waits: list[float] = field(default_factory=list)


@dataclass(slots=True)
class SimulatedAgent:
    facts: AgentFacts
    ledger: Ledger
    held: list[Customer] = field(default_factory=list)
    parked: list[Customer] = field(default_factory=list)
    busy_unit_seconds: float = 0.0
    changed_s: float = 0.0


class Simulation:
    """One run. Random numbers come from streams per queue and purpose, so that the customers are the same
    whatever the policy does with them.
    """

    def __init__(self, scenario: Scenario, progress: Progress | None = None) -> None:
        self.scenario = scenario
        self.engine = Engine()
        self.now_s = 0.0
        self.decisions = 0
        self.violations = 0
        self.passages: list[Passage] = []
        self.unroutable: Counter[str] = Counter()
        """By queue, the customers whom no agent of the file could ever take."""
        self.occupancies: list[float] = []
        """Of each agent, in the order of the file, once it has run."""
        self._progress = progress
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = 0
        self._wake_s = math.inf
        self._customers: dict[UUID, Customer] = {}
        self._queues = [self._queue(number) for number in range(len(scenario.queues))]
        self._agents = {agent.facts.id: agent for agent in self._staff()}

    def run(self) -> dict[str, object]:
        for queue in self._queues:
            self.engine.put_queue(queue.facts)
            self._schedule_arrival(queue, 0)
        for agent in self._agents.values():
            self.engine.put_agent(agent.facts)
        events = 0
        while self._events:
            self.now_s, _, happen = heapq.heappop(self._events)
            happen()
            events += 1
            if not self._events or self._events[0][0] > self.now_s:
                self._decide()
            if self._progress is not None and events % PROGRESS_EVERY_EVENTS == 0:
                self._progress(min(1.0, self.now_s / self.scenario.duration_s))
        return self._answer()

    # The cast

    def _queue(self, number: int) -> SimulatedQueue:
        model = self.scenario.queues[number]
        facts = queue_facts(self.scenario, number)
        arrivals, handling, patience = (
            Random(f"{self.scenario.seed}/{model.name}/{purpose}")  # noqa: S311 - a simulation is repeatable
            for purpose in ("arrival", "handle", "patience")
        )
        offer = self.scenario.offer or model.offer
        times = [] if isinstance(model.arrival, PoissonArrival) else sorted(model.arrival.at_s)
        return SimulatedQueue(facts, model, offer.accept_s, arrivals, handling, patience, times)

    def _staff(self) -> list[SimulatedAgent]:
        staff: list[SimulatedAgent] = []
        for model in self.scenario.agents:
            limits = {str(channel): limit for channel, limit in model.per_channel.items()}
            ledger = ledger_of(capacity_units=model.capacity, limits=limits)
            queues = frozenset(q.facts.id for q in self._queues if _could_serve(q, model.skills, ledger))
            for _ in range(model.count):
                agent_id = UUID(int=(1 << 64) + len(staff))
                facts = AgentFacts(agent_id, True, ledger, model.skills, queues, START)
                staff.append(SimulatedAgent(facts, ledger))
        return staff

    # Events

    def _at(self, at_s: float, happen: Callable[[], None]) -> None:
        self._serial += 1
        heapq.heappush(self._events, (at_s, self._serial, happen))

    def _schedule_arrival(self, queue: SimulatedQueue, index: int) -> None:
        arrival = queue.model.arrival
        if isinstance(arrival, PoissonArrival):
            at_s = self.now_s + queue.arrivals.expovariate(arrival.rate_per_h / 3600)
        elif index < len(queue.times):
            at_s = queue.times[index]
        else:
            return
        if at_s < self.scenario.duration_s:
            self._at(at_s, lambda: self._arrive(queue, index))

    def _arrive(self, queue: SimulatedQueue, index: int) -> None:
        self._schedule_arrival(queue, index + 1)
        handle_s = draw(queue.model.handle, queue.handling)
        patience_s = math.inf if queue.model.patience is None else draw(queue.model.patience, queue.patience)
        work = self._work(queue)
        counted = self.now_s >= self.scenario.warmup_s
        customer = self._customers[work.id] = Customer(queue, work, self.now_s, handle_s, counted)
        queue.offered += counted
        self.engine.put_work(work)
        if patience_s < math.inf:
            self._at(self.now_s + patience_s, lambda: self._abandon(customer))

    def _work(self, queue: SimulatedQueue) -> WorkFacts:
        self._serial += 1
        work_id = UUID(int=(2 << 64) + self._serial)
        ready_at = START + timedelta(seconds=self.now_s)
        return WorkFacts(
            id=work_id,
            conversation_id=work_id,
            queue_id=queue.facts.id,
            channel=queue.model.channel,
            weight=queue.model.units,
            ready_at=ready_at,
            due_at=ready_at + timedelta(seconds=queue.model.target_s),
            tier=queue.model.tier,
            priority=queue.model.priority,
        )

    def _abandon(self, customer: Customer) -> None:
        if customer.accepted:
            return
        if customer.agent is not None:
            self._credit(customer.agent, customer, engaged=False)
        self.engine.remove_work(customer.work.id)
        customer.accepted = True
        customer.queue.abandoned += customer.counted
        self._note(customer, answered=False)

    def _decide(self) -> None:
        now = START + timedelta(seconds=self.now_s)
        for decision in self.engine.decide(now):
            if isinstance(decision, Offer):
                self.decisions += 1
                self._offer(decision)
            elif isinstance(decision, Unroutable):
                self.unroutable[self._customers[decision.work_id].queue.model.name] += 1
        wake_at = self.engine.next_timer(now)
        if wake_at is not None:
            wake_s = (wake_at - START).total_seconds()
            if wake_s < self._wake_s or self._wake_s <= self.now_s:
                self._wake_s = wake_s
                self._at(wake_s, lambda: None)

    def _offer(self, offer: Offer) -> None:
        customer = self._customers[offer.work_id]
        agent = customer.agent = self._agents[offer.agent_id]
        self._check(customer, agent, offer)
        self._count_busy(agent)
        for units, channel in offer.parks:
            self._park(agent, channel, units)
        agent.ledger = debit(agent.ledger, customer.work.channel, customer.work.weight, forced=True)
        if customer.queue.accept_s:
            self._at(self.now_s + customer.queue.accept_s, lambda: self._accept(customer))
        else:
            self._accept(customer)

    def _accept(self, customer: Customer) -> None:
        agent, work = customer.agent, customer.work
        if customer.accepted or agent is None:
            return
        customer.accepted = True
        self.engine.confirm(work.id, accepted_at=START + timedelta(seconds=self.now_s))
        agent.ledger = engage(agent.ledger, work.channel, work.weight)
        if customer.counted:
            customer.queue.waits.append(self.now_s - customer.arrived_s)
        self._note(customer, answered=True)
        agent.held.append(customer)
        wrap_up = customer.queue.model.wrap_up
        wrap_up_s = draw(wrap_up, customer.queue.handling) if wrap_up else 0.0
        self._work_on(customer, customer.handle_s + wrap_up_s)

    def _work_on(self, customer: Customer, rest_s: float) -> None:
        ends_s = customer.ends_s = self.now_s + rest_s
        customer.parked_rest_s = None
        self._at(ends_s, lambda: self._finish(customer, ends_s))

    def _finish(self, customer: Customer, ends_s: float) -> None:
        agent = customer.agent
        if agent is None or customer.ends_s != ends_s or customer.parked_rest_s is not None:
            return
        agent.held.remove(customer)
        del self._customers[customer.work.id]
        self._credit(agent, customer, engaged=True)
        if agent.parked:
            self._resume(agent)
        else:
            self.engine.release(agent.facts.id, customer.work.channel, customer.work.weight)

    def _credit(self, agent: SimulatedAgent, customer: Customer, *, engaged: bool) -> None:
        self._count_busy(agent)
        agent.ledger = credit(agent.ledger, customer.work.channel, customer.work.weight, engaged=engaged)

    def _park(self, agent: SimulatedAgent, channel: str, units: int) -> None:
        """The latest due of what may be interrupted."""
        candidates = [c for c in agent.held if (c.work.channel, c.work.weight) == (channel, units)]
        parked = max(candidates, key=lambda customer: customer.work.due_at)
        parked.parked_rest_s = parked.ends_s - self.now_s
        agent.held.remove(parked)
        agent.parked.append(parked)

    def _resume(self, agent: SimulatedAgent) -> None:
        """Parked work comes before anything new; then the engine gets the agent's facts as they are now."""
        for customer in sorted(agent.parked, key=lambda customer: customer.work.due_at):
            try:
                agent.ledger = resume(agent.ledger, customer.work.channel, customer.work.weight)
            except Conflict:
                continue
            agent.parked.remove(customer)
            agent.held.append(customer)
            self._work_on(customer, customer.parked_rest_s or 0.0)
        self.engine.put_agent(replace(agent.facts, ledger=agent.ledger))

    # Measures

    def _note(self, customer: Customer, *, answered: bool, ended_s: float | None = None) -> None:
        ended_s = self.now_s if ended_s is None else ended_s
        self.passages.append(Passage(customer.queue.model.name, customer.arrived_s, ended_s, answered))

    def _check(self, customer: Customer, agent: SimulatedAgent, offer: Offer) -> None:
        """The invariants, checked apart from the engine's own arithmetic."""
        terms = terms_at(customer.queue.facts, offer.ring)
        try:
            debit(agent.ledger, customer.work.channel, customer.work.weight)
        except Conflict:
            self.violations += 1
        if customer.accepted or not meets(agent.facts.skills, terms.requirements):
            self.violations += 1

    def _count_busy(self, agent: SimulatedAgent) -> None:
        """Sum units over time, inside the measured part of the run only."""
        begin_s = max(agent.changed_s, self.scenario.warmup_s)
        end_s = min(self.now_s, self.scenario.duration_s)
        if end_s > begin_s:
            agent.busy_unit_seconds += agent.ledger.used_units * (end_s - begin_s)
        agent.changed_s = self.now_s

    def _answer(self) -> dict[str, object]:
        span_s = self.scenario.duration_s - self.scenario.warmup_s
        shares = []
        for agent in self._agents.values():
            self._count_busy(agent)
            shares.append(agent.busy_unit_seconds / (agent.ledger.capacity_units * span_s))
        self.occupancies = shares
        for customer in self._customers.values():
            if not customer.accepted:
                self._note(customer, answered=False, ended_s=math.inf)
        return {
            "queues": {queue.model.name: _queue_answer(queue) for queue in self._queues},
            "agents": {"occupancy_mean": sum(shares) / len(shares), "occupancy_gini": gini(shares)},
            "violations": self.violations,
            "decisions": self.decisions,
        }


def _queue_answer(queue: SimulatedQueue) -> dict[str, float]:
    waits = sorted(queue.waits)
    in_threshold = sum(wait <= queue.model.threshold_s for wait in waits)
    return {
        "offered": queue.offered,
        "answered": len(waits),
        "abandoned": queue.abandoned,
        "answered_in_threshold": in_threshold,
        "wait_mean_s": sum(waits) / len(waits) if waits else 0.0,
        "wait_p50_s": percentile(waits, 0.5),
        "wait_p95_s": percentile(waits, 0.95),
        "wait_max_s": waits[-1] if waits else 0.0,
        "service_level": in_threshold / queue.offered if queue.offered else 1.0,
    }


def _could_serve(queue: SimulatedQueue, skills: dict[str, int], ledger: Ledger) -> bool:
    rings = range(len(queue.facts.rings) + 1)
    able = any(meets(skills, terms_at(queue.facts, ring).requirements) for ring in rings)
    return able and could_ever_fit(ledger, queue.model.channel, queue.model.units)

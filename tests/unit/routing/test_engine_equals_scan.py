"""The indexed engine decides what a plain scan over everything decides, whatever happens."""

from dataclasses import replace
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from app.routing.capacity import credit, engage
from app.routing.decisions import Drain, Offer
from app.routing.engine import Engine
from app.routing.facts import WorkFacts
from tests.unit.routing.naive import NaiveRouter
from tests.unit.routing.worlds import World, at


class Pair:
    """Both routers under the same events."""

    def __init__(self, seed: int) -> None:
        self.world = World(seed)
        self.engine, self.naive = Engine(), NaiveRouter()
        self.now = 0.0
        self.owned: list[tuple[WorkFacts, UUID]] = []
        self.decisions = 0
        for queue in self.world.queues:
            self.engine.put_queue(queue)
            self.naive.queues[queue.id] = queue
        for agent in self.world.agents:
            self.engine.put_agent(agent)
            self.naive.put_agent(agent)

    def step(self) -> None:
        random = self.world.random
        self.now += random.choice((0, 0, 0.25, 5, 31))
        for _ in range(random.choice((1, 1, 1, 4))):
            random.choice((self.arrive, self.arrive, self.leave, self.finish, self.change_agent, self.requeue))()
        self.decide()

    def arrive(self) -> None:
        work = self.world.work(self.now)
        self.engine.put_work(work)
        self.naive.put_work(work)

    def leave(self) -> None:
        waiting = sorted(self.naive.works)
        if waiting:
            work_id = self.world.random.choice(waiting)
            self.engine.remove_work(work_id)
            self.naive.remove_work(work_id)

    def finish(self) -> None:
        if not self.owned:
            return
        work, agent_id = self.owned.pop(self.world.random.randrange(len(self.owned)))
        agent = self.naive.agents[agent_id]
        if dict(agent.ledger.counts).get(work.channel) and agent.ledger.used_units >= work.weight:
            self.naive.agents[agent_id] = replace(agent, ledger=credit(agent.ledger, work.channel, work.weight))
            self.engine.release(agent_id, work.channel, work.weight)

    def change_agent(self) -> None:
        agent = self.world.agent(self.world.random.randrange(14), self.now)
        known = self.naive.agents.get(agent.id)
        if known is not None and self.world.random.random() < 0.6:
            agent = replace(agent, skills=known.skills, queues=known.queues, groups=known.groups)
        self.engine.put_agent(agent)
        self.naive.put_agent(agent)

    def requeue(self) -> None:
        waiting = sorted(self.naive.works)
        if waiting:
            work = self.naive.works[self.world.random.choice(waiting)]
            declined = self.world.random.choice(self.world.agents).id
            work = replace(work, version=work.version + 1, cool_downs={declined: at(self.now + 10)})
            self.engine.put_work(work)
            self.naive.put_work(work)

    def decide(self) -> None:
        now = at(self.now)
        expected = self.naive.decide(now)
        decisions = [each for each in self.engine.decide(now) if isinstance(each, Offer | Drain)]
        seen = [
            ("offer", each.work_id, each.agent_id, tuple((c.rank, c.agent_id) for c in each.trace.candidates))
            if isinstance(each, Offer)
            else ("drain", each.work_id, each.agent_id, None)
            for each in decisions
        ]
        assert seen == expected
        assert [each for each in self.engine.decide(now) if isinstance(each, Offer | Drain)] == []
        self.decisions += len(seen)
        for kind, work_id, agent_id, _ in expected:
            if kind == "offer" and self.world.random.random() < 0.2:
                self.engine.undo(work_id)
                self.naive.undo(work_id)
            elif kind == "offer":
                self.owned.append((self.naive.works[work_id], agent_id))
                self.naive.confirm(work_id)
                self.accept(self.owned[-1][0], agent_id)

    def accept(self, work: WorkFacts, agent_id: UUID) -> None:
        self.now += 0.125
        agent = self.naive.agents[agent_id]
        ledger = engage(agent.ledger, work.channel, work.weight)
        self.naive.agents[agent_id] = replace(agent, ledger=ledger, idle_since_at=at(self.now))
        self.engine.confirm(work.id, accepted_at=at(self.now))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 40))
def test_the_engine_decides_as_a_full_scan_does(seed: int, steps: int) -> None:
    pair = Pair(seed)
    for _ in range(steps):
        pair.step()


def test_thousands_of_decisions_equal_the_scan() -> None:
    decisions = 0
    for seed in range(120):
        pair = Pair(seed)
        for _ in range(60):
            pair.step()
        decisions += pair.decisions
    assert decisions > 2_000

"""The router as a plain full scan over facts: slow, obvious, and what the engine must equal."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from app.routing.capacity import (
    WHOLE_AGENT_CHANNELS,
    could_ever_fit,
    credit,
    debit,
    fits,
    resume,
)
from app.routing.facts import AgentFacts, QueueFacts, WorkFacts
from app.routing.ranking import Standing, get_policy, stable_hash
from app.routing.rings import Terms, barred_agents, meets, ring_at, terms_at


def order_key(work: WorkFacts) -> tuple[object, ...]:
    return (work.tier, work.due_at, -work.priority, work.ready_at, work.id)


class NaiveRouter:
    def __init__(self) -> None:
        self.queues: dict[UUID, QueueFacts] = {}
        self.agents: dict[UUID, AgentFacts] = {}
        self.works: dict[UUID, WorkFacts] = {}
        self.drains: dict[UUID, UUID] = {}
        self.offered: dict[UUID, tuple[UUID, tuple[tuple[int, str], ...]]] = {}

    def put_agent(self, facts: AgentFacts) -> None:
        old = self.agents.get(facts.id)
        if old is not None:
            same = (old.skills, old.queues, old.groups) == (facts.skills, facts.queues, facts.groups)
            if not facts.routable or not same:
                self._end_drain_of_agent(facts.id)
        ledger = facts.ledger
        for work_id, (agent_id, _) in self.offered.items():
            if agent_id == facts.id:
                work = self.works[work_id]
                ledger = debit(ledger, work.channel, work.weight, forced=True)
        self.agents[facts.id] = replace(facts, ledger=ledger)

    def put_work(self, facts: WorkFacts) -> None:
        self.remove_work(facts.id)
        self.works[facts.id] = facts

    def remove_work(self, work_id: UUID) -> None:
        if work_id in self.works:
            self.undo(work_id)
            del self.works[work_id]
            self.drains.pop(work_id, None)

    def undo(self, work_id: UUID) -> None:
        if work_id not in self.offered:
            return
        agent_id, parks = self.offered.pop(work_id)
        work = self.works[work_id]
        agent = self.agents[agent_id]
        ledger = credit(agent.ledger, work.channel, work.weight, engaged=False)
        for units, channel in parks:
            ledger = resume(ledger, channel, units, forced=True)
        self.agents[agent_id] = replace(agent, ledger=ledger)

    def confirm(self, work_id: UUID) -> None:
        if self.offered.pop(work_id, None):
            del self.works[work_id]

    def decide(self, now: datetime) -> list[tuple[str, UUID, UUID, object]]:
        """("offer" | "drain", work, agent, rank vectors of the best five), again from the first each time."""
        decided: list[tuple[str, UUID, UUID, object]] = []
        while (decision := self._next(now)) is not None:
            decided.append(decision)
        return decided

    def _next(self, now: datetime) -> tuple[str, UUID, UUID, object] | None:
        for work in sorted(self.works.values(), key=order_key):
            if work.id in self.offered or work.queue_id not in self.queues:
                continue
            ranked = self.ranked(work, now)
            if ranked:
                return self._offer(work, ranked)
            late = work.channel in WHOLE_AGENT_CHANNELS and work.due_at <= now
            if late and work.id not in self.drains:
                drained = self._drainable(work, now)
                if drained is not None:
                    self.drains[work.id] = drained
                    return ("drain", work.id, drained, None)
        return None

    def _offer(self, work: WorkFacts, ranked: list[tuple[tuple, UUID]]) -> tuple[str, UUID, UUID, object]:
        agent = self.agents[ranked[0][1]]
        fit = fits(agent.ledger, work.channel, work.weight)
        assert fit is not None
        self.agents[agent.id] = replace(agent, ledger=debit(agent.ledger, work.channel, work.weight))
        self.offered[work.id] = (agent.id, fit.parks)
        self.drains.pop(work.id, None)
        return ("offer", work.id, agent.id, tuple(ranked[:5]))

    def ranked(self, work: WorkFacts, now: datetime) -> list[tuple[tuple, UUID]]:
        queue = self.queues[work.queue_id]
        policy = get_policy(queue.policy)
        terms, only = self.terms(work, now)
        rows = []
        for agent in self.agents.values():
            fit = fits(agent.ledger, work.channel, work.weight)
            if fit is None or not self._eligible(agent, work, terms, only, now):
                continue
            if self._kept_free(agent.id, work):
                continue
            tail = (agent.idle_since_at.timestamp(), stable_hash(agent.id))
            load = policy.load(fit, self._blended(agent), work.channel in WHOLE_AGENT_CHANNELS)
            standing = (0.0,) * len(policy.standing) if only else self._standing(agent, queue, terms, work)
            rows.append(((int(agent.id != work.sticky_agent_id), *standing, load, *tail), agent.id))
        return sorted(rows)

    def terms(self, work: WorkFacts, now: datetime) -> tuple[Terms, UUID | None]:
        """What is in force, after skipping rings that nobody staffed matches; and who is asked alone."""
        queue = self.queues[work.queue_id]
        first = ring_at(queue, work.ready_at.timestamp(), now.timestamp())
        first = max(first, min(work.least_ring, len(queue.rings)))
        terms = [
            terms_at(queue, ring, override=work.requirements, language=work.language)
            for ring in range(first, len(queue.rings) + 1)
        ]
        sticky = self.agents.get(work.sticky_agent_id) if work.sticky_agent_id else None
        if (
            sticky is not None
            and work.sticky_until_at is not None
            and work.sticky_until_at > now
            and sticky.connected
            and sticky.id not in barred_agents(work, now.timestamp())
            and could_ever_fit(sticky.ledger, work.channel, work.weight)
            and self._qualifies(sticky, queue, terms[0])
        ):
            return terms[0], sticky.id
        for step in terms:
            if any(agent.routable and self._qualifies(agent, queue, step) for agent in self.agents.values()):
                return step, None
        return terms[0], None

    def _eligible(self, agent: AgentFacts, work: WorkFacts, terms: Terms, only: UUID | None, now: datetime) -> bool:
        if not agent.routable or agent.id in barred_agents(work, now.timestamp()):
            return False
        if only is not None:
            return agent.id == only
        return self._qualifies(agent, self.queues[work.queue_id], terms)

    def _qualifies(self, agent: AgentFacts, queue: QueueFacts, terms: Terms) -> bool:
        admitted = queue.id in agent.queues or not terms.groups.isdisjoint(agent.groups)
        return admitted and meets(agent.skills, terms.requirements)

    def _standing(self, agent: AgentFacts, queue: QueueFacts, terms: Terms, work: WorkFacts) -> tuple[float, ...]:
        served = [self.queues[queue_id] for queue_id in agent.queues if queue_id in self.queues]
        count = sum(meets(agent.skills, terms_at(each, 0).requirements) for each in served)
        wanted = {skill for skill, _ in terms.requirements} | queue.preferred | work.preferred
        standing = Standing(count, agent.skills, tuple(sorted(wanted)))
        return tuple(rule(standing) for rule in get_policy(queue.policy).standing)

    def _blended(self, agent: AgentFacts) -> bool:
        served = [self.queues[queue_id] for queue_id in agent.queues if queue_id in self.queues]
        return any(queue.channels & WHOLE_AGENT_CHANNELS for queue in served)

    def _kept_free(self, agent_id: UUID, work: WorkFacts) -> bool:
        drained_for = [self.works[work_id] for work_id, drained in self.drains.items() if drained == agent_id]
        return any(order_key(other) < order_key(work) for other in drained_for)

    def _drainable(self, work: WorkFacts, now: datetime) -> UUID | None:
        terms, only = self.terms(work, now)
        queue = self.queues[work.queue_id]
        rows = [
            (
                agent.ledger.used_share,
                self._standing(agent, queue, terms, work),
                agent.idle_since_at.timestamp(),
                stable_hash(agent.id),
                agent.id,
            )
            for agent in self.agents.values()
            if self._eligible(agent, work, terms, only, now)
            and agent.id not in self.drains.values()
            and not agent.ledger.holds_whole_agent_work
            and could_ever_fit(agent.ledger, work.channel, work.weight)
        ]
        return min(rows)[-1] if rows and only is None else None

    def _end_drain_of_agent(self, agent_id: UUID) -> None:
        self.drains = {work: agent for work, agent in self.drains.items() if agent != agent_id}

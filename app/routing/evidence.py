"""What a search found, kept as it was, and written out as a trace when somebody asks."""

from typing import NamedTuple
from uuid import UUID

from app.routing.capacity import Fit
from app.routing.decisions import Candidate, Removed, Trace
from app.routing.index import Agent, Counts, Group, Reach
from app.routing.loads import Kind, State
from app.routing.search import Findings


class Found(NamedTuple):
    reach: Reach
    asked_alone: bool
    counts: Counts
    findings: Findings
    before: State | None
    after: State | None

    def as_trace(self) -> Trace:
        """Nothing it reads changes after the decision: a reach keeps its queue, its ring and its policy."""
        queue, found = self.reach.queue, self.findings
        removed = Removed(
            self.counts.agents - self.counts.admitted,
            self.counts.admitted - self.counts.qualified,
            self.counts.qualified - found.staffed,
            found.cooling_down,
            found.draining,
            found.staffed - found.cooling_down - found.draining - found.eligible,
        )
        return Trace(
            queue.id,
            queue.policy,
            queue.policy_version,
            self.reach.ring,
            self.asked_alone,
            self.reach.policy.rules,
            found.eligible,
            tuple([Candidate(agent.facts.id, rank) for rank, agent in found.ranked()]),
            removed,
            self.before.ledger if self.before else None,
            self.after.ledger if self.after else None,
        )


def trace_of_lone(
    reach: Reach,
    counts: Counts,
    group: Group,
    kind: Kind,
    fit: Fit,
    agent: Agent,
    idle: float,
    sticky_agent_id: UUID | None,
    before: State,
    after: State,
) -> Trace:
    """Of an offer to the one agent who had the units; `idle`: since when it was, at the decision."""
    not_sticky = 1 if sticky_agent_id is None else int(sticky_agent_id != agent.facts.id)
    load = kind.policy.load(fit, group.blended, kind.whole)
    rank = (not_sticky, *reach.standing_of(group), load, idle, agent.idle_hash)
    return Found(
        reach, False, counts, Findings(agent, [], (rank, agent), 1, counts.staffed, 0, 0), before, after
    ).as_trace()

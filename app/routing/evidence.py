"""What a search found, kept as it was, and written out as a trace when somebody asks."""

from typing import NamedTuple

from app.routing.decisions import Candidate, Removed, Trace
from app.routing.index import Agent, Reach
from app.routing.loads import State
from app.routing.search import Findings


class Found(NamedTuple):
    """`agents`: all there are; `admitted` of them the ring lets in, and `qualified` of those meet its demand."""

    reach: Reach
    only: Agent | None
    agents: int
    admitted: int
    qualified: int
    findings: Findings
    before: State | None
    after: State | None

    def as_trace(self) -> Trace:
        """Nothing it reads changes after the decision: a reach keeps its queue, its ring and its policy."""
        queue, found = self.reach.queue, self.findings
        removed = Removed(
            self.agents - self.admitted,
            self.admitted - self.qualified,
            self.qualified - found.staffed,
            found.cooling_down,
            found.draining,
            found.staffed - found.cooling_down - found.draining - found.eligible,
        )
        return Trace(
            queue.id,
            queue.policy,
            queue.policy_version,
            self.reach.ring,
            self.only is not None,
            self.reach.policy.rules,
            found.eligible,
            tuple([Candidate(agent.facts.id, rank) for rank, agent in found.ranked]),
            removed,
            self.before.ledger if self.before else None,
            self.after.ledger if self.after else None,
        )

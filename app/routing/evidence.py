"""What a search found, kept as it was, and written out as a trace when somebody asks."""

from typing import NamedTuple

from app.routing.decisions import Candidate, Removed, Trace
from app.routing.index import Agent, Counts, Reach
from app.routing.loads import State
from app.routing.search import Findings


class Found(NamedTuple):
    """`agents`: all there are; `counts`: those whom the ring lets in, and those of them who meet its demand."""

    reach: Reach
    only: Agent | None
    agents: int
    counts: Counts
    findings: Findings
    before: State | None
    after: State | None

    def as_trace(self) -> Trace:
        """Nothing it reads changes after the decision: a reach keeps its queue, its ring and its policy."""
        queue, found = self.reach.queue, self.findings
        removed = Removed(
            self.agents - self.counts.admitted,
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
            self.only is not None,
            self.reach.policy.rules,
            found.eligible,
            tuple([Candidate(agent.facts.id, rank) for rank, agent in found.ranked]),
            removed,
            self.before.ledger if self.before else None,
            self.after.ledger if self.after else None,
        )

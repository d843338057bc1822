"""What the engine decides, and the trace that says why."""

from collections.abc import Callable
from typing import Literal, NamedTuple
from uuid import UUID

from app.routing.capacity import Ledger
from app.routing.ranking import Rank

WaitReason = Literal[
    "in_line", "nobody_staffed", "waiting_for_sticky", "tries_exhausted", "cooling_down", "no_free_units"
]

UnroutableReason = Literal["unknown_queue", "nobody_qualified", "nobody_has_the_capacity"]


made = tuple.__new__
"""For what is decided most: past a named tuple's own constructor, which takes thrice as long."""


class Candidate(NamedTuple):
    agent_id: UUID
    rank: Rank


class Removed(NamedTuple):
    """How many agents each rule put out, by the first that did, in this order."""

    not_member: int
    lacks_requirement: int
    not_routable: int
    cooling_down: int
    draining: int
    no_free_units: int


class Trace(NamedTuple):
    """`candidates` holds the winner and the next four; `rules` names the values of their ranks.

    `ring` tells the terms in force (0: the queue's own); `asked_alone`: only the last agent is asked for now.
    The ledgers are the winner's, around the offer; None where nothing was offered.
    """

    queue_id: UUID
    policy: str
    policy_version: int
    ring: int
    asked_alone: bool
    rules: tuple[str, ...]
    eligible: int
    candidates: tuple[Candidate, ...]
    removed: Removed
    ledger_before: Ledger | None = None
    ledger_after: Ledger | None = None

    @property
    def decided_by(self) -> str:
        """The rule that told the winner from the next; `only_candidate` if there was no other."""
        if len(self.candidates) < 2:
            return "only_candidate" if self.candidates else "nobody"
        pairs = zip(self.rules, self.candidates[0].rank, self.candidates[1].rank, strict=True)
        return next(rule for rule, first, second in pairs if first != second)


Evidence = Callable[[], Trace]
"""Writes out what was found when the decision was made; nothing that it reads changes afterwards."""


class Offer(NamedTuple):
    """`parks` is what the work interrupts at the agent: (units, channel) of each work to park."""

    work_id: UUID
    work_version: int
    agent_id: UUID
    ring: int
    parks: tuple[tuple[int, str], ...]
    evidence: Evidence

    @property
    def trace(self) -> Trace:
        """Written out when asked for: a decision that is not stored needs none."""
        return self.evidence()


class Drain(NamedTuple):
    """A call is late, nobody has the units: nothing due later reaches this agent until it fits or leaves."""

    work_id: UUID
    agent_id: UUID
    trace: Trace


class Wait(NamedTuple):
    """Told once per work. The trace is None for work that stands in line behind other work like it."""

    work_id: UUID
    reason: WaitReason
    trace: Trace | None


class Unroutable(NamedTuple):
    """No configured agent could ever take it, at the widest ring."""

    work_id: UUID
    reason: UnroutableReason


class Routable(NamedTuple):
    """What was told to be unroutable could be taken by somebody now."""

    work_id: UUID


Decision = Offer | Drain | Wait | Unroutable | Routable

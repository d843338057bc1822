"""What the router knows of queues, agents and waiting work, as loaded from the tables."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from app.routing.capacity import Ledger

MAX_RINGS = 5
MAX_FADING = 3
"""Skills of a queue that fade: each is up to nine further rings."""
MIN_LEVEL = 1
MAX_LEVEL = 10
MAX_TRIES_PER_AGENT = 3

LEAST_URGENT = 1 << 15

OrderKey = int


@dataclass(frozen=True, slots=True)
class Fade:
    """A minimum that falls by one each `step_seconds` of waiting, never below `floor`."""

    step_seconds: float
    floor: int = MIN_LEVEL


@dataclass(frozen=True, slots=True)
class Ring:
    """A relaxation. `requirements` replace those before it (None keeps them); `groups` are let in besides; the minimum
    of the skills in `lowers` falls by one before that, not under the queue's floor for each.
    """

    enter_after_seconds: float
    requirements: Mapping[str, int] | None = None
    groups: frozenset[UUID] = frozenset()
    lowers: frozenset[str] = frozenset()

    @property
    def only_fades(self) -> bool:
        """Made of a fading requirement, not configured itself."""
        return bool(self.lowers) and self.requirements is None and not self.groups


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """`requirements` maps skill to minimum level 1-10; `preferred` skills only rank; `rings` hold what `fading` of a
    skill, asked by the queue or by a work, amounts to (`app.routing.fading`).
    `channels` is what the queue carries: it tells which agents have a whole-agent channel.
    """

    id: UUID
    channels: frozenset[str]
    target_seconds: float
    tier: int = 2
    default_priority: int = 0
    requirements: Mapping[str, int] = field(default_factory=dict)
    preferred: frozenset[str] = frozenset()
    fading: Mapping[str, Fade] = field(default_factory=dict)
    rings: tuple[Ring, ...] = ()
    offer_timeout_seconds: int = 30
    auto_accept: bool = False
    policy: str = "default"
    policy_version: int = 1


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """`routable` = connected and ready and no penalty. `idle_since_at` is when work was last accepted; at a
    login the caller sets it to the median (`Engine.median_idle_since`) if that is later.
    `queues` are the memberships, `groups` the teams that rings may let in.
    """

    id: UUID
    routable: bool
    ledger: Ledger
    skills: Mapping[str, int]
    queues: frozenset[UUID]
    idle_since_at: datetime
    groups: frozenset[UUID] = frozenset()
    connected: bool = True


@dataclass(frozen=True, slots=True)
class WorkFacts:
    """A waiting work item. `requirements` replaces the queue's own (a ring may still relax it); `preferred`
    skills rank beside the queue's; `language` is
    a skill and its minimum that holds at every ring which does not name that skill. Until `sticky_until_at`
    only the sticky agent is asked while connected (ring 0); afterwards being sticky only ranks first.
    `least_ring` is open whatever the age. `unroutable`: why nobody could ever take it, as last told.
    """

    id: UUID
    conversation_id: UUID
    queue_id: UUID
    channel: str
    weight: int
    ready_at: datetime
    due_at: datetime
    tier: int = 2
    priority: int = 0
    requirements: Mapping[str, int] | None = None
    preferred: frozenset[str] = frozenset()
    language: tuple[str, int] | None = None
    version: int = 1
    sticky_agent_id: UUID | None = None
    sticky_until_at: datetime | None = None
    cool_downs: Mapping[UUID, datetime] = field(default_factory=dict)
    tries: Mapping[UUID, int] = field(default_factory=dict)
    least_ring: int = 0
    unroutable: str | None = None


def virtual_due_at(ready_at: datetime, target_seconds: float, sla_due_at: datetime | None = None) -> datetime:
    """The deadline that orders work inside a tier: the queue's target, or the SLA's due time if sooner."""
    target_at = ready_at + timedelta(seconds=target_seconds)
    return target_at if sla_due_at is None else min(target_at, sla_due_at)


def order_key(work: WorkFacts) -> OrderKey:
    """Which work first: strict tiers, then earliest deadline, then priority, `ready_at` and id; the lower number first.
    It never changes while the work waits. One number, because it is compared more often than anything else.
    """
    due, ready = work.due_at.timestamp() * 1e6, work.ready_at.timestamp() * 1e6
    first = (work.tier << 64) + round(due) << 16 | LEAST_URGENT - work.priority
    return (first << 64) + round(ready) << 128 | work.id.int

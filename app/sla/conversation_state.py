"""What a conversation's clocks are counted by, and what is kept between two facts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.sla.clock import Clock, Target
from app.sla.facts import Fact
from app.sla.metrics import DATE_METRICS
from app.sla.wall_clock import WALL

REOPEN_GRACE = timedelta(seconds=600)
OVER = frozenset({"resolved", "closed"})

ClockKey = tuple[str, int]
"""(metric, seq)"""
Changes = dict[ClockKey, Clock | None]
"""What to store: the clock as it now is, or None for one that turned out never to have started."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What one version of a policy promises one conversation, each target with its calendar.

    A conversation that reopens within the grace was never resolved; zero switches that off.
    """

    targets: Mapping[str, Target]
    reopen_grace: timedelta = REOPEN_GRACE
    bot_answers: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """The checkpoint: all that later facts need, of a size that does not grow with the conversation.

    `clocks` holds the latest clock of each metric; earlier ones are finished and were handed out as changes.
    `promises` holds the open ones that have their own date, by `promise_key`, and `promised` how many there were of
    each metric. A state is folded on under the rules it was made with; other targets mean a recompute.
    """

    clocks: Mapping[str, Clock] = field(default_factory=dict)
    promises: Mapping[str, Clock] = field(default_factory=dict)
    promised: Mapping[str, int] = field(default_factory=dict)
    status: str = "open"
    created: bool = False
    answered: bool = False
    group: str = ""
    last_at: datetime | None = None
    resolved_at: datetime | None = None
    before_resolution: "Undo | None" = None
    generation: int = 0


@dataclass(frozen=True, slots=True)
class Undo:
    """The state before the resolution, and the facts since: what to fold if it is undone."""

    state: State
    since: tuple[Fact, ...] = ()


def promise_key(metric: str, seq: int) -> str:
    return f"{metric}:{seq}"


def target_of(rules: Rules, clock: Clock) -> Target:
    """What the clock is counted by: its policy's target, or the wall where it has a date of its own."""
    if clock.metric in DATE_METRICS:
        return Target(clock.metric, clock.target, WALL)
    return rules.targets[clock.metric]


def clocks_of(state: State) -> Iterator[Clock]:
    yield from state.clocks.values()
    yield from state.promises.values()

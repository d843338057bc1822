"""How long the event log is kept: which of its months may go, and what each of the others is kept for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.core.partitions import Month, partition_name

EVENTS, POSITIONS = "event", "event_position"
KEEP_MONTHS_MIN = 3
"""Positions go a month before their events, and sockets (7 days) and webhook replays (30 days) reach back over them."""
CLOCKS_APART = timedelta(hours=1)
"""More than the clocks that stamp an event and its position ever differ."""


@dataclass(frozen=True, slots=True)
class Partition:
    """One month of the log. `last_position`: of the positions in it, None when there is none."""

    table: str
    month: Month
    last_position: int | None = None
    size_bytes: int = 0

    @property
    def name(self) -> str:
        return partition_name(self.table, self.month)


@dataclass(frozen=True, slots=True)
class Pins:
    """What the log is still needed for. Positions, by consumer."""

    cursors: Mapping[str, int] = field(default_factory=dict)
    parked: Mapping[str, int] = field(default_factory=dict)
    """The first event of each that waits to be released."""
    undispatched_since: datetime | None = None
    """When the oldest event was made that may not have its position yet."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`stays`: why, in words for an operator; None: it may go. `is_due`: its time is over."""

    partition: Partition
    is_due: bool
    stays: str | None


@dataclass(frozen=True, slots=True)
class Case:
    """One month that is judged, and what has been found of those before it."""

    partition: Partition
    pins: Pins
    keep_months: int
    now: datetime
    older_stays: str | None
    """The name of the newest month before it, of the same table, that is kept."""
    oldest_positions: Month | None
    """The oldest month of positions that will be left. None: none will."""

    @property
    def due_at(self) -> datetime:
        months = self.keep_months if self.partition.table == EVENTS else self.keep_months - 1
        return self.partition.month.plus(months + 1).start


def is_young(case: Case) -> str | None:
    return f"kept until {case.due_at:%Y-%m-%d}" if case.now < case.due_at else None


def follows_one_that_stays(case: Case) -> str | None:
    """Positions are dense: the log has a beginning, and no holes."""
    return f"{case.older_stays} goes first" if case.older_stays else None


def is_under_a_cursor(case: Case) -> str | None:
    last = case.partition.last_position
    behind = [] if last is None else [(at, name) for name, at in case.pins.cursors.items() if at < last]
    if not behind:
        return None
    at, name = min(behind)
    return f"consumer {name} stands at position {at}, and it goes up to {last}"


def holds_what_is_parked(case: Case) -> str | None:
    last = case.partition.last_position
    waiting = [] if last is None else [(at, name) for name, at in case.pins.parked.items() if at <= last]
    if not waiting:
        return None
    at, name = min(waiting)
    return f"the event at position {at} is parked for consumer {name}: release it"


def awaits_the_dispatcher(case: Case) -> str | None:
    since = case.pins.undispatched_since
    if since is None or since >= case.partition.month.end + CLOCKS_APART:
        return None
    return f"the dispatcher has yet to pass events of {since:%Y-%m-%d %H:%M} UTC"


def is_pointed_to(case: Case) -> str | None:
    """What was made at the end of a month has its position in the next."""
    oldest = case.oldest_positions
    if case.partition.table != EVENTS or oldest is None or oldest > case.partition.month.plus(1):
        return None
    return f"{partition_name(POSITIONS, oldest)} points to it and goes first"


RULES: tuple[Callable[[Case], str | None], ...] = (
    is_young,
    follows_one_that_stays,
    is_under_a_cursor,
    holds_what_is_parked,
    awaits_the_dispatcher,
    is_pointed_to,
)


def judge(partitions: Sequence[Partition], pins: Pins, *, keep_months: int, now: datetime) -> list[Verdict]:
    """In the order in which they may go: positions before events, the oldest first."""
    verdicts: list[Verdict] = []
    kept_positions: Month | None = None
    for table in (POSITIONS, EVENTS):
        older_stays: str | None = None
        for partition in sorted((each for each in partitions if each.table == table), key=lambda each: each.month):
            case = Case(partition, pins, keep_months, now, older_stays, kept_positions)
            stays = next((reason for rule in RULES if (reason := rule(case))), None)
            verdicts.append(Verdict(partition, now >= case.due_at, stays))
            if stays:
                older_stays = partition.name
                if table == POSITIONS:
                    kept_positions = kept_positions or partition.month
    return verdicts

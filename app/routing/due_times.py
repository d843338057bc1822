"""By when work is to be taken: its queue's target counted in the opening time of the queue's calendar."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from app.routing.facts import virtual_due_at

Counted = Literal["round_the_clock", "opening_hours", "never_opens"]


class OpeningHours(Protocol):
    """A business calendar through all its versions. They are SLA's; app/wiring.py brings the two together."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int:
        """The newest."""

    def add(self, start: datetime, amount: timedelta) -> datetime | None:
        """The earliest instant by which it was open so long since `start`; None: it opens no more."""

    def is_open(self, at: datetime) -> bool: ...


@dataclass(frozen=True, slots=True)
class DueTime:
    """The virtual deadline of a work. `counted`: `opening_hours` where they moved it; `never_opens`, and so they could
    not count."""

    at: datetime
    counted: Counted


def count(ready_at: datetime, target_seconds: float, hours: OpeningHours | None) -> DueTime:
    """`hours`: None, the queue is open round the clock. Any other time of the work, such as its age, is the clock's."""
    clock_at = virtual_due_at(ready_at, target_seconds)
    if hours is None:
        return DueTime(clock_at, "round_the_clock")
    open_at = hours.add(ready_at, timedelta(seconds=target_seconds))
    if open_at is None:
        return DueTime(clock_at, "never_opens")
    return DueTime(open_at, "round_the_clock" if open_at == clock_at else "opening_hours")

"""When a first answer has been promised, as those who tell the customer need it."""

from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from app.sla.business_hours import WorkingTime


@dataclass(frozen=True, slots=True)
class AnswerTime:
    """`due_at` is null when the calendar never opens long enough. `in_same_span`: within the hours it was asked in."""

    started_at: datetime
    due_at: datetime | None
    timezone: str
    in_same_span: bool


def shares_span(hours: WorkingTime, start: datetime, end: datetime) -> bool:
    """Whether it is open at `start` and stays so until `end`."""
    return list(islice(hours.spans(start, end), 2)) == [(start, end)]

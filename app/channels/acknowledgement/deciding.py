"""Whether a customer who wrote is acknowledged: an ordered list of reasons not to."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.channels.acknowledgement.settings import When
from app.sla.answer_times import AnswerTime

STALE_AFTER = timedelta(hours=1)
"""After an outage, a thank-you that comes so late is worse than none."""
ONE_PER_CONTACT_IN = timedelta(hours=1)
"""Two machines that answer one another would go on for ever."""


@dataclass(frozen=True, slots=True)
class Case:
    """One conversation whose first answer is owed."""

    when: When
    answer: AnswerTime
    synthetic: bool
    over: bool
    contact_acknowledged: bool


def why_not(case: Case, now: datetime) -> str | None:
    """The first reason against; None: it is sent."""
    reasons = {
        "synthetic": case.synthetic,
        "over": case.over,
        "switched_off": case.when == "never",
        "stale": now - case.answer.started_at > STALE_AFTER,
        "contact_acknowledged": case.contact_acknowledged,
        "within_hours": case.when == "outside_hours" and case.answer.in_same_span,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)

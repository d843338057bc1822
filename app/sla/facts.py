"""What a conversation tells its clocks: facts with the instant at which they count."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

FactKind = Literal["message", "status", "enqueued", "accepted", "dequeued", "group", "cancelled"]


@dataclass(frozen=True, slots=True)
class Fact:
    """`at` is the effective time, not the time of arrival; facts of one instant count in the order given.

    `value` is the class of a message, the new status, the new group ("" for none), or the reason why work left its
    queue or the clocks were cancelled. `metric` narrows a cancellation to one metric; empty means all.
    """

    at: datetime
    kind: FactKind
    value: str = ""
    metric: str = ""

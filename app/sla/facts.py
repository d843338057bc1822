"""What a conversation tells its clocks: facts with the instant at which they count."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

FactKind = Literal[
    "message", "status", "enqueued", "accepted", "dequeued", "group", "cancelled", "promised", "kept", "merged"
]


@dataclass(frozen=True, slots=True)
class Fact:
    """`at` is the effective time, not the time of arrival; facts of one instant count in the order given.

    `value` is the class of a message, the new status, the new group ("" for none), or the reason why work left its
    queue or the clocks were cancelled. `metric` narrows a cancellation to one metric; empty means all but the promises
    that have their own date.

    Of such a promise, `metric` and `seq` say which: 0 is the next one when it is `promised`, the oldest open one when
    it is `kept` or cancelled. `due_at` is its date, and `since` when it was given, if that was before `at`: in a
    conversation that was merged into this one.

    `merged`: what the conversation that was merged into this one had told until then. It is kept with the fact, so
    that whatever is told there later cannot change what was counted here.
    """

    at: datetime
    kind: FactKind
    value: str = ""
    metric: str = ""
    seq: int = 0
    due_at: datetime | None = None
    since: datetime | None = None
    merged: tuple["Fact", ...] = ()
    by: str = ""
    """Who set a status that pauses clocks: an agent's id, for the audit of pauses. It means nothing to the clocks."""

    @property
    def is_plain(self) -> bool:
        """Told by instant, kind, value and metric alone, as nearly all are."""
        return not (self.seq or self.due_at or self.since or self.merged or self.by)

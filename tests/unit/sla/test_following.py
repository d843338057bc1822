"""A clock's row beside what its timers have told meanwhile."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.sla import clock as clocks
from app.sla.following import Told, row_of
from app.sla.policies import Attributes, Book, PolicyBody, PolicyVersion, rules_of, select

POLICY = PolicyVersion(
    UUID(int=1),
    UUID(int=1),
    "Chat",
    1,
    PolicyBody.model_validate(
        {"position": 1, "targets": [{"metric": "first_reply", "seconds": 60}], "thresholds": [{"percent": 50}]}
    ),
)
BEGAN = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
DUE = BEGAN + timedelta(seconds=60)


def test_a_transaction_older_than_the_timers_neither_corrects_nor_repeats_what_they_told() -> None:
    book = Book([POLICY], {POLICY.id: POLICY})
    selection = select(book, Attributes("chat"))
    rules = rules_of(book, selection)
    clock = clocks.start(rules.targets["first_reply"], 1, BEGAN, paused=False)
    fired = {"50%": BEGAN + timedelta(seconds=30), "breach": DUE}
    row = row_of(book, rules, selection, clock, Told(UUID(int=2), fired, DUE), BEGAN + timedelta(seconds=29))
    assert (row.corrects, row.breached_at, row.reading.state, row.timers) == (None, DUE, "breached", ())

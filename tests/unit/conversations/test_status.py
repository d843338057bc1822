from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from app.conversations.status import CLOSE_AFTER, MAX_SNOOZE, TRANSITIONS, UNRESOLVED, change, due_change
from app.core.errors import Conflict, InvalidInput
from app.events.conversations import Status

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STATUSES: tuple[Status, ...] = get_args(Status)
ALLOWED = {
    "open": {"pending", "on_hold", "snoozed", "resolved"},
    "pending": {"open", "on_hold", "snoozed", "resolved"},
    "on_hold": {"open", "pending", "snoozed", "resolved"},
    "snoozed": {"open", "pending", "on_hold", "snoozed", "resolved"},
    "resolved": {"open", "closed"},
    "closed": set(),
}


@pytest.mark.parametrize("before", STATUSES)
@pytest.mark.parametrize("after", STATUSES)
def test_every_pair_is_allowed_or_refused_as_the_table_says(before: Status, after: Status) -> None:
    until = NOW + timedelta(hours=1) if after == "snoozed" else None
    if after in ALLOWED[before]:
        effect = change(before, after, NOW, resolved_at=NOW, snoozed_until=until)
        assert effect.status == after
        assert effect.reopened == (before == "resolved" and after == "open")
        assert (effect.resolved_at is not None) == (after in ("resolved", "closed"))
        assert (effect.run_at is not None) == (after in ("snoozed", "resolved"))
        assert effect.answered == (after not in UNRESOLVED)
    else:
        with pytest.raises(Conflict) as refused:
            change(before, after, NOW, snoozed_until=until)
        assert refused.value.code == "status_change_not_allowed"


def test_the_table_names_every_status() -> None:
    assert set(TRANSITIONS) == set(STATUSES)


def test_resolved_closes_after_seven_days() -> None:
    effect = change("open", "resolved", NOW, disposition="solved")
    assert (effect.run_at, effect.disposition) == (NOW + CLOSE_AFTER, "solved")


@pytest.mark.parametrize(
    "until", [None, NOW, NOW - timedelta(1), NOW + MAX_SNOOZE + timedelta(1), NOW.replace(tzinfo=None) + timedelta(1)]
)
def test_a_time_to_wake_lies_ahead_and_has_a_zone(until: datetime | None) -> None:
    with pytest.raises(InvalidInput):
        change("open", "snoozed", NOW, snoozed_until=until)


def test_only_a_snoozed_one_has_a_time_to_wake() -> None:
    with pytest.raises(InvalidInput):
        change("open", "pending", NOW, snoozed_until=NOW + timedelta(1))


def test_what_time_does_is_a_way_of_the_table() -> None:
    for status in STATUSES:
        after = due_change(status)
        assert after is None or after in TRANSITIONS[status]

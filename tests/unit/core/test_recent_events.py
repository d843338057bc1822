"""A run of events without gaps, whatever comes to it."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.core import recent_events
from app.core.event_log import StoredEvent
from app.core.recent_events import RecentEvents

AT = datetime(2026, 3, 2, tzinfo=UTC)


def events(first: int, count: int) -> list[StoredEvent]:
    return [
        StoredEvent(position, AT, position, AT, UUID(int=position), UUID(int=1), "test.happened", 1, AT, "", "", "{}")
        for position in range(first, first + count)
    ]


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 8)), max_size=30), st.integers(0, 70), st.integers(1, 20))
def test_what_follows_a_position_is_told_without_a_gap_or_not_at_all(
    pages: list[tuple[int, int]], after: int, limit: int
) -> None:
    recent, newest = RecentEvents(), 0
    for first, count in pages:
        recent.add(events(first, count))
        newest = max(newest, first + count - 1 if count else 0)
    told = [event.position for event in recent.after(after, limit)]
    assert told == list(range(after + 1, after + 1 + len(told)))
    assert len(told) == min(limit, newest - after) or told == []


def test_a_page_that_goes_on_is_added_and_an_older_one_changes_nothing() -> None:
    recent = RecentEvents()
    for first, count in ((5, 3), (8, 2), (1, 4)):
        recent.add(events(first, count))
    assert [event.position for event in recent.after(4, 10)] == [5, 6, 7, 8, 9]
    assert recent.after(3, 10) == recent.after(9, 10) == []


def test_after_a_gap_the_run_begins_anew() -> None:
    recent = RecentEvents()
    recent.add(events(1, 3))
    recent.add(events(5, 1))
    assert recent.after(0, 10) == recent.after(3, 10) == []
    assert [event.position for event in recent.after(4, 10)] == [5]


def test_the_oldest_leave(monkeypatch) -> None:
    monkeypatch.setattr(recent_events, "EVENTS_KEPT", 4)
    recent = RecentEvents()
    recent.add(events(1, 6))
    assert recent.after(1, 10) == []
    assert [event.position for event in recent.after(2, 3)] == [3, 4, 5]

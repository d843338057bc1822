"""Which months of the event log may go: the rules one by one, and what holds whatever the log looks like."""

from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.partitions import Month, month_named, month_of, partition_name
from app.core.retention import EVENTS, POSITIONS, Partition, Pins, Verdict, judge

NOW = datetime(2026, 11, 22, tzinfo=UTC)
KEEP = 3
FIRST = Month(2026, 5)
A_MONTH = 100
"""Positions in each of the months below."""


def a_log(months: int = 10) -> list[Partition]:
    """Months from May on, a hundred positions each, in both tables."""
    positions = [Partition(POSITIONS, FIRST.plus(n), (n + 1) * A_MONTH) for n in range(months)]
    return [*positions, *(Partition(EVENTS, FIRST.plus(n)) for n in range(months))]


def judged(pins: Pins | None = None, now: datetime = NOW, keep: int = KEEP) -> dict[str, Verdict]:
    verdicts = judge(a_log(), pins or Pins(cursors={"routing": 10_000}), keep_months=keep, now=now)
    return {each.partition.name: each for each in verdicts}


def gone(verdicts: dict[str, Verdict]) -> list[str]:
    return [name for name, each in verdicts.items() if each.stays is None]


def test_positions_go_a_month_before_their_events_and_the_oldest_first() -> None:
    assert gone(judged()) == [
        "event_position_2026_05", "event_position_2026_06", "event_position_2026_07", "event_position_2026_08",
        "event_2026_05", "event_2026_06", "event_2026_07",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("now", "goes"),
    [
        (datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC), False),
        (datetime(2026, 11, 1, tzinfo=UTC), True),
        (datetime.fromisoformat("2026-10-31T20:00:00-05:00"), True),
        (datetime.fromisoformat("2026-11-01T07:00:00+08:00"), False),
    ],
)
def test_a_month_ends_at_midnight_utc_wherever_the_clock_stands(now: datetime, goes: bool) -> None:
    assert ("event_2026_07" in gone(judged(now=now))) is goes


def test_a_consumer_holds_the_month_it_stands_in_and_all_that_follow() -> None:
    verdicts = judged(Pins(cursors={"routing": 10_000, "sla": 150}))
    assert gone(verdicts) == ["event_position_2026_05"]
    held = verdicts["event_position_2026_06"]
    assert held.is_due
    assert held.stays == "consumer sla stands at position 150, and it goes up to 200"
    assert verdicts["event_position_2026_07"].stays == "event_position_2026_06 goes first"


def test_a_consumer_that_has_passed_the_last_position_of_a_month_holds_nothing() -> None:
    assert "event_position_2026_06" in gone(judged(Pins(cursors={"sla": 200})))
    assert "event_position_2026_06" not in gone(judged(Pins(cursors={"sla": 199})))


def test_a_parked_event_holds_its_month() -> None:
    verdicts = judged(Pins(cursors={"sla": 10_000}, parked={"sla": 200}))
    assert gone(verdicts) == ["event_position_2026_05"]
    assert (
        verdicts["event_position_2026_06"].stays == "the event at position 200 is parked for consumer sla: release it"
    )


def test_events_that_may_have_no_position_yet_hold_their_month_and_the_hour_after_it() -> None:
    month_end = datetime(2026, 7, 1, tzinfo=UTC)
    waiting = judged(Pins(undispatched_since=month_end + timedelta(minutes=59)))
    assert gone(waiting) == ["event_position_2026_05"]
    assert "dispatcher" in str(waiting["event_position_2026_06"].stays)
    assert "event_position_2026_06" in gone(judged(Pins(undispatched_since=month_end + timedelta(hours=1))))


def test_a_month_of_events_stays_while_positions_may_point_to_it() -> None:
    verdicts = judged(Pins(cursors={"sla": 150}))
    assert verdicts["event_2026_05"].stays == "event_position_2026_06 points to it and goes first"


@given(
    cursors=st.dictionaries(st.sampled_from(["a", "b", "c"]), st.integers(0, 1_100)),
    parked=st.dictionaries(st.sampled_from(["a", "b"]), st.integers(1, 1_000)),
    days=st.integers(-400, 800),
    keep=st.integers(3, 20),
)
def test_what_goes_is_old_needed_by_nobody_and_leaves_no_hole(
    cursors: dict[str, int], parked: dict[str, int], days: int, keep: int
) -> None:
    now = NOW + timedelta(days=days)
    verdicts = judged(Pins(cursors=cursors, parked=parked), now, keep)
    dropped = [verdicts[name].partition for name in gone(verdicts)]
    kept = [each.partition for each in verdicts.values() if each.stays]
    for table in (POSITIONS, EVENTS):
        first_kept = min((each.month for each in kept if each.table == table), default=Month(9999, 1))
        assert all(each.month < first_kept for each in dropped if each.table == table)
    last = max((each.last_position or 0 for each in dropped), default=0)
    assert all(at >= last for at in cursors.values())
    assert all(at > last for at in parked.values())
    oldest_positions = min((each.month for each in kept if each.table == POSITIONS), default=Month(9999, 1))
    assert all(each.month.plus(1) < oldest_positions for each in dropped if each.table == EVENTS)
    assert all(each.month.plus(keep) <= month_of(now) for each in dropped)


@given(st.integers(-30_000_000_000, 200_000_000_000), st.timezones())
def test_every_instant_lies_in_its_month_whatever_its_zone(seconds: int, zone: tzinfo) -> None:
    at = datetime.fromtimestamp(seconds, UTC).astimezone(zone)
    month = month_of(at)
    assert month.start <= at < month.end
    assert month.end == month.plus(1).start
    assert month_named("event", partition_name("event", month)) == month


@pytest.mark.parametrize("name", ["event_default", "event_2026_13", "event_position_2026_01", "event_2026_01_old"])
def test_partitions_that_others_made_are_none_of_ours(name: str) -> None:
    assert month_named("event", name) is None

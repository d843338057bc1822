"""The sentences of the specification about metrics and statuses that no other test is named after."""

from datetime import timedelta

import pytest

from app.sla import conversation_clocks
from app.sla.business_hours import BusinessHours
from app.sla.calendars import around_the_clock
from app.sla.clock import Reading
from app.sla.facts import Fact
from tests.unit.sla.calendars_at_hand import NOVEMBER, rules

ALWAYS = BusinessHours(around_the_clock())
STATUSES = ("open", "pending", "on_hold", "snoozed", "resolved", "closed")
PAUSES = {
    "requester_wait": {"pending"},
    "agent_work": {"pending", "on_hold", "snoozed"},
    "pausable_update": {"pending"},
}
STOPS_WHEN_RESOLVED = {
    *("periodic_update", "pausable_update", "requester_wait", "agent_work"),
    *("first_resolution", "total_resolution", "group_ownership"),
}
EVERYTHING_RUNS = (
    (0, "status", "open"),
    (0, "group", "one"),
    (0, "message", "customer"),
    (1, "message", "agent_public"),
    (2, "message", "customer"),
    (3, "enqueued", ""),
)


def read(now: int, *story: tuple[int, str, str]) -> dict[tuple[str, int], Reading]:
    facts = [Fact(NOVEMBER + timedelta(seconds=at), kind, value) for at, kind, value in story]
    rules_ = rules(ALWAYS, 3_600, reopen_grace=timedelta(0))
    _, changes = conversation_clocks.recompute(rules_, facts)
    at = NOVEMBER + timedelta(seconds=now)
    found = conversation_clocks.read(rules_, [clock for clock in changes.values() if clock], at)
    return {(reading.metric, reading.seq): reading for reading in found}


@pytest.mark.parametrize("status", STATUSES)
def test_each_status_pauses_and_stops_the_metrics_it_should_and_no_others(status: str) -> None:
    before = {key for key, reading in read(4, *EVERYTHING_RUNS).items() if reading.state == "running"}
    assert {metric for metric, _ in before} == {
        *("queue_wait", "next_reply", "periodic_update", "pausable_update", "requester_wait"),
        *("agent_work", "first_resolution", "total_resolution", "group_ownership"),
    }
    after = read(20, *EVERYTHING_RUNS, (10, "status", status))
    for key in before:
        stops = status == "resolved" and key[0] in STOPS_WHEN_RESOLVED
        expected = "met" if stops else "paused" if status in PAUSES.get(key[0], ()) else "running"
        assert after[key].state == expected, key


@pytest.mark.parametrize("status", ["pending", "on_hold", "snoozed", "resolved"])
def test_a_customer_message_in_a_waiting_or_resolved_status_makes_it_open_at_its_time(status: str) -> None:
    found = read(100, *EVERYTHING_RUNS, (10, "status", status), (60, "message", "customer"))
    assert found["agent_work", 1].state == "running"
    assert found["agent_work", 1].elapsed == timedelta(seconds=10 + 40)


def test_a_customer_message_in_a_closed_conversation_leaves_it_closed() -> None:
    story = ((0, "message", "customer"), (10, "status", "resolved"), (20, "status", "closed"))
    found = read(100, *story, (60, "message", "customer"))
    assert found["total_resolution", 1].stopped_at == NOVEMBER + timedelta(seconds=10)


@pytest.mark.parametrize("before", STATUSES)
@pytest.mark.parametrize("after", STATUSES)
def test_the_engine_refuses_no_change_of_status(before: str, after: str) -> None:
    assert read(30, (0, "message", "customer"), (10, "status", before), (20, "status", after))


def test_first_reply_survives_transfer_and_reopen_and_never_runs_again() -> None:
    story = (
        *((0, "message", "customer"), (5, "group", "one"), (10, "group", "two"), (20, "status", "resolved")),
        *((30, "status", "open"), (40, "message", "agent_public"), (50, "message", "customer")),
    )
    found = read(60, *story)
    assert found["first_reply", 1].elapsed == timedelta(seconds=40)
    assert ("first_reply", 2) not in found


def test_a_clock_that_has_not_started_is_not_listed() -> None:
    assert {metric for metric, _ in read(9, (0, "message", "agent_internal"))} == {
        *("requester_wait", "agent_work", "first_resolution", "total_resolution"),
    }


def test_created_is_the_first_event_of_the_conversation_whatever_it_is() -> None:
    found = read(9, (3, "message", "customer"), (1, "message", "system"))
    assert found["total_resolution", 1].started_at == NOVEMBER + timedelta(seconds=1)
    assert found["first_reply", 1].started_at == NOVEMBER + timedelta(seconds=3)


def test_each_update_owed_is_a_clock_of_its_own_that_the_next_one_or_the_resolution_ends() -> None:
    story = ((0, "message", "agent_public"), (10, "message", "agent_public"), (30, "status", "resolved"))
    found = read(60, *story)
    lengths = [found["periodic_update", seq].elapsed.total_seconds() for seq in (1, 2)]
    assert lengths == [10, 20]
    assert ("periodic_update", 3) not in found

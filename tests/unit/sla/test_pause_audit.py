from datetime import timedelta

import pytest

from app.sla.facts import Fact
from app.sla.pause_audit import unanswered_pauses
from tests.unit.sla.calendars_at_hand import NOVEMBER

ASKED = (0, "message", "customer")
ANSWERED = (5, "message", "agent_public")


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        ([ASKED, (10, "status", "pending")], [(10, None, "pending")]),
        ([ASKED, (10, "status", "pending"), (40, "status", "open")], [(10, 40, "pending")]),
        ([ASKED, (10, "status", "pending"), (40, "message", "agent_public")], [(10, 40, "pending")]),
        ([ASKED, (10, "status", "pending"), (40, "message", "customer")], [(10, 40, "pending")]),
        ([ASKED, (10, "status", "pending"), (40, "message", "auto_ack")], [(10, None, "pending")]),
        ([ASKED, (10, "status", "pending"), (40, "status", "on_hold")], [(10, 40, "pending"), (40, None, "on_hold")]),
        ([ASKED, (10, "status", "snoozed"), (40, "status", "resolved")], [(10, 40, "snoozed")]),
        ([ASKED, ANSWERED, (10, "status", "pending")], []),
        ([ASKED, ANSWERED, (10, "status", "pending"), (20, "message", "customer")], []),
        ([(0, "status", "pending"), (10, "message", "customer")], []),
        ([ASKED, (10, "status", "pending"), (10, "status", "open")], []),
    ],
)
def test_only_a_pause_that_began_unanswered_counts(
    story: list[tuple[int, str, str]], expected: list[tuple[int, int | None, str]]
) -> None:
    facts = [Fact(NOVEMBER + timedelta(seconds=at), kind, value) for at, kind, value in story]
    seconds = [
        (
            int((pause.start_at - NOVEMBER).total_seconds()),
            None if pause.end_at is None else int((pause.end_at - NOVEMBER).total_seconds()),
            pause.status,
        )
        for pause in unanswered_pauses(facts)
    ]
    assert seconds == expected


def test_a_pause_names_who_set_it_and_the_team_of_that_time() -> None:
    facts = [
        Fact(NOVEMBER, "group", "leads"),
        Fact(NOVEMBER, "message", "customer"),
        Fact(NOVEMBER, "status", "pending", by="mei"),
        Fact(NOVEMBER + timedelta(seconds=9), "group", "experts"),
    ]
    [pause] = unanswered_pauses(facts)
    assert (pause.by, pause.team) == ("mei", "leads")
    assert pause.lasted(NOVEMBER + timedelta(seconds=30)) == timedelta(seconds=30)

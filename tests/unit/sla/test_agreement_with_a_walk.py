"""The engine and a minute-by-minute walk say the same, to the second, about random cases around clock changes."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.sla import case_file
from app.sla.business_hours import BusinessHours
from tests.unit.sla import walk as oracle
from tests.unit.sla.walk import DAYS, Walk

WINDOW_DAYS = 24
CALENDARS = 6
CASES_PER_CALENDAR = 50
METRICS = (
    *("first_reply", "next_reply", "periodic_update", "pausable_update"),
    *("requester_wait", "agent_work", "first_resolution", "total_resolution"),
)
CLASSES = (
    "customer",
    "customer",
    "agent_public",
    "agent_public",
    "agent_internal",
    "bot",
    "auto_ack",
    "system",
    "survey",
)
STATUSES = ("open", "pending", "pending", "on_hold", "snoozed", "resolved", "resolved", "closed")
WINDOWS = {
    "Asia/Shanghai": datetime(2028, 2, 25, tzinfo=UTC),  # a leap day, and no change of the clock
    "America/New_York": datetime(2026, 10, 28, tzinfo=UTC),  # 2026-11-01, an hour repeated
    "Europe/Berlin": datetime(2026, 3, 26, tzinfo=UTC),  # 2026-03-29, an hour skipped
    "Australia/Lord_Howe": datetime(2026, 4, 2, tzinfo=UTC),  # 2026-04-05, half an hour repeated
    "Africa/Cairo": datetime(2026, 4, 21, tzinfo=UTC),  # 2026-04-24, the first hour of the day skipped
    "America/Havana": datetime(2026, 10, 28, tzinfo=UTC),  # 2026-11-01, the first hour of the day repeated
    "America/Santiago": datetime(2026, 4, 1, tzinfo=UTC),  # 2026-04-04, the last hour of the day repeated
    "Pacific/Apia": datetime(2011, 12, 27, tzinfo=UTC),  # 2011-12-30 never was
}


def random_spans(chance: random.Random) -> list[str]:
    count = chance.choice((0, 1, 1, 2, 2, 3))
    grid = 1 if chance.random() < 0.3 else 30
    cuts = sorted(chance.sample(range(0, 1441, grid), 2 * count))
    spans = [f"{_clock(a)}-{_clock(b)}" for a, b in zip(cuts[::2], cuts[1::2], strict=True)]
    if spans and chance.random() < 0.4 and cuts[-2] > 0:
        spans[-1] = f"{_clock(cuts[-2])}-{_clock(chance.randrange(0, cuts[-2]))}"
    return spans if chance.random() < 0.9 else ["00:00-24:00"]


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def random_calendar(chance: random.Random, zone: str) -> dict[str, Any]:
    days = [(WINDOWS[zone] + timedelta(days=number)).date().isoformat() for number in range(WINDOW_DAYS)]
    weekly = {day: random_spans(chance) for day in DAYS}
    if not any(weekly.values()):
        weekly["wed"] = ["09:00-17:00"]
    return {
        "timezone": zone,
        "weekly": weekly,
        "closed": chance.sample(days, 2),
        "open": {day: random_spans(chance) for day in chance.sample(days, 2)},
    }


def random_event(chance: random.Random, at: str) -> dict[str, Any]:
    if chance.random() < 0.55:
        return {"at": at, "type": "message", "class": chance.choice(CLASSES)}
    return {"at": at, "type": "status", "to": chance.choice(STATUSES)}


def random_case(chance: random.Random, walk: Walk) -> dict[str, Any]:
    seconds = [chance.randrange(86_400, 86_400 * 8)]
    for _ in range(chance.randrange(12)):
        after = chance.choice((0, 1, 60, 300, 600, 601, 3_600, 7_200, 30_000, 90_000))
        seconds.append(seconds[-1] + chance.randrange(after + 1) if chance.random() < 0.5 else seconds[-1] + after)
    case = {
        "calendar": walk.calendar,
        "targets": [
            {"metric": metric, "seconds": chance.choice((1, 60, 1_800, 3_600, 14_400, 14_401, 50_000))}
            for metric in METRICS
        ],
        "events": [random_event(chance, walk.text(second) or "") for second in seconds],
        "now": walk.text(seconds[-1] + chance.choice((0, 0, 1, 3_600, 40_000, 200_000))),
        "reopen_grace_seconds": chance.choice((0, 0, 600)),
    }
    return with_an_event_when_due(chance, walk, case) if chance.random() < 0.5 else case


def with_an_event_when_due(chance: random.Random, walk: Walk, case: dict[str, Any]) -> dict[str, Any]:
    """Something happens at the very instant, or a second beside it, at which a target is used up."""
    due = [clock["due_at"] for clock in oracle.clocks(walk, case) if clock["due_at"]]
    if due:
        at = datetime.fromisoformat(chance.choice(due)) + timedelta(seconds=chance.choice((-1, 0, 0, 0, 1)))
        case["events"].insert(chance.randrange(len(case["events"]) + 1), random_event(chance, at.isoformat()))
    return case


@pytest.mark.parametrize("zone", WINDOWS)
@pytest.mark.parametrize("seed", range(CALENDARS))
def test_engine_and_walk_agree_on_every_field(zone: str, seed: int) -> None:
    chance = random.Random(f"{zone} {seed}")
    walk = Walk(random_calendar(chance, zone), WINDOWS[zone], WINDOW_DAYS)
    cases = [random_case(chance, walk) for _ in range(CASES_PER_CALENDAR)]
    file = case_file.parse(json.dumps({"cases": cases}).encode())
    hours = BusinessHours(file.cases[0].calendar.as_calendar())
    for case, parsed in zip(cases, file.cases, strict=True):
        said = case_file.answer(parsed, hours)["clocks"]
        for clock, expected in zip(said, oracle.clocks(walk, case), strict=True):
            if expected["due_at"] is None and clock["due_at"] is not None:
                assert walk.second(clock["due_at"]) > WINDOW_DAYS * 86_400  # the walk's window ended before
                expected["due_at"] = clock["due_at"]
            assert clock == expected, json.dumps(case)

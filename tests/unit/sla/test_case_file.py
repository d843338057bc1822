import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from app.sla import case_file
from app.sla.business_hours import BusinessHours
from app.sla.case_file import WrongFileError

DOCUMENTATION = Path(__file__).parents[3] / "docs" / "sla.md"
OFFICE = ["08:30-12:00", "13:30-17:30"]
CASE: dict[str, Any] = {
    "calendar": {
        "timezone": "Asia/Shanghai",
        "weekly": {**dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), OFFICE), "sat": [], "sun": []},
        "closed": ["2026-10-01"],
        "open": {"2026-10-10": ["10:00-15:00"]},
    },
    "targets": [{"metric": "first_reply", "seconds": 3600}, {"metric": "requester_wait", "seconds": 7200}],
    "events": [
        {"at": "2026-10-09T09:00:00+00:00", "type": "message", "class": "customer"},
        {"at": "2026-10-10T02:30:00+00:00", "type": "status", "to": "pending"},
    ],
    "now": "2026-10-10T04:00:00+00:00",
    "reopen_grace_seconds": 0,
}


def changed(path: str, value: Any) -> bytes:
    """The file with one case, in which the field at "calendar.weekly.mon" has another value."""
    case = deepcopy(CASE)
    *steps, last = path.split(".")
    part: Any = case
    for step in steps:
        part = part[int(step)] if isinstance(part, list) else part[step]
    part[int(last) if isinstance(part, list) else last] = value
    return json.dumps({"cases": [case]}).encode()


def answer(text: bytes) -> list[dict[str, Any]]:
    (case,) = case_file.parse(text).cases
    clocks: list[dict[str, Any]] = case_file.answer(case, BusinessHours(case.calendar.as_calendar()))["clocks"]
    return clocks


def test_the_answer_has_the_fields_of_the_format() -> None:
    assert answer(changed("reopen_grace_seconds", 0)) == [
        {
            "metric": "first_reply",
            "seq": 1,
            "state": "breached",
            "started_at": "2026-10-09T09:00:00+00:00",
            "due_at": "2026-10-10T02:30:00+00:00",
            "elapsed_seconds": 9000,
            "stopped_at": None,
            "breached_at": "2026-10-10T02:30:00+00:00",
        },
        {
            "metric": "requester_wait",
            "seq": 1,
            "state": "paused",
            "started_at": "2026-10-09T09:00:00+00:00",
            "due_at": None,
            "elapsed_seconds": 3600,
            "stopped_at": None,
            "breached_at": None,
        },
    ]


def test_events_after_now_have_not_happened_yet() -> None:
    assert answer(changed("now", "2026-10-09T08:59:59+00:00")) == []
    assert answer(changed("now", "2026-10-09T17:10:00+08:00"))[0]["elapsed_seconds"] == 600


def test_every_event_of_the_format_is_read() -> None:
    kinds = [
        {"type": "enqueued"},
        {"type": "accepted"},
        {"type": "dequeued", "reason": "left"},
        {"type": "group", "to": "billing"},
        {"type": "group", "to": None},
        {"type": "cancelled", "reason": "merged", "metric": "first_reply"},
    ]
    events = [{"at": "2026-10-09T09:00:00Z", **kind} for kind in kinds]
    assert [clock["metric"] for clock in answer(changed("events", events))] == ["requester_wait"]


def test_promises_with_their_own_date_come_after_the_targets() -> None:
    events = [
        {"at": "2026-10-09T09:00:00Z", "type": "promised", "metric": "followup_due", "due": "2026-10-09T09:10:00Z"},
        {"at": "2026-10-09T09:01:00Z", "type": "promised", "metric": "followup_due", "due": "2026-10-09T09:03:00Z"},
        {"at": "2026-10-09T09:02:00Z", "type": "kept", "metric": "followup_due", "seq": 2},
        {"at": "2026-10-09T09:02:00Z", "type": "cancelled", "metric": "followup_due", "reason": "withdrawn"},
    ]
    found = [(clock["metric"], clock["seq"], clock["state"]) for clock in answer(changed("events", events))]
    assert found == [
        ("requester_wait", 1, "breached"),
        ("followup_due", 1, "cancelled"),
        ("followup_due", 2, "met"),
    ]


def test_fractions_of_a_second_are_kept() -> None:
    assert answer(changed("now", "2026-10-09T09:00:00.250000Z"))[0]["elapsed_seconds"] == 0.25


@pytest.mark.parametrize(
    ("path", "value", "named", "allowed"),
    [
        (
            "events",
            [
                {
                    "at": "2026-10-09T09:00:00Z",
                    "type": "promised",
                    "metric": "followup_due",
                    "due": "2026-10-09T09:00:00Z",
                }
            ],
            "cases[0].events[0].due",
            "after at",
        ),
        ("calendar.timezone", "Mars/Olympus", "cases[0].calendar.timezone", "IANA"),
        ("calendar.timezone", "localtime", "cases[0].calendar.timezone", "IANA"),
        ("calendar.timezone", "right/Europe/Berlin", "cases[0].calendar.timezone", "IANA"),
        ("calendar.timezone", "Z" * 65, "cases[0].calendar.timezone", "IANA"),
        ("calendar.weekly.mon", ["09:00-12:00", "11:00-13:00"], "cases[0].calendar.weekly.mon", "overlap"),
        ("calendar.weekly.mon", ["9-5"], "cases[0].calendar.weekly.mon[0]", "08:30-12:00"),
        ("calendar.weekly.mon", [7], "cases[0].calendar.weekly.mon[0]", "08:30-12:00"),
        ("calendar.weekly.mon", "09:00-12:00", "cases[0].calendar.weekly.mon", "array"),
        (
            "calendar.open",
            {"2026-10-10": ["10:00-09:00", "08:00-12:00"]},
            "cases[0].calendar.open.2026-10-10",
            "overlap",
        ),
        ("calendar.open", {"2026-13-10": []}, "cases[0].calendar.open.2026-13-10", "date"),
        ("calendar.closed", ["tomorrow"], "cases[0].calendar.closed[0]", "date"),
        ("calendar.country", "XX", "cases[0].calendar.country", "ISO 3166"),
        ("calendar.region", "BY", "cases[0].calendar.region", "no country"),
        ("calendar", {"timezone": "UTC", "weekly": {"mon": []}}, "cases[0].calendar.weekly", "no open time"),
        ("targets.0.seconds", 0, "cases[0].targets[0].seconds", "greater than 0"),
        ("targets.0.seconds", -1, "cases[0].targets[0].seconds", "greater than 0"),
        ("targets.0.seconds", 10**12, "cases[0].targets[0].seconds", "less than"),
        ("targets.0.metric", "patience", "cases[0].targets[0].metric", "first_reply"),
        ("targets.1.metric", "first_reply", "cases[0].targets[1].metric", "once"),
        ("events.0.class", "visitor", "cases[0].events[0].class", "agent_public"),
        ("events.1.to", "sleeping", "cases[0].events[1].to", "snoozed"),
        ("events.1.type", "nap", "cases[0].events[1]", "status"),
        ("events.0.at", "2026-10-09T10:00:00", "cases[0].events[0].at", "timezone"),
        ("events.0.at", 1_790_000_000, "cases[0].events[0].at", "datetime"),
        ("now", "0001-01-01T00:00:00+00:00", "cases[0].now", "1970"),
        ("reopen_grace_seconds", -1, "cases[0].reopen_grace_seconds", "greater"),
    ],
)
def test_a_wrong_field_is_named_with_what_is_allowed(path: str, value: Any, named: str, allowed: str) -> None:
    with pytest.raises(WrongFileError) as caught:
        case_file.parse(changed(path, value))
    ((field, sentence),) = caught.value.problems
    assert field == named
    assert allowed in sentence


@pytest.mark.parametrize(
    ("text", "named"), [(b"{", "the file"), (b"[]", "the file"), (b"{}", "cases"), (b'{"cases": [{}]}', "cases[0].now")]
)
def test_a_file_of_another_shape_is_refused(text: bytes, named: str) -> None:
    with pytest.raises(WrongFileError) as caught:
        case_file.parse(text)
    assert named in [field for field, _ in caught.value.problems]


def test_a_byte_order_mark_is_no_mistake() -> None:
    text = changed("reopen_grace_seconds", 0)
    assert answer(b"\xef\xbb\xbf" + text) == answer(text)


def test_a_calendar_that_opens_on_own_dates_only_is_allowed() -> None:
    calendar = {"timezone": "UTC", "weekly": {}, "open": {"2026-10-09": ["00:00-24:00"]}}
    clock = answer(changed("calendar", calendar))[0]
    assert (clock["state"], clock["due_at"]) == ("breached", "2026-10-09T10:00:00+00:00")


def test_a_field_nobody_knows_is_named() -> None:
    file = case_file.parse(changed("calendar.zone", "UTC"))
    assert list(case_file.unknown_fields(file)) == ["cases[0].calendar.zone"]
    assert list(case_file.unknown_fields(case_file.parse(changed("events.0.note", "x")))) == ["cases[0].events[0].note"]


def test_the_example_of_the_documentation_gives_the_answer_printed_there() -> None:
    _, example, printed, *_ = DOCUMENTATION.read_text().split("```json\n")
    (expected,) = json.loads(printed.split("```")[0])["cases"]
    assert answer(example.split("```")[0].encode()) == expected["clocks"]

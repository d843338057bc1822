"""What a clock says when its timers are due, whom it names, and when a ladder falls silent."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from app.events.sla import SlaBreached, SlaEscalated, SlaWarned
from app.sla import clock as clocks
from app.sla.acceptance import Acceptance, Asked, accept
from app.sla.actions import CreateTask, Step
from app.sla.calendar_spec import working_time
from app.sla.clock import Clock, Target
from app.sla.policies import PolicyBody
from app.sla.receivers import Receivers, Scene, asked_by, assignee_of, receivers_of, teams_to_look_up
from app.sla.telling import Ringing, ring
from app.sla.timers import Timer, accepted, timers_of

OWNER, LEAD, EXPERT, TEAM, OTHER_TEAM, QUEUE = (UUID(int=number) for number in range(1, 7))
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SCENE = Scene(OWNER, TEAM, {TEAM: (LEAD,)})
TARGET = {"metric": "first_reply", "seconds": 100}


def body(*actions: dict[str, Any], **more: Any) -> PolicyBody:
    thresholds = [{"percent": 50, "actions": list(actions)}, {"breach": True, "actions": list(actions)}]
    return PolicyBody.model_validate({"position": 1, "targets": [TARGET], "thresholds": thresholds, **more})


def ringing(policy: PolicyBody, *timers: Timer) -> Ringing:
    return Ringing(
        id=UUID(int=100),
        conversation_id=UUID(int=101),
        metric="first_reply",
        seq=1,
        state="running",
        due_at=NOW,
        breached_at=None,
        detected_at=None,
        stopped_at=None,
        timers=timers,
        fired={},
        body=policy,
    )


WARNING, BREACH = Timer(NOW - timedelta(seconds=50), "warning", "50%"), Timer(NOW, "breach", "breach")


def test_the_event_says_of_each_action_what_it_needs() -> None:
    actions = (
        {"do": "notify", "to": "lead"},
        {"do": "reassign", "agent_id": str(EXPERT)},
        {"do": "open_ring", "ring": 2},
        {"do": "webhook", "endpoint": "crm"},
        {"do": "create_task", "title": "call_back"},
    )
    rung = ring(ringing(body(*actions), WARNING, BREACH), NOW)
    assert [type(saying.event) for saying in rung.sayings] == [SlaWarned, SlaBreached]
    for event in (saying.event for saying in rung.sayings):
        assert event.actions == ("notify_lead", "reassign", "open_ring", "webhook", "create_task")
        assert (event.reassign_agent_id, event.reassign_queue_id) == (EXPERT, None)
        assert (event.ring, event.endpoints) == (2, ("crm",))
    assert [len(saying.actions) for saying in rung.sayings] == [5, 5]
    assert (rung.clock.timers, rung.clock.state, rung.clock.breached_at) == ((), "breached", NOW)


def test_a_step_is_told_with_whom_it_names() -> None:
    policy = body(ladders={"functional": [{"after_seconds": 0, "team_id": str(TEAM)}]})
    [saying] = ring(ringing(policy, Timer(NOW, "escalation", "functional:1")), NOW).sayings
    event = saying.event
    assert isinstance(event, SlaEscalated)
    assert (event.ladder, event.step, event.to_team_id, event.to_agent_id) == ("functional", 1, TEAM, None)


@pytest.mark.parametrize(
    ("action", "scene", "expected"),
    [
        ({"to": "owner"}, SCENE, Receivers((OWNER,))),
        ({"to": "owner"}, Scene(None, TEAM), Receivers()),
        ({"to": "lead"}, SCENE, Receivers((LEAD,))),
        ({"to": "lead"}, Scene(OWNER, TEAM), Receivers((), (TEAM,))),
        ({"to": "lead", "team_id": str(OTHER_TEAM)}, SCENE, Receivers((), (OTHER_TEAM,))),
        ({"to": "lead"}, Scene(OWNER), Receivers()),
        ({"to": "team"}, SCENE, Receivers((), (TEAM,))),
        ({"to": "team", "team_id": str(OTHER_TEAM)}, SCENE, Receivers((), (OTHER_TEAM,))),
    ],
)
def test_a_notice_names(action: dict[str, Any], scene: Scene, expected: Receivers) -> None:
    [saying] = ring(ringing(body({"do": "notify", **action}), WARNING), NOW).sayings
    assert receivers_of(saying, scene) == expected
    assert set(teams_to_look_up(saying, scene.team_id)) <= {TEAM, OTHER_TEAM}


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ({"agent_id": EXPERT}, Receivers((EXPERT,))),
        ({"team_id": OTHER_TEAM}, Receivers((), (OTHER_TEAM,))),
        ({"lead": True}, Receivers((LEAD,))),
        ({"lead": True, "team_id": OTHER_TEAM}, Receivers((), (OTHER_TEAM,))),
    ],
)
def test_a_step_asks(step: dict[str, Any], expected: Receivers) -> None:
    assert asked_by(Step(after_seconds=0, **step), SCENE) == expected


@pytest.mark.parametrize(
    ("task", "scene", "expected"),
    [
        ({}, SCENE, (OWNER, None)),
        ({}, Scene(None, TEAM), (None, TEAM)),
        ({}, Scene(), (None, None)),
        ({"team_id": OTHER_TEAM}, SCENE, (None, OTHER_TEAM)),
        ({"agent_id": EXPERT}, SCENE, (EXPERT, None)),
    ],
)
def test_a_task_is_for(task: dict[str, Any], scene: Scene, expected: tuple[UUID | None, UUID | None]) -> None:
    assert assignee_of(CreateTask(do="create_task", title="call_back", **task), scene) == expected


A, B = UUID(int=201), UUID(int=202)


@pytest.mark.parametrize(
    ("ladder", "goes_on", "expected"),
    [
        ([Asked(A, None, False)], True, Acceptance()),
        ([Asked(A, None, False), Asked(B, None, False)], True, Acceptance(ends=(B,))),
        ([Asked(A, None, False), Asked(B, None, True)], True, Acceptance()),
        ([Asked(A, OWNER, False)], True, Acceptance(is_repeat=True)),
        ([Asked(A, OWNER, True)], False, Acceptance(is_repeat=True)),
        ([Asked(A, LEAD, False)], True, Acceptance(refused="escalation_accepted")),
        ([Asked(A, None, True), Asked(B, LEAD, False)], True, Acceptance(refused="escalation_accepted")),
        ([Asked(A, None, True)], True, Acceptance(refused="escalation_ended")),
        ([Asked(A, None, False)], False, Acceptance(refused="escalation_ended")),
        ([Asked(A, None, False), Asked(B, LEAD, True)], True, Acceptance()),
    ],
)
def test_one_acceptance_takes_the_whole_ladder(ladder: list[Asked], goes_on: bool, expected: Acceptance) -> None:
    assert accept(ladder, A, OWNER, clock_goes_on=goes_on) == expected


def ladder_timers(fired: dict[str, datetime], *, breached_at: datetime = NOW) -> list[str]:
    policy = body(
        ladders={
            "functional": [{"after_seconds": s, "agent_id": str(UUID(int=s + 1))} for s in (0, 60)],
            "hierarchical": [{"after_seconds": 30, "lead": True}],
        }
    )
    target = Target("first_reply", timedelta(seconds=100), working_time(()), None)
    clock = Clock(
        "first_reply",
        1,
        timedelta(seconds=100),
        started_at=breached_at - timedelta(seconds=100),
        counted_at=breached_at - timedelta(seconds=100),
    )
    found = timers_of(target, clock, policy, fired, breached_at - timedelta(seconds=1))
    return [timer.name for timer in found if timer.kind == "escalation"]


def test_an_accepted_ladder_is_silent_and_the_other_goes_on() -> None:
    assert ladder_timers({}) == ["functional:1", "hierarchical:1", "functional:2"]
    assert ladder_timers({accepted("functional"): NOW}) == ["hierarchical:1"]


def test_a_breach_that_comes_after_the_acceptance_is_asked_about_anew() -> None:
    told = {accepted("functional"): NOW - timedelta(hours=1), "functional:1": NOW - timedelta(hours=2)}
    assert ladder_timers(told) == ["functional:1", "hierarchical:1", "functional:2"]


WARNS = PolicyBody.model_validate(
    {"position": 1, "targets": [TARGET], "thresholds": [{"percent": 50}, {"percent": 90}, {"rest_seconds": 100}]}
)


def warnings(fired: dict[str, datetime], *, paused: bool = False) -> list[tuple[datetime, str]]:
    """Of a clock that has used 60 of its 100 seconds."""
    pauses = timedelta(seconds=30)
    target = Target("first_reply", timedelta(seconds=100), working_time(()), pauses)
    began = NOW - timedelta(seconds=60)
    clock = clocks.count(target, clocks.start(target, 1, began, paused=False), NOW)
    found = timers_of(target, clocks.pause(target, clock, NOW) if paused else clock, WARNS, fired, NOW)
    return [(timer.at, timer.name) for timer in found if timer.kind == "warning"]


def test_a_warning_that_nobody_told_in_time_is_told_late_and_one_that_was_told_is_not() -> None:
    ahead = (NOW + timedelta(seconds=30), "90%")
    assert warnings({}) == [(NOW, "50%"), ahead]
    assert warnings({"50%": NOW - timedelta(seconds=10)}) == [ahead]


def test_a_warning_that_a_pause_held_back_is_told_once_the_pause_is_over() -> None:
    back = NOW + timedelta(seconds=30)
    assert warnings({}, paused=True) == [(back, "50%"), (back + timedelta(seconds=30), "90%")]
    assert warnings({"50%": NOW}, paused=True) == [(back + timedelta(seconds=30), "90%")]


@pytest.mark.parametrize(
    ("part", "what"),
    [
        ({"do": "notify", "to": "owner", "team_id": str(TEAM)}, "not with owner"),
        ({"do": "reassign"}, "either agent_id or queue_id"),
        ({"do": "reassign", "agent_id": str(EXPERT), "queue_id": str(QUEUE)}, "either agent_id or queue_id"),
        ({"do": "open_ring", "ring": 6}, "less than or equal to 5"),
        ({"do": "webhook", "endpoint": "https://crm.example"}, "pattern"),
        ({"do": "create_task", "title": "Call back!"}, "pattern"),
        ({"do": "create_task", "title": "a", "agent_id": str(EXPERT), "team_id": str(TEAM)}, "not both"),
        ({"do": "dance"}, "does not match any of the expected tags"),
    ],
)
def test_an_action_that_says_too_little_or_too_much_is_refused(part: dict[str, Any], what: str) -> None:
    with pytest.raises(ValidationError, match=what):
        body(part)


def test_work_is_not_sent_two_ways_at_once() -> None:
    for actions in (
        [{"do": "requeue"}, {"do": "reassign", "agent_id": str(EXPERT)}],
        [{"do": "open_ring"}, {"do": "open_ring", "ring": 2}],
    ):
        with pytest.raises(ValidationError, match="two ways"):
            body(*actions)


@pytest.mark.parametrize(
    ("steps", "what"),
    [
        ([{"after_seconds": 0}], "names nobody"),
        ([{"after_seconds": 0, "agent_id": str(LEAD), "lead": True}], "without agent_id"),
        ([{"after_seconds": s, "lead": True} for s in (0, 60)], "comes back"),
        ([{"after_seconds": s, "agent_id": str(LEAD)} for s in (0, 60)], "comes back"),
        ([{"after_seconds": 60, "lead": True}, {"after_seconds": 60, "agent_id": str(LEAD)}], "wait longer"),
    ],
)
def test_a_ladder_leads_upwards(steps: list[dict[str, Any]], what: str) -> None:
    with pytest.raises(ValidationError, match=what):
        body(ladders={"functional": steps})

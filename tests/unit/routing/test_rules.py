"""Routing rules: order, the first writer of a field, the end at a stop, conditions, hours, unreachable ones."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.routing.rule_evidence import Ruled, document, effects
from app.routing.rules import Hours, Outcome, Rule, RuleFacts, apply, outcome_of, unreachable, walk, why_not

NOON = datetime(2026, 9, 16, 12, tzinfo=UTC)  # a Wednesday
QUEUES = [UUID(int=number) for number in range(1, 4)]
SKILLS = [UUID(int=number) for number in range(11, 14)]
SEGMENTS = ["vip", "elderly", "disabled"]


def rule(name: str = "rule", *, stop: bool = False, enabled: bool = True, when: Any = None, **sets: Any) -> Rule:
    return Rule.model_validate(
        {"name": name, "stop": stop, "enabled": enabled, "conditions": when or {}, "effects": sets}
    )


def facts(**known: Any) -> RuleFacts:
    return RuleFacts(**{"channel": "chat", "at": NOON, **known})


lists = st.lists(st.sampled_from(SEGMENTS), max_size=3, unique=True)
effects_of_rules = st.fixed_dictionaries(
    {},
    optional={
        "queue_id": st.sampled_from(QUEUES),
        "tier": st.integers(0, 2),
        "priority": st.integers(0, 9),
        "language": st.sampled_from(["zh", "en"]),
        "requirements": st.dictionaries(st.sampled_from(SKILLS), st.integers(1, 10), max_size=3),
    },
)
conditions = st.builds(
    lambda segments, channels: {"segments": segments, "channels": channels},
    lists,
    st.lists(st.sampled_from(["chat", "email"]), max_size=2, unique=True),
)
some_rules = st.lists(
    st.builds(
        lambda sets, when, stop, enabled: rule(when=when, stop=stop, enabled=enabled, **sets),
        effects_of_rules.filter(lambda sets: any(value or value == 0 for value in sets.values())),
        conditions,
        st.booleans(),
        st.booleans(),
    ),
    max_size=12,
)
some_facts = st.builds(lambda segments, channel: facts(segments=segments, channel=channel), lists,
                       st.sampled_from(["chat", "email"]))  # fmt: skip


@given(some_rules, some_facts)
def test_the_outcome_is_what_reading_the_list_from_its_end_gives(rules: list[Rule], known: RuleFacts) -> None:
    """An independent walk: later rules first, earlier ones over them."""
    asked = [one for one in rules if one.enabled and why_not(one.conditions, known) is None]
    stop = next((place for place, one in enumerate(asked) if one.stop), len(asked))
    expected: dict[str, object] = {}
    for one in reversed(asked[: stop + 1]):
        expected |= one.effects.fields()
    outcome = apply(rules, known)
    plain = {name: getattr(outcome, name) for name in ("queue_id", "tier", "priority", "language")}
    found = {name: value for name, value in plain.items() if value is not None}
    assert found | {f"requirements.{skill}": level for skill, level in outcome.requirements.items()} == expected
    assert len(outcome.fired) == min(stop + 1, len(asked))


@given(some_rules, some_facts)
def test_every_rule_has_a_step_and_every_field_one_giver(rules: list[Rule], known: RuleFacts) -> None:
    steps = walk(rules, known)
    assert [step.number for step in steps] == list(range(1, len(rules) + 1))
    given_ = [name for step in steps for name in step.sets]
    assert len(given_) == len(set(given_))
    assert all((step.failed is not None) == (step.became == "failed") for step in steps)
    assert outcome_of(rules, steps) == apply(rules, known)


@given(some_rules, some_facts)
def test_a_rule_said_to_be_unreachable_never_fires_and_leaving_it_out_changes_nothing(
    rules: list[Rule], known: RuleFacts
) -> None:
    lost = {number for number, _ in unreachable(rules)}
    assert not lost & {step.number for step in walk(rules, known) if step.became == "fired"}
    kept = [one for number, one in enumerate(rules, 1) if number not in lost]
    assert effects(apply(kept, known)) == effects(apply(rules, known))


def test_two_rules_complete_one_another_and_the_first_writer_of_a_field_wins() -> None:
    rules = [
        rule("vip", when={"segments": ["vip"]}, priority=8, requirements={SKILLS[0]: 3}),
        rule("all", priority=2, tier=2, requirements={SKILLS[0]: 9, SKILLS[1]: 1}),
    ]
    outcome = apply(rules, facts(segments=["vip"]))
    assert (outcome.priority, outcome.tier) == (8, 2)
    assert outcome.requirements == {str(SKILLS[0]): 3, str(SKILLS[1]): 1}
    assert [(one.name, one.sets) for one in outcome.fired] == [
        ("vip", ("priority", f"requirements.{SKILLS[0]}")),
        ("all", ("tier", f"requirements.{SKILLS[1]}")),
    ]


def test_after_a_stop_nobody_is_asked_and_a_disabled_rule_stops_nothing() -> None:
    rules = [rule("off", stop=True, enabled=False), rule("stop", stop=True), rule("late", tier=0)]
    assert [step.became for step in walk(rules, facts())] == ["disabled", "fired", "not_asked"]
    assert apply(rules, facts()).tier is None


@pytest.mark.parametrize(
    ("when", "known", "failed"),
    [
        ({"channels": ["email"]}, {}, "channel"),
        ({"channel_account_ids": [str(QUEUES[0])]}, {"channel_account_id": QUEUES[1]}, "channel_account"),
        ({"channel_account_ids": [str(QUEUES[0])]}, {"channel_account_id": QUEUES[0]}, None),
        ({"brands": ["Teapots"]}, {"brand": "Kettles"}, "brand"),
        ({"categories": ["billing"]}, {}, "category"),
        ({"categories": ["billing"]}, {"category": "billing"}, None),
        ({"segments": ["vip", "elderly"]}, {"segments": ["elderly"]}, None),
        ({"segments": ["vip"]}, {"segments": []}, "segment"),
        ({"languages": ["ZH"]}, {"language": "zh-Hant-TW"}, None),
        ({"languages": ["zh"]}, {"language": "zho"}, "language"),
        ({"attributes": {"plan": ["gold"]}}, {"attributes": {"plan": "gold"}}, None),
        ({"attributes": {"plan": ["gold"]}}, {"attributes": {"plan": ["silver", "gold"]}}, None),
        ({"attributes": {"plan": ["gold"], "staff": ["true"]}}, {"attributes": {"plan": "gold"}}, "attributes"),
        ({"attributes": {"staff": ["true"], "size": ["7"]}}, {"attributes": {"staff": True, "size": 7}}, None),
        ({"attributes": {"plan": ["gold"]}}, {"attributes": {"plan": {"gold": 1}}}, "attributes"),
        ({"channels": ["email"], "brands": ["Teapots"]}, {}, "channel"),
    ],
)
def test_the_first_condition_that_fails_is_named(when: Any, known: dict[str, Any], failed: str | None) -> None:
    assert why_not(rule(when=when, tier=0).conditions, facts(**known)) == failed


@pytest.mark.parametrize(
    ("at", "holds"),
    [
        ("2026-09-18T21:59+08:00", False),
        ("2026-09-18T22:00+08:00", True),  # Friday night
        ("2026-09-19T01:59+08:00", True),
        ("2026-09-19T02:00+08:00", False),
        ("2026-09-19T23:00+08:00", False),
        ("2026-09-20T23:59+08:00", True),  # to midnight
        ("2026-09-21T00:00+08:00", False),
        ("2026-09-18T14:30+00:00", True),  # the same instants elsewhere
    ],
)
def test_hours_are_those_of_their_zone_and_may_pass_midnight(at: str, holds: bool) -> None:
    weekly = {"fri": ["22:00-02:00"], "sun": ["23:30-24:00"]}
    for outside in (False, True):
        hours = {"zone": "Asia/Shanghai", "weekly": weekly, "outside": outside}
        failed = why_not(rule(when={"hours": hours}, tier=0).conditions, facts(at=datetime.fromisoformat(at)))
        assert (failed is None) is (holds is not outside)


@given(st.integers(0, 366 * 24 * 60).map(lambda minute: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)))
def test_every_instant_of_the_year_is_either_within_or_outside_also_where_clocks_change(at: datetime) -> None:
    weekly = {"sat": ["20:00-04:00"], "sun": ["01:00-02:30"], "wed": ["09:00-24:00"]}
    whens = [{"hours": {"zone": "Europe/Berlin", "weekly": weekly, "outside": each}} for each in (False, True)]
    assert [why_not(rule(when=when, tier=0).conditions, facts(at=at)) is None for when in whens].count(True) == 1


@pytest.mark.parametrize(
    ("earlier", "later", "lost"),
    [
        ({}, {"channels": ["chat"]}, True),
        ({"channels": ["chat", "email"]}, {"channels": ["chat"]}, True),
        ({"channels": ["chat"]}, {}, False),
        ({"channels": ["chat"]}, {"channels": ["chat", "email"]}, False),
        ({"attributes": {"a": ["1", "2"]}}, {"attributes": {"a": ["1"], "b": ["3"]}}, True),
        ({"attributes": {"a": ["1"]}}, {"segments": ["vip"]}, False),
    ],
)
def test_a_rule_behind_a_wider_stop_is_unreachable(earlier: Any, later: Any, lost: bool) -> None:
    rules = [rule("wide", when=earlier, stop=True), rule("narrow", when=later, tier=0)]
    assert unreachable(rules) == ([(2, 1)] if lost else [])
    assert unreachable([rules[0].model_copy(update={"enabled": False}), rules[1]]) == []


def at_hours(zone: str, **weekly: list[str]) -> dict[str, Any]:
    return {"name": zone or "no zone", "stop": True, "conditions": {"hours": {"zone": zone, "weekly": weekly}}}


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "does nothing"},
        {"name": "tier", "effects": {"tier": 3}},
        {"name": "level", "effects": {"requirements": {str(SKILLS[0]): 11}}},
        at_hours("Mars/Olympus", mon=["00:00-01:00"]),
        at_hours("", mon=["00:00-01:00"]),
        at_hours("UTC"),
        at_hours("UTC", mon=["09:00-09:00"]),
        at_hours("UTC", mon=["9-17"]),
        at_hours("UTC", today=["09:00-17:00"]),
        {"name": "number as text", "effects": {"tier": "1"}},
        {"name": "flag as number", "stop": 1},
        {"name": "nul\0", "stop": True},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Rule.model_validate(wrong)


def test_work_whose_queue_somebody_chose_keeps_what_is_not_of_the_place() -> None:
    rules = [rule("place", queue_id=QUEUES[0], requirements={SKILLS[0]: 2}), rule("care", tier=1, language="zh")]
    kept = document(Ruled(7, apply(rules, facts())).where_it_stands())
    assert kept == {
        "version": 7,
        "fired": [{"number": 2, "name": "care", "sets": ["tier", "language"]}],
        "effects": {"tier": 1, "language": "zh"},
    }


def test_no_rules_say_nothing() -> None:
    assert apply([], facts()) == Outcome()


def test_hours_do_not_care_for_seconds() -> None:
    hours = Hours.model_validate({"zone": "UTC", "weekly": {"wed": ["12:00-12:01"]}})
    conditions_ = rule(when={"hours": hours}, tier=0).conditions
    assert why_not(conditions_, facts(at=NOON + timedelta(seconds=59))) is None
    assert why_not(conditions_, facts(at=NOON + timedelta(seconds=60))) == "hours"

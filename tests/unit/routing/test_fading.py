"""A fading requirement is a series of rings, and says so when it contradicts what stands beside it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import InvalidInput
from app.routing.capacity import ledger_of
from app.routing.decisions import Unroutable, Wait
from app.routing.engine import Engine
from app.routing.facts import Fade, QueueFacts, Ring
from app.routing.fading import check_fading, falls_at_seconds, openings, with_fading
from app.routing.rings import check_rings, ring_at, terms_at
from tests.unit.routing.test_engine import ANNE, BO, agent, offers, work
from tests.unit.routing.worlds import at, numbered

TEAM = numbered(4, 1)


def queue(requirements: dict[str, int], fading: dict[str, Fade], *rings: Ring) -> QueueFacts:
    return QueueFacts(
        id=numbered(1, 1),
        channels=frozenset({"chat"}),
        target_seconds=60,
        requirements=requirements,
        fading=fading,
        rings=with_fading(rings, fading),
    )


def required(facts: QueueFacts, waited: float, **own: Any) -> dict[str, int]:
    return dict(terms_at(facts, ring_at(facts, 0, waited), **own).requirements)


def test_the_minimum_falls_by_one_each_step_and_never_under_the_floor() -> None:
    facts = queue({"zh": 8, "billing": 3}, {"zh": Fade(30, 6)})
    levels = [required(facts, waited)["zh"] for waited in (0, 29, 30, 59, 60, 90, 10_000)]
    assert levels == [8, 8, 7, 7, 6, 6, 6]
    assert required(facts, 10_000)["billing"] == 3


def test_what_a_work_asks_itself_fades_as_its_queue_says() -> None:
    facts = queue({}, {"vip": Fade(10, 7)})
    assert [required(facts, waited, override={"vip": 10}) for waited in (0, 10, 20, 99)] == [
        {"vip": 10},
        {"vip": 9},
        {"vip": 8},
        {"vip": 7},
    ]
    assert required(facts, 99, override={"vip": 5}) == {"vip": 5}
    assert required(facts, 99) == {}


def test_steps_at_the_moment_of_a_ring_belong_to_it() -> None:
    facts = queue({"zh": 8}, {"zh": Fade(30, 7)}, Ring(60, {"zh": 5}), Ring(80, None, frozenset({TEAM})))
    assert [ring.enter_after_seconds for ring in facts.rings[:4]] == [30, 60, 80, 90]
    assert [ring.only_fades for ring in facts.rings[:4]] == [True, False, False, True]
    assert openings(facts.rings) == [0, 2, 3]
    assert required(facts, 60) == {"zh": 5}
    assert falls_at_seconds(facts.fading) == [30, 60, 90]


def test_a_queue_that_fades_nothing_has_its_own_rings_only() -> None:
    rings = (Ring(30), Ring(60))
    assert with_fading(rings, {}) == rings
    assert openings(rings) == [0, 1, 2]


@pytest.mark.parametrize(
    ("requirements", "fade", "code"),
    [
        ({"zh": 8}, Fade(30, 0), "level_out_of_range"),
        ({"zh": 8}, Fade(30, 10), "level_out_of_range"),
        ({"zh": 6}, Fade(30, 6), "fading_contradicts"),
        ({"zh": 5}, Fade(30, 6), "fading_contradicts"),
    ],
)
def test_fading_that_never_falls_is_refused(requirements: dict[str, int], fade: Fade, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_fading(requirements, {"zh": fade})
    assert refused.value.code == code


def test_a_ring_that_asks_more_than_what_has_faded_by_then_is_refused_by_its_own_number() -> None:
    rings = (Ring(20, None, frozenset({TEAM})), Ring(60, {"zh": 7}))
    check_rings(queue({"zh": 8}, {"zh": Fade(60, 5)}, *rings))
    with pytest.raises(InvalidInput) as refused:
        check_rings(queue({"zh": 8}, {"zh": Fade(25, 5)}, *rings))
    assert (refused.value.code, refused.value.detail.split()[0]) == ("ring_contradicts", "rings[1]")


def test_steps_do_not_count_as_rings() -> None:
    fading = {"zh": Fade(7), "vip": Fade(11), "refund": Fade(13)}
    check_rings(queue({"zh": 10}, fading, *(Ring(after) for after in range(10, 60, 10))))
    with pytest.raises(InvalidInput) as refused:
        check_rings(queue({"zh": 10}, fading, *(Ring(after) for after in range(10, 70, 10))))
    assert refused.value.code == "too_many_rings"


levels = st.dictionaries(st.sampled_from(("zh", "vip")), st.integers(1, 10))
fades = st.dictionaries(st.sampled_from(("zh", "vip")), st.builds(Fade, st.sampled_from((5, 7, 60)), st.integers(1, 9)))


@given(requirements=levels, own=st.none() | levels, fading=fades, moments=st.lists(st.integers(0, 700)))
def test_waiting_only_ever_lowers_what_is_asked_and_stops_at_the_floor(
    requirements: dict[str, int], own: dict[str, int] | None, fading: dict[str, Fade], moments: list[int]
) -> None:
    facts = queue(requirements, fading)
    check_rings(facts)
    asked = requirements if own is None else own
    before = dict(asked)
    for waited in sorted(moments):
        now = required(facts, waited, override=own)
        assert now.keys() == asked.keys()
        for skill, level in asked.items():
            fade = fading.get(skill)
            steps = 0 if fade is None else int(waited // fade.step_seconds)
            floor = level if fade is None else min(level, fade.floor)
            assert now[skill] == max(level - steps, floor) <= before[skill]
        before = now


def test_work_waits_for_the_skilled_who_are_busy_until_the_minimum_has_fallen_to_who_is_free() -> None:
    engine = Engine()
    engine.put_queue(queue({"zh": 8}, {"zh": Fade(30, 5)}))
    engine.put_agent(agent(ANNE, skills={"zh": 8}, ledger=ledger_of([("chat", 25)] * 4)))
    engine.put_agent(agent(BO, skills={"zh": 6}))
    engine.put_work(work(1))
    assert [type(decision) for decision in engine.decide(at(0))] == [Wait]
    timers = []
    while (timer := engine.next_timer(at(0) if not timers else timers[-1])) is not None and timer <= at(61):
        timers.append(timer)
        if decided := engine.decide(timer):
            assert (len(timers), offers(decided)) == (2, [(1, BO)])
    assert [round((timer - at(0)).total_seconds()) for timer in timers] == [30, 60]


def test_nobody_at_the_floor_is_unroutable_at_once_and_somebody_there_is_not() -> None:
    for level, reason in ((4, "nobody_qualified"), (5, None)):
        engine = Engine()
        engine.put_queue(queue({"zh": 8}, {"zh": Fade(30, 5)}))
        away = agent(ANNE, skills={"zh": level}, routable=False)
        engine.put_agent(away)
        engine.put_work(work(1))
        told = [one.reason for one in engine.decide(at(0)) if isinstance(one, Unroutable)]
        assert told == ([] if reason is None else [reason])

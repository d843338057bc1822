"""Which step of a queue's overflow is due, when to look again, and chains that go in circles."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.routing import overflow
from app.routing.capacity import ledger_of
from app.routing.facts import AgentFacts, QueueFacts, Ring, WorkFacts
from app.routing.overflow import Line, Past, Step, Waiting, due_step, due_steps, find_cycle, first_place, next_look_at
from app.routing.waits import Pace, estimate

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
HERE, THERE, THIRD = (UUID(int=number) for number in (1, 2, 3))
WORDS = {"en": "It takes a little longer."}
UNTOUCHED = Waiting(NOW, Past(queues=(HERE,)))


@pytest.mark.parametrize(
    ("step", "holds", "fails"),
    [
        (Step("longer_than", 3, THERE), {"place": 4}, {"place": 3}),
        (Step("estimated_wait_over_seconds", 60, THERE), {"p50_seconds": 60.5}, {"p50_seconds": 60.0}),
        (Step("estimated_wait_over_seconds", 60, THERE), {"p50_seconds": 61.0}, {"p50_seconds": None}),
        (
            Step("age_over_seconds", 60, THERE),
            {"ready_at": NOW - timedelta(seconds=60)},
            {"ready_at": NOW - timedelta(seconds=59)},
        ),
        (Step("nobody_staffed", to=THERE), {"is_staffed": False}, {"is_staffed": True}),
        (Step("outside_hours", to=THERE), {"is_open": False}, {"is_open": True}),
        (Step("tries_exhausted", to=THERE), {"is_exhausted": True}, {"is_exhausted": False}),
    ],
)
def test_each_trigger_holds_beyond_its_number_and_not_at_it(
    step: Step, holds: dict[str, object], fails: dict[str, object]
) -> None:
    assert due_step([step], replace(UNTOUCHED, **holds), NOW) == step
    assert due_step([step], replace(UNTOUCHED, **fails), NOW) is None


def test_words_are_said_before_the_way_out_if_they_stand_before_it_and_each_once() -> None:
    told, gone = Step("nobody_staffed", message=WORDS), Step("nobody_staffed", to=THERE)
    alone = replace(UNTOUCHED, is_staffed=False)
    assert due_steps([told, gone], alone, NOW) == [told, gone]
    assert due_steps([gone, told], alone, NOW) == [gone]
    assert due_steps([told], replace(alone, past=alone.past.with_done(told)), NOW) == []


def test_work_never_goes_back_to_a_queue_nor_hops_more_than_five_times() -> None:
    steps = [Step("nobody_staffed", to=THERE), Step("nobody_staffed", to=THIRD)]
    been = replace(UNTOUCHED, is_staffed=False, past=Past(queues=(THERE, HERE)))
    assert due_step(steps, been, NOW) == steps[1]
    many = tuple(UUID(int=10 + number) for number in range(overflow.MAX_HOPS))
    assert due_step(steps, replace(been, past=Past(queues=many)), NOW) == steps[0]
    assert due_step(steps, replace(been, past=Past(queues=(*many, HERE))), NOW) is None


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(overflow.TRIGGERS),
        st.integers(0, 50),
        st.sampled_from([None, THERE, THIRD]),
    ),
    max_size=overflow.MAX_STEPS,
)
WORKS = st.builds(
    Waiting,
    ready_at=st.integers(0, 100).map(lambda seconds: NOW - timedelta(seconds=seconds)),
    past=st.builds(
        Past, done=st.just(frozenset[str]()), queues=st.lists(st.sampled_from([HERE, THERE]), max_size=7).map(tuple)
    ),
    place=st.integers(1, 60),
    p50_seconds=st.none() | st.floats(0, 100),
    is_staffed=st.booleans(),
    is_open=st.booleans(),
    is_exhausted=st.booleans(),
)


@given(STEPS, WORKS)
def test_what_is_due_ends_moves_at_most_once_and_says_nothing_twice(steps: list[Step], waiting: Waiting) -> None:
    chosen = due_steps(steps, waiting, NOW)
    assert all(step.to is None for step in chosen[:-1])
    keys = [step.key for step in chosen]
    assert len(set(keys)) == len(keys)
    after = waiting.past
    for step in chosen:
        after = after.with_done(step)
    if not chosen or chosen[-1].to is None:
        assert due_step(steps, replace(waiting, past=after), NOW) is None


@given(STEPS, WORKS)
def test_nothing_becomes_due_by_age_before_the_next_look(steps: list[Step], waiting: Waiting) -> None:
    ageing = [step for step in steps if step.trigger == "age_over_seconds"]
    now = NOW
    for step in due_steps(ageing, waiting, now):
        waiting = replace(waiting, past=waiting.past.with_done(step))
        if step.to is not None:
            return
    at = next_look_at(steps, waiting.past, ready_at=waiting.ready_at, now=now)
    if at is None:
        assert due_step(ageing, waiting, now + timedelta(days=30)) is None
    else:
        assert at > now
        assert due_step(ageing, waiting, at - timedelta(microseconds=1)) is None
        assert due_step(ageing, waiting, at) is not None


PACES = st.none() | st.builds(Pace, st.floats(0, 10), st.floats(0, 50), st.floats(0, 60))


@given(st.builds(Step, st.sampled_from(overflow.TRIGGERS), st.integers(1, 5_000), st.just(THERE)), WORKS, PACES)
def test_nobody_before_the_first_place_is_due(step: Step, waiting: Waiting, pace: Pace | None) -> None:
    told = estimate(waiting.place, pace) if pace is not None else None
    waiting = replace(waiting, past=Past(), p50_seconds=told.p50_seconds if told else None)
    first = first_place(step, Line(waiting.is_staffed, waiting.is_open, pace))
    if first is None or waiting.place < first:
        assert due_step([step], waiting, NOW) is None
    elif step.trigger not in ("age_over_seconds", "tries_exhausted"):
        assert due_step([step], waiting, NOW) == step


GRAPHS = st.dictionaries(
    st.integers(0, 7).map(lambda n: UUID(int=n)), st.sets(st.integers(0, 7).map(lambda n: UUID(int=n)), max_size=4)
)


@given(GRAPHS, st.integers(0, 7).map(lambda n: UUID(int=n)))
def test_a_cycle_is_found_if_and_only_if_the_start_can_be_reached_again(
    ways: dict[UUID, set[UUID]], start: UUID
) -> None:
    reached = set(ways.get(start, ()))
    for _ in range(8):
        reached |= {there for here in reached for there in ways.get(here, ())}
    cycle = find_cycle(ways, start)
    assert (cycle is not None) == (start in reached)
    if cycle is not None:
        assert cycle[0] == cycle[-1] == start
        assert all(there in ways[here] for here, there in pairwise(cycle))
        assert len(set(cycle)) == len(cycle) - 1


def test_stored_steps_are_read_as_they_were_written() -> None:
    stored = [
        {"when": {"longer_than": 20}, "do": {"queue": str(THERE)}},
        {"when": {"outside_hours": True}, "do": {"message": WORDS}},
        {"when": {"moon_is_full": True}, "do": {"message": WORDS}},
    ]
    assert overflow.parse_steps(stored) == (Step("longer_than", 20, THERE), Step("outside_hours", message=WORDS))


BEA, CAI = UUID(int=21), UUID(int=22)
TEAM = UUID(int=31)
QUEUE = QueueFacts(HERE, frozenset({"chat"}), 60, requirements={"zh": 3}, rings=(Ring(60, groups=frozenset({TEAM})),))


def agent(agent_id: UUID, *, level: int = 5, member: bool = True, routable: bool = True) -> AgentFacts:
    queues, groups = (frozenset({HERE}), frozenset[UUID]()) if member else (frozenset[UUID](), frozenset({TEAM}))
    return AgentFacts(agent_id, routable, ledger_of(), {"zh": level}, queues, NOW, groups)


def work(*, tries: int, rests_seconds: int = 300, age_seconds: int = 0) -> WorkFacts:
    ready_at = NOW - timedelta(seconds=age_seconds)
    rests_until = NOW + timedelta(seconds=rests_seconds)
    return WorkFacts(
        UUID(int=41),
        UUID(int=42),
        HERE,
        "chat",
        25,
        ready_at,
        ready_at,
        cool_downs={BEA: rests_until},
        tries={BEA: tries},
    )


@pytest.mark.parametrize(
    ("waiting", "agents", "exhausted"),
    [
        (work(tries=3), [agent(BEA)], True),
        (work(tries=3), [], True),
        (work(tries=2), [agent(BEA)], False),
        (work(tries=3, rests_seconds=-1), [agent(BEA)], False),
        (work(tries=3), [agent(BEA), agent(CAI)], False),
        (work(tries=3), [agent(BEA), agent(CAI, routable=False)], True),
        (work(tries=3), [agent(BEA), agent(CAI, level=2)], True),
        (work(tries=3), [agent(BEA), agent(CAI, member=False)], True),
        (work(tries=3, age_seconds=60), [agent(BEA), agent(CAI, member=False)], False),
    ],
)
def test_tries_are_exhausted_once_nobody_else_could_be_asked(
    waiting: WorkFacts, agents: list[AgentFacts], exhausted: bool
) -> None:
    assert overflow.is_exhausted(waiting, QUEUE, agents, NOW) is exhausted


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "Hello"), ("en-GB", "Hello"), ("zh-CN", "你好"), ("zh-TW", "你好"), ("de", "Hello"), ("", "Hello")],
)
def test_words_are_in_the_customers_language_or_the_nearest_there_is(language: str, words: str) -> None:
    assert overflow.words_for({"zh-CN": "你好", "en": "Hello"}, language) == words


def test_words_without_english_are_the_first_there_are() -> None:
    assert overflow.words_for({"zh-CN": "你好", "fr": "Bonjour"}, "de") == "你好"

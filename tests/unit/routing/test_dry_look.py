"""A look at unsaved settings finds what the engine would find, ring by ring."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import InvalidInput
from app.routing.capacity import default_weight, ledger_of
from app.routing.decisions import Unroutable
from app.routing.dry_look import look
from app.routing.engine import Engine
from app.routing.facts import AgentFacts, QueueFacts, Ring, WorkFacts
from tests.unit.routing.worlds import NOON, World, at, numbered

QUEUE, TEAM = numbered(1, 1), numbered(4, 1)


def agent(number: int, level: int, *, member: bool = True, ready: bool = True, **other: object) -> AgentFacts:
    ledger = ledger_of(
        [("chat", 25)] * int(str(other.get("chats", 0))), capacity_units=int(str(other.get("units", 100)))
    )
    queues = frozenset({QUEUE}) if member else frozenset[UUID]()
    groups = frozenset({TEAM}) if other.get("team") else frozenset[UUID]()
    return AgentFacts(numbered(2, number), ready, ledger, {"zh": level}, queues, NOON, groups)


def queue(*rings: Ring) -> QueueFacts:
    return QueueFacts(QUEUE, frozenset({"chat"}), 60, requirements={"zh": 5}, rings=rings)


def test_each_ring_tells_who_is_let_in_who_could_who_is_ready_and_who_is_free() -> None:
    agents = [
        agent(1, 8),
        agent(2, 8, ready=False),
        agent(3, 8, chats=4),
        agent(4, 3),
        agent(5, 8, units=20),
        agent(6, 4, member=False, team=True),
    ]
    rings, unroutable = look(
        queue(Ring(60, {"zh": 3}), Ring(120, {}, frozenset({TEAM}))), agents, channel="chat", weight=25, at=NOON
    )
    assert [(one.ring, one.enter_after_seconds) for one in rings] == [(0, 0), (1, 60), (2, 120)]
    assert [(one.let_in, one.could, one.ready, one.free) for one in rings] == [(5, 3, 2, 1), (5, 4, 3, 2), (6, 5, 4, 3)]
    assert [one.lacking for one in rings] == [{"zh": 1}, {}, {}]
    assert unroutable is None


def test_nobody_at_all_is_told_with_the_reason() -> None:
    asked = {"channel": "chat", "weight": 25, "at": NOON}
    assert look(queue(), [agent(1, 4)], **asked)[1] == "nobody_qualified"
    assert look(queue(), [], **asked)[1] == "nobody_qualified"
    assert look(queue(), [agent(1, 9, units=10)], **asked)[1] == "nobody_has_the_capacity"


def test_rings_that_contradict_one_another_are_refused_at_their_place() -> None:
    with pytest.raises(InvalidInput) as harder:
        look(queue(Ring(60, {"zh": 3}), Ring(90, {"zh": 4})), [], channel="chat", weight=25, at=NOON)
    assert harder.value.extra["errors"][0]["path"] == "body.rings.1.requirements"
    with pytest.raises(InvalidInput) as early:
        look(queue(Ring(60), Ring(90), Ring(90)), [], channel="chat", weight=25, at=NOON)
    assert early.value.extra["errors"][0]["path"] == "body.rings.2.enter_after_seconds"


@given(st.integers(min_value=0, max_value=2**32))
def test_the_look_says_unroutable_when_the_engine_does(seed: int) -> None:
    world = World(seed)
    facts = world.queues[0]
    channel = next(iter(facts.channels))
    engine = Engine()
    engine.put_queue(facts)
    for one in world.agents:
        engine.put_agent(one)
    work = WorkFacts(numbered(3, 1), numbered(3, 1), facts.id, channel, default_weight(channel), at(0), at(60))
    engine.put_work(work)
    told = [each.reason for each in engine.decide(NOON) if isinstance(each, Unroutable)]
    rings, unroutable = look(facts, world.agents, channel=channel, weight=default_weight(channel), at=NOON)
    assert told == ([unroutable] if unroutable else [])
    assert (unroutable is None) == any(ring.could for ring in rings)
    assert all(ring.let_in >= ring.could >= ring.ready >= ring.free for ring in rings)

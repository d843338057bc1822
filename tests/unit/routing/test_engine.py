"""What the engine decides in the plain cases that an operator would ask about, and why."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import InvalidInput, NotFound
from app.routing.capacity import default_weight, ledger_of
from app.routing.decisions import Decision, Drain, Offer, Routable, Unroutable, Wait
from app.routing.engine import Engine
from app.routing.facts import AgentFacts, QueueFacts, Ring, WorkFacts
from app.routing.rings import meets, terms_at
from tests.unit.routing.worlds import NOON, World, at, numbered

CHATS, CALLS = numbered(1, 1), numbered(1, 2)
ANNE, BO, CHEN = (numbered(2, number) for number in (1, 2, 3))


def queue(queue_id: UUID = CHATS, **own: Any) -> QueueFacts:
    channel = "phone" if queue_id == CALLS else "chat"
    return QueueFacts(**{"id": queue_id, "channels": frozenset({channel}), "target_seconds": 60} | own)


def agent(agent_id: UUID, **own: Any) -> AgentFacts:
    facts: dict[str, Any] = {
        "id": agent_id,
        "routable": True,
        "ledger": ledger_of(),
        "skills": {},
        "queues": frozenset({CHATS, CALLS}),
        "idle_since_at": NOON,
    }
    return AgentFacts(**facts | own)


def work(number: int, queue_id: UUID = CHATS, **own: Any) -> WorkFacts:
    channel = own.get("channel", "phone" if queue_id == CALLS else "chat")
    facts: dict[str, Any] = {
        "id": numbered(3, number),
        "conversation_id": numbered(5, number),
        "queue_id": queue_id,
        "channel": channel,
        "weight": default_weight(channel),
        "ready_at": NOON,
        "due_at": at(60),
    }
    return WorkFacts(**facts | own)


def engine_with(*facts: QueueFacts | AgentFacts | WorkFacts) -> Engine:
    engine = Engine()
    for each in facts:
        put(engine, each)
    return engine


def put(engine: Engine, facts: QueueFacts | AgentFacts | WorkFacts) -> None:
    if isinstance(facts, QueueFacts):
        engine.put_queue(facts)
    elif isinstance(facts, AgentFacts):
        engine.put_agent(facts)
    else:
        engine.put_work(facts)


def offers(decisions: list[Decision]) -> list[tuple[int, UUID]]:
    return [(each.work_id.int & 0xFFFF, each.agent_id) for each in decisions if isinstance(each, Offer)]


def test_the_longest_idle_of_equals_is_chosen_and_the_trace_says_so() -> None:
    waiting = agent(BO, idle_since_at=at(-100))
    [offer] = engine_with(queue(), agent(ANNE), waiting, work(1)).decide(NOON)
    assert isinstance(offer, Offer)
    assert (offer.agent_id, offer.ring, offer.work_version) == (BO, 0, 1)
    assert offer.trace.decided_by == "longest_idle"
    assert [candidate.agent_id for candidate in offer.trace.candidates] == [BO, ANNE]
    assert offer.trace.ledger_before == ledger_of()
    assert offer.trace.ledger_after is not None
    assert offer.trace.ledger_after.used_units == 25


@pytest.mark.parametrize(
    ("other", "rule"),
    [
        (agent(BO, ledger=ledger_of([("chat", 25)])), "pack_or_spread"),
        (agent(BO, queues=frozenset({CHATS, CALLS})), "least_versatile"),
    ],
)
def test_the_rule_that_decided_is_named(other: AgentFacts, rule: str) -> None:
    only_chats = queue(), queue(CALLS, channels=frozenset({"sms"}))
    chosen = agent(ANNE, queues=other.queues if rule == "pack_or_spread" else frozenset({CHATS}))
    [offer] = engine_with(*only_chats, chosen, other, work(1)).decide(NOON)
    assert isinstance(offer, Offer)
    assert (offer.agent_id, offer.trace.decided_by) == (ANNE, rule)


def test_the_removed_are_counted_by_the_first_rule_that_put_them_out() -> None:
    engine = engine_with(
        queue(requirements={"zh": 5}),
        agent(ANNE, skills={"zh": 8}),
        agent(BO, skills={"zh": 8}, routable=False),
        agent(CHEN, skills={"zh": 4}),
        agent(numbered(2, 4), queues=frozenset()),
        agent(numbered(2, 5), skills={"zh": 9}, ledger=ledger_of([("chat", 25)] * 4)),
        agent(numbered(2, 6), skills={"zh": 9}),
        work(1, cool_downs={numbered(2, 6): at(60)}),
    )
    [offer] = engine.decide(NOON)
    assert isinstance(offer, Offer)
    assert offer.trace.removed == (1, 1, 1, 1, 0, 1)
    assert offer.trace.eligible == 1


def test_work_goes_by_tier_then_deadline_then_priority_then_age() -> None:
    works = [
        work(1, due_at=at(50)),
        work(2, due_at=at(40)),
        work(3, due_at=at(40), priority=5),
        work(4, tier=0, due_at=at(900)),
        work(5, due_at=at(40), ready_at=at(-9)),
    ]
    engine = engine_with(queue(), *works, *(agent(numbered(2, n)) for n in range(5)))
    assert [number for number, _ in offers(engine.decide(NOON))] == [4, 3, 5, 2, 1]


def test_nobody_is_offered_more_than_fits_and_a_release_goes_to_the_next() -> None:
    engine = engine_with(queue(), agent(ANNE), *(work(n, due_at=at(n)) for n in range(1, 7)))
    decided = engine.decide(NOON)
    assert [number for number, _ in offers(decided)] == [1, 2, 3, 4]
    assert [each.reason for each in decided if isinstance(each, Wait)] == ["no_free_units", "in_line"]
    assert engine.decide(NOON) == []
    engine.confirm(numbered(3, 1))
    engine.release(ANNE, "chat", 25)
    assert offers(engine.decide(NOON)) == [(5, ANNE)]


def test_an_undone_offer_waits_again_and_the_agent_has_the_units_back() -> None:
    engine = engine_with(queue(), agent(ANNE), work(1))
    first = offers(engine.decide(NOON))
    engine.undo(numbered(3, 1))
    assert offers(engine.decide(NOON)) == first


def test_facts_put_twice_change_nothing() -> None:
    engine = engine_with(queue(), agent(ANNE), agent(BO), work(1), work(1), agent(ANNE), queue())
    assert len(offers(engine.decide(NOON))) == 1
    engine.put_agent(agent(ANNE))
    engine.put_agent(agent(BO))
    engine.remove_agent(CHEN)
    engine.remove_work(numbered(3, 9))
    assert engine.decide(NOON) == []


def test_a_limit_leaves_the_rest_for_the_next_call() -> None:
    engine = engine_with(queue(), agent(ANNE), work(1, due_at=at(1)), work(2, due_at=at(2)))
    assert offers(engine.decide(NOON, limit=1)) == [(1, ANNE)]
    assert offers(engine.decide(NOON, limit=1)) == [(2, ANNE)]


def test_the_last_agent_is_asked_alone_until_the_time_is_up() -> None:
    busy = agent(ANNE, ledger=ledger_of([("chat", 25)] * 4))
    sticky = work(1, sticky_agent_id=ANNE, sticky_until_at=at(30))
    engine = engine_with(queue(), busy, agent(BO), sticky)
    [wait] = engine.decide(NOON)
    assert isinstance(wait, Wait)
    assert wait.reason == "waiting_for_sticky"
    moment = engine.next_timer(NOON)
    assert moment is not None
    assert offers(engine.decide(moment)) == [(1, BO)]
    engine.put_work(replace(sticky, sticky_until_at=at(90)))
    engine.put_agent(agent(ANNE))
    [offer] = engine.decide(at(31))
    assert isinstance(offer, Offer)
    assert (offer.agent_id, offer.trace.asked_alone) == (ANNE, True)


def test_the_last_agent_is_not_waited_for_when_gone() -> None:
    gone = agent(ANNE, routable=False, connected=False)
    sticky = work(1, sticky_agent_id=ANNE, sticky_until_at=at(30))
    assert offers(engine_with(queue(), gone, agent(BO), sticky).decide(NOON)) == [(1, BO)]


def test_a_declined_work_comes_back_after_its_cool_down_and_never_a_fourth_time() -> None:
    engine = engine_with(queue(), agent(ANNE), work(1, cool_downs={ANNE: at(10)}, tries={ANNE: 1}))
    [wait] = engine.decide(NOON)
    assert isinstance(wait, Wait)
    assert wait.reason == "cooling_down"
    assert not engine.others_eligible(numbered(3, 1), ANNE, NOON)
    assert offers(engine.decide(at(10))) == [(1, ANNE)]
    engine.put_work(work(1, tries={ANNE: 3}))
    [exhausted] = engine.decide(at(60))
    assert isinstance(exhausted, Wait)
    assert exhausted.reason == "tries_exhausted"


def test_a_ring_that_nobody_staffed_matches_is_skipped_at_once() -> None:
    rings = (Ring(30, {"zh": 6}), Ring(60, {"zh": 2}))
    engine = engine_with(queue(requirements={"zh": 9}, rings=rings), agent(ANNE, skills={"zh": 3}), work(1))
    [offer] = engine.decide(NOON)
    assert isinstance(offer, Offer)
    assert offer.ring == 2


def test_a_ring_opened_before_its_time_asks_those_it_lets_in() -> None:
    team = numbered(4, 1)
    helper = agent(BO, queues=frozenset(), groups=frozenset({team}))
    busy = agent(ANNE, ledger=ledger_of([("chat", 25)] * 4))
    engine = engine_with(queue(rings=(Ring(600, groups=frozenset({team})),)), busy, helper, work(1))
    assert offers(engine.decide(NOON)) == []
    engine.put_work(work(1, version=2, least_ring=1))
    [offer] = engine.decide(NOON)
    assert isinstance(offer, Offer)
    assert (offer.agent_id, offer.ring) == (BO, 1)


def test_a_call_past_its_target_drains_one_agent() -> None:
    chatting = ledger_of([("chat", 25)])
    engine = engine_with(queue(), queue(CALLS), agent(ANNE, ledger=chatting), work(1, CALLS))
    assert [type(each) for each in engine.decide(NOON)] == [Wait]
    moment = engine.next_timer(NOON)
    assert moment is not None
    [drain] = engine.decide(moment)
    assert isinstance(drain, Drain)
    assert drain.agent_id == ANNE
    engine.put_work(work(2, due_at=at(500)))
    [wait] = engine.decide(at(62))
    assert isinstance(wait, Wait)
    assert wait.trace is not None
    assert wait.trace.removed.draining == 1
    engine.release(ANNE, "chat", 25)
    assert offers(engine.decide(at(63))) == [(1, ANNE)]


def test_blended_teams_pack_chats_so_that_a_call_finds_somebody_free() -> None:
    busy = agent(BO, ledger=ledger_of([("chat", 25)] * 2))
    engine = engine_with(queue(), queue(CALLS), agent(ANNE), busy, work(1), work(2, CALLS, due_at=at(90)))
    assert offers(engine.decide(NOON)) == [(1, BO), (2, ANNE)]


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ((queue(requirements={"zh": 9}), agent(ANNE), work(1)), "nobody_qualified"),
        ((queue(), agent(ANNE, ledger=ledger_of(limits={"chat": 0})), work(1)), "nobody_has_the_capacity"),
        ((agent(ANNE), work(1)), "unknown_queue"),
    ],
)
def test_work_that_nobody_could_ever_take_is_told_once(facts: tuple[Any, ...], reason: str) -> None:
    engine = engine_with(*facts)
    [told] = engine.decide(NOON)
    assert isinstance(told, Unroutable)
    assert told.reason == reason
    assert engine.decide(at(1)) == []


def test_work_becomes_unroutable_when_the_last_who_could_take_it_is_removed() -> None:
    engine = engine_with(queue(), agent(ANNE, routable=False), work(1))
    assert [type(each) for each in engine.decide(NOON)] == [Wait]
    engine.remove_agent(ANNE)
    assert [type(each) for each in engine.decide(NOON)] == [Unroutable]
    engine.put_agent(agent(ANNE))
    assert offers(engine.decide(NOON)) == [(1, ANNE)]


def test_what_was_unroutable_is_told_routable_as_soon_as_somebody_could_take_it_busy_or_not() -> None:
    engine = engine_with(queue(), work(1), work(2))
    assert [type(each) for each in engine.decide(NOON)] == [Unroutable, Unroutable]
    engine.put_agent(agent(ANNE, ledger=ledger_of([("chat", 100)])))
    assert [type(each) for each in engine.decide(NOON)] == [Routable, Routable, Wait, Wait]
    assert engine.decide(at(1)) == []


def test_what_an_earlier_owner_told_is_not_told_again_but_ended_when_it_holds_no_more() -> None:
    engine = engine_with(queue(), work(1, unroutable="nobody_qualified"))
    assert engine.decide(NOON) == []
    engine.put_agent(agent(ANNE, routable=False))
    assert [type(each) for each in engine.decide(NOON)] == [Routable, Wait]


def test_explain_says_who_would_be_chosen_and_changes_nothing() -> None:
    engine = engine_with(queue(), agent(ANNE), agent(BO, idle_since_at=at(-5)), work(1))
    trace = engine.explain(numbered(3, 1), NOON)
    assert trace.candidates[0].agent_id == BO
    assert offers(engine.decide(NOON)) == [(1, BO)]
    with pytest.raises(NotFound):
        engine.explain(numbered(3, 1), NOON)


def test_a_fresh_login_starts_in_the_middle() -> None:
    idle = {ANNE: at(-30), BO: at(-20), CHEN: at(-1)}
    engine = engine_with(queue(), *(agent(each, idle_since_at=since) for each, since in idle.items()))
    assert engine.median_idle_since(frozenset({CHATS})) == at(-20)
    assert engine.median_idle_since(frozenset()) is None


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(InvalidInput):
        engine_with(queue(policy="fastest"))


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32), arrivals=st.integers(1, 60))
def test_no_offer_breaks_capacity_skills_presence_or_order(seed: int, arrivals: int) -> None:
    world = World(seed)
    works = {each.id: each for each in (world.work(0) for _ in range(arrivals))}
    agents = {each.id: each for each in world.agents}
    queues = {each.id: each for each in world.queues}
    engine = engine_with(*world.queues, *world.agents, *works.values())
    made = [each for each in engine.decide(NOON) if isinstance(each, Offer)]
    assert len({each.work_id for each in made}) == len(made)
    for offer in made:
        chosen, taken = agents[offer.agent_id], works[offer.work_id]
        after = offer.trace.ledger_after
        assert chosen.routable
        assert after is not None
        assert after.used_units <= after.capacity_units or chosen.ledger.used_units > after.capacity_units
        own = {"override": taken.requirements, "language": taken.language}
        assert meets(chosen.skills, terms_at(queues[taken.queue_id], offer.ring, **own).requirements)
        assert taken.cool_downs.get(chosen.id, NOON) <= NOON


def test_what_waits_is_counted_by_queue_without_what_is_offered() -> None:
    earlier = work(1, ready_at=at(-30), due_at=at(10))
    engine = engine_with(queue(), queue(CALLS), agent(ANNE, queues=frozenset({CALLS})))
    for each in (earlier, work(2), work(3, CALLS), work(4, CALLS, ready_at=at(5), due_at=at(90))):
        put(engine, each)
    assert len(offers(engine.decide(at(6)))) == 1
    assert engine.waiting_by_queue() == {CHATS: (2, at(-30)), CALLS: (1, at(5))}

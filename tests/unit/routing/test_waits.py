"""Estimated waits: what must hold of any estimate, and how often the simulator's customers wait as they were told."""

import math
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.routing.scenario import read_scenario
from app.routing.simulation import Customer, SimulatedQueue, Simulation
from app.routing.waits import (
    AgentLoad,
    Estimate,
    Pace,
    QueueLoad,
    estimate,
    handling_seconds,
    paces,
    spoken_seconds,
)

CHATS, CALLS = UUID(int=1), UUID(int=2)
CHAT = QueueLoad("chat", 25, 600, 0, 30)
CALL = QueueLoad("phone", 100, 300, 0, 20)
PACES = st.builds(
    Pace, rate=st.floats(1e-5, 10), free=st.floats(0, 50), offer_seconds=st.sampled_from([0.0, 20.0, 900.0])
)


def known(position: int, pace: Pace) -> Estimate:
    found = estimate(position, pace)
    assert found is not None
    return found


@given(position=st.integers(1, 500), pace=PACES)
def test_half_never_wait_longer_than_nine_of_ten(position: int, pace: Pace) -> None:
    found = known(position, pace)
    assert 0 <= found.p50_seconds <= found.p90_seconds < math.inf


@given(position=st.integers(1, 499), pace=PACES)
def test_a_place_further_back_never_waits_less(position: int, pace: Pace) -> None:
    first, second = known(position, pace), known(position + 1, pace)
    assert first.p50_seconds <= second.p50_seconds
    assert first.p90_seconds <= second.p90_seconds


@given(
    used=st.lists(st.integers(0, 100), min_size=1, max_size=20),
    more=st.integers(0, 100),
    position=st.integers(1, 50),
)
def test_more_load_never_shortens_the_wait(used: list[int], more: int, position: int) -> None:
    def told(loads: list[int]) -> Estimate:
        agents = [AgentLoad(frozenset({CHATS}), 100, each) for each in loads]
        return known(position, paces({CHATS: CHAT}, agents)[CHATS])

    light, heavy = told(used), told([min(100, used[0] + more), *used[1:]])
    assert light.p50_seconds <= heavy.p50_seconds
    assert light.p90_seconds <= heavy.p90_seconds


@pytest.mark.parametrize(
    "agents",
    [[], [AgentLoad(frozenset({CALLS}), 100, 0)], [AgentLoad(frozenset({CHATS}), 20, 0)]],
    ids=["nobody", "nobody of this queue", "nobody with room for it"],
)
def test_without_anybody_to_come_free_nothing_is_said(agents: list[AgentLoad]) -> None:
    assert estimate(1, paces({CHATS: CHAT, CALLS: CALL}, agents)[CHATS]) is None


def test_who_finds_a_free_slot_waits_no_longer_than_an_offer_rings() -> None:
    pace = paces({CHATS: CHAT}, [AgentLoad(frozenset({CHATS}), 100, 50)])[CHATS]
    assert [known(place, pace) for place in (1, 2)] == [Estimate(0, 30)] * 2
    assert known(3, pace).p50_seconds > 0


def test_an_agent_of_two_queues_is_shared_by_the_work_they_bring() -> None:
    agents = [AgentLoad(frozenset({CHATS, CALLS}), 100, 100)]
    even = paces({CHATS: replace(CHAT, demand=9), CALLS: replace(CALL, demand=19)}, agents)
    assert even[CHATS].rate == pytest.approx(0.5 * 4 / 600)
    assert even[CALLS].rate == pytest.approx(0.5 / 300)
    busy = paces({CHATS: replace(CHAT, demand=99), CALLS: replace(CALL, demand=19)}, agents)
    assert busy[CHATS].rate > even[CHATS].rate


def test_a_limit_of_conversations_limits_the_slots() -> None:
    agent = AgentLoad(frozenset({CHATS}), 100, 25, {"chat": 2}, {"chat": 1})
    assert (agent.slots(CHAT), agent.free_slots(CHAT)) == (2, 1)


def test_the_first_in_line_waits_an_exponential_time() -> None:
    found = known(1, Pace(rate=0.01, free=0, offer_seconds=0))
    assert found.p50_seconds == pytest.approx(100 * math.log(2), rel=0.02)
    assert found.p90_seconds == pytest.approx(100 * math.log(10), rel=0.02)


def test_handling_begins_at_the_prior_and_follows_what_is_seen() -> None:
    assert handling_seconds("chat", []) == 600
    assert handling_seconds("phone", []) == 300
    assert handling_seconds("chat", [120.0] * 200) == pytest.approx(120, rel=0.03)
    assert handling_seconds("chat", [0.0] * 1_000) == 1


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, 60), (61, 120), (180, 180), (599.9, 600), (601, 900), (3601, 4500), (90_000, 90_000)]
)
def test_customers_are_told_round_numbers(seconds: float, told: int) -> None:
    assert spoken_seconds(seconds) == told


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_what_is_told_keeps_its_order(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert spoken_seconds(low) <= spoken_seconds(high)
    assert spoken_seconds(low) >= low


class Estimating(Simulation):
    """A simulation that tells each customer on arrival, from what an installation would know then."""

    def __init__(self, document: dict) -> None:
        super().__init__(read_scenario(document))
        self.handled: list[float] = []
        self.told: dict[UUID, Estimate] = {}
        self.waited: list[tuple[float, Estimate]] = []

    def _arrive(self, queue: SimulatedQueue, index: int) -> None:
        super()._arrive(queue, index)
        customer = next(reversed(self._customers.values()))
        load = QueueLoad("chat", 25, handling_seconds("chat", self.handled[-150:]), 0, 0)
        agents = [
            AgentLoad(each.facts.queues, each.ledger.capacity_units, each.ledger.used_units)
            for each in self._agents.values()
        ]
        self.told[customer.work.id] = known(self.engine.waiting, paces({queue.facts.id: load}, agents)[queue.facts.id])

    def _accept(self, customer: Customer) -> None:
        super()._accept(customer)
        told = self.told.pop(customer.work.id)
        if customer.counted and told.p50_seconds > 0:
            self.waited.append((self.now_s - customer.arrived_s, told))

    def _finish(self, customer: Customer, ends_s: float) -> None:
        super()._finish(customer, ends_s)
        self.handled.append(customer.handle_s)


@pytest.mark.parametrize(("handle", "seed"), [("exponential", 1), ("lognormal", 2)])
def test_on_a_steady_queue_nine_of_ten_wait_as_told(handle: str, seed: int) -> None:
    """Only those who found no free slot count: the others had nothing to wait for."""
    simulation = Estimating(
        {
            "seed": seed,
            "duration_s": 250_000,
            "warmup_s": 25_000,
            "queues": [
                {
                    "name": "chats",
                    "channel": "chat",
                    "target_s": 60,
                    "arrival": {"kind": "poisson", "rate_per_h": 114},
                    "handle": {"kind": handle, "mean_s": 600, "cv": 0.8},
                }
            ],
            "agents": [{"name": "a", "count": 5}],
        }
    )
    simulation.run()
    waited = simulation.waited
    assert len(waited) > 1_500
    assert 0.80 <= sum(seconds <= told.p90_seconds for seconds, told in waited) / len(waited) <= 0.97
    assert 0.35 <= sum(seconds <= told.p50_seconds for seconds, told in waited) / len(waited) <= 0.65

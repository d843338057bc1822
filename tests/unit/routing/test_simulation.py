"""The simulation agrees with queueing theory, keeps every invariant and refuses a wrong file by path."""

import copy
import heapq
from random import Random
from typing import Any

import pytest

from app.core.errors import InvalidInput
from app.routing.measures import gini, percentile
from app.routing.scenario import read_scenario
from app.routing.simulation import Simulation
from tests.unit.routing.erlang import erlang_a_abandonment, erlang_c_wait_s


def scenario(**changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "duration_s": 3600 * 100,
        "warmup_s": 3600,
        "queues": [queue("calls")],
        "agents": [{"name": "a", "count": 10}],
    }
    return base | changes


def queue(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "channel": "phone",
        "target_s": 20,
        "arrival": {"kind": "poisson", "rate_per_h": 96},
        "handle": {"kind": "exponential", "mean_s": 300},
    } | changes


def run(document: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = Simulation(read_scenario(document)).run()
    assert answer["violations"] == 0
    for figures in answer["queues"].values():
        assert figures["offered"] == figures["answered"] + figures["abandoned"]
    return answer


def mean_over_seeds(figure: str, seeds: range, document: dict[str, Any]) -> float:
    runs = [run(document | {"seed": seed})["queues"]["calls"][figure] for seed in seeds]
    return sum(runs) / len(runs)


def test_identical_agents_wait_as_erlang_c_says() -> None:
    """Short and therefore loose; the exact comparison with a pool of servers stands below."""
    waited = mean_over_seeds("wait_mean_s", range(1, 7), scenario(duration_s=3600 * 50))
    assert waited == pytest.approx(erlang_c_wait_s(10, 8, 300), rel=0.12)


def test_impatient_customers_leave_as_erlang_a_says() -> None:
    impatient = queue(
        "calls",
        arrival={"kind": "poisson", "rate_per_h": 120},
        patience={"kind": "exponential", "mean_s": 120},
    )
    document = scenario(queues=[impatient], duration_s=3600 * 50)
    offered = mean_over_seeds("offered", range(1, 4), document)
    abandoned = mean_over_seeds("abandoned", range(1, 4), document)
    assert abandoned / offered == pytest.approx(erlang_a_abandonment(10, 10, 300, 120), rel=0.08)


def pooled_wait_s(seed: int, *, servers: int, rate_per_h: float, duration_s: float) -> float:
    """The same customers before a plain pool of servers, first come first served."""
    arrivals, handling = Random(f"{seed}/calls/arrival"), Random(f"{seed}/calls/handle")
    now_s, free_at_s, waits = 0.0, [0.0] * servers, []
    while (now_s := now_s + arrivals.expovariate(rate_per_h / 3600)) < duration_s:
        begins_s = max(now_s, free_at_s[0])
        heapq.heapreplace(free_at_s, begins_s + handling.expovariate(1 / 300))
        if now_s >= 3600:
            waits.append(begins_s - now_s)
    return sum(waits) / len(waits)


def test_ten_agents_are_exactly_a_pool_of_ten_servers() -> None:
    document = scenario(duration_s=3600 * 50, seed=5)
    waited = run(document)["queues"]["calls"]["wait_mean_s"]
    assert waited == pytest.approx(pooled_wait_s(5, servers=10, rate_per_h=96, duration_s=3600 * 50))


def test_four_chats_on_each_of_five_agents_are_exactly_twenty_servers() -> None:
    chats = queue("calls", channel="chat", arrival={"kind": "poisson", "rate_per_h": 204})
    document = scenario(queues=[chats], agents=[{"name": "a", "count": 5}], duration_s=3600 * 50, seed=6)
    waited = run(document)["queues"]["calls"]["wait_mean_s"]
    assert waited == pytest.approx(pooled_wait_s(6, servers=20, rate_per_h=204, duration_s=3600 * 50))


def test_blended_agents_answer_calls_soon_though_half_the_work_is_chat() -> None:
    calls = queue("calls", arrival={"kind": "poisson", "rate_per_h": 42})
    chats = queue("chats", channel="chat", target_s=60, arrival={"kind": "poisson", "rate_per_h": 168})
    answer = run(scenario(queues=[calls, chats]))
    assert answer["queues"]["calls"]["wait_mean_s"] < 90


def test_specialists_with_generalists_wait_less_than_by_longest_idle() -> None:
    queues = [
        queue(name, requirements={name: 5}, arrival={"kind": "poisson", "rate_per_h": 50})
        for name in ("calls", "other")
    ]
    agents = [
        {"name": "calls", "count": 4, "skills": {"calls": 8}},
        {"name": "other", "count": 4, "skills": {"other": 8}},
        {"name": "both", "count": 2, "skills": {"calls": 8, "other": 8}},
    ]
    document = scenario(queues=queues, agents=agents)
    default = mean_over_seeds("wait_mean_s", range(1, 4), document)
    longest_idle = mean_over_seeds("wait_mean_s", range(1, 4), document | {"policy": "longest_idle"})
    assert erlang_c_wait_s(10, 100 * 300 / 3600, 300) * 0.8 < default < longest_idle


def test_low_priority_work_of_a_tier_is_not_starved() -> None:
    high = queue("high", priority=9, arrival={"kind": "poisson", "rate_per_h": 80})
    low = queue("low", target_s=300, arrival={"kind": "poisson", "rate_per_h": 16})
    answer = run(scenario(queues=[high, low]))
    assert answer["queues"]["low"]["wait_max_s"] < 300 + answer["queues"]["high"]["wait_max_s"] + 1


def test_two_policies_meet_the_same_customers() -> None:
    document = scenario(duration_s=3600 * 10)
    one, other = run(document), run(document | {"policy": "least_loaded"})
    assert one["queues"]["calls"]["offered"] == other["queues"]["calls"]["offered"]
    assert run(document) == one


def test_a_ring_lets_somebody_else_help_when_it_opens() -> None:
    late = queue(
        "calls",
        requirements={"zh": 5},
        arrival={"kind": "times", "at_s": [0]},
        handle={"kind": "constant", "mean_s": 10},
        rings=[{"enter_after_s": 30, "requirements": {"zh": 3}}],
    )
    busy = queue("busy", requirements={"zh": 8}, arrival={"kind": "times", "at_s": [0]}, tier=0)
    agents = [{"name": "good", "skills": {"zh": 8}}, {"name": "fair", "skills": {"zh": 3}}]
    answer = run({"duration_s": 100, "queues": [late, busy], "agents": agents})
    assert answer["queues"]["calls"]["wait_max_s"] == pytest.approx(30, abs=0.001)


def test_a_fading_minimum_lets_somebody_else_help_step_by_step() -> None:
    one_call = {"arrival": {"kind": "times", "at_s": [0]}, "handle": {"kind": "constant", "mean_s": 10}}
    fading = queue("calls", requirements={"zh": 5}, fading={"zh": {"step_s": 15, "floor": 2}}, **one_call)
    busy = queue("busy", requirements={"zh": 8}, arrival={"kind": "times", "at_s": [0]}, tier=0)
    agents = [{"name": "good", "skills": {"zh": 8}}, {"name": "fair", "skills": {"zh": 3}}]
    answer = run({"duration_s": 100, "queues": [fading, busy], "agents": agents})
    assert answer["queues"]["calls"]["wait_max_s"] == pytest.approx(30, abs=0.001)


def test_fading_that_never_falls_is_refused_with_its_queue() -> None:
    with pytest.raises(InvalidInput) as refused:
        read_scenario(
            scenario(queues=[queue("calls", requirements={"zh": 5}, fading={"zh": {"step_s": 5, "floor": 5}})])
        )
    assert refused.value.extra["path"] == "queues[0].fading"


def test_an_interrupted_task_is_parked_and_finished_later() -> None:
    task = queue(
        "tasks",
        channel="task",
        arrival={"kind": "times", "at_s": [0]},
        handle={"kind": "constant", "mean_s": 100},
    )
    call = queue("calls", arrival={"kind": "times", "at_s": [50]}, handle={"kind": "constant", "mean_s": 30})
    answer = run({"duration_s": 200, "queues": [task, call], "agents": [{"name": "a"}]})
    assert answer["queues"]["calls"]["wait_max_s"] == 0
    # 100 s of a task at a tenth and 30 s of a call at the whole, of 200 s.
    assert answer["agents"]["occupancy_mean"] == pytest.approx((100 * 0.1 + 30) / 200)


def test_an_offer_that_takes_time_to_accept_counts_as_waiting() -> None:
    document = scenario(duration_s=3600 * 5, offer={"accept_s": 4}, agents=[{"name": "a", "count": 40}])
    assert run(document)["queues"]["calls"]["wait_p50_s"] == pytest.approx(4)


@pytest.mark.parametrize(
    ("path", "value", "wrong"),
    [
        ((), [], "(the file)"),
        (("queues",), [], "queues"),
        (("duration_s",), 0, "duration_s"),
        (("warmup_s",), 1e9, "warmup_s"),
        (("policy",), "best", "policy"),
        (("extra",), 1, "extra"),
        (("queues", 0, "channel"), "fax", "queues[0].channel"),
        (("queues", 0, "tier"), 3, "queues[0].tier"),
        (("queues", 0, "arrival"), {"kind": "sometimes"}, "queues[0].arrival.kind"),
        (("queues", 0, "arrival", "rate_per_h"), -1, "queues[0].arrival.rate_per_h"),
        (("queues", 0, "arrival", "rate_per_h"), 1e12, "queues[0].arrival.rate_per_h"),
        (("queues", 0, "handle", "mean_s"), "300", "queues[0].handle.mean_s"),
        (("queues", 0, "requirements"), {"zh": 11}, "queues[0].requirements.zh"),
        (("queues", 0, "rings"), [{"enter_after_s": 5}, {"enter_after_s": 5}], "queues[0].rings"),
        (("queues", 0, "fading"), {"zh": {"step_s": 5, "floor": 10}}, "queues[0].fading.zh.floor"),
        (("agents", 0, "count"), 0, "agents[0].count"),
        (("agents", 0, "per_channel"), {"fax": 1}, "agents[0].per_channel.fax"),
    ],
)
def test_a_wrong_file_is_refused_with_the_path_of_the_field(path: tuple[Any, ...], value: Any, wrong: str) -> None:
    document: Any = copy.deepcopy(scenario())
    if path:
        place = document
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
    else:
        document = value
    with pytest.raises(InvalidInput) as refused:
        read_scenario(document)
    assert refused.value.extra["path"] == wrong


@pytest.mark.parametrize("missing", ["name", "channel", "target_s", "arrival", "handle"])
def test_a_queue_needs_its_required_fields(missing: str) -> None:
    document = scenario()
    del document["queues"][0][missing]
    with pytest.raises(InvalidInput) as refused:
        read_scenario(document)
    assert refused.value.extra["path"] == f"queues[0].{missing}"


def test_gini_and_percentile_of_simple_lists() -> None:
    assert gini([1, 1, 1, 1]) == pytest.approx(0)
    assert gini([0, 0, 0, 1]) == pytest.approx(0.75)
    assert percentile([1, 2, 3, 4], 0.5) == 2
    assert percentile([], 0.95) == 0

"""What the long forms make of what they saw: a figure misses its line when the promise was not kept."""

from collections import Counter
from dataclasses import replace

from benchmarks.prove import (
    chaos,
    disk_full,
    growth_history,
    growth_memory,
    growth_routing,
    growth_sockets,
    races,
    reconnect,
    router_machine,
    theory,
)
from benchmarks.prove.growth_sockets import Cost
from benchmarks.prove.reconnect import Return
from benchmarks.prove.reconnect import Story as Returns
from benchmarks.prove.router_machine import Walked
from tests.simulation.chaos import Story
from tests.simulation.harm import Form, plan_harm
from tests.simulation.races import Story as RacesStory
from tests.simulation.router_truth import KINDS

FULL = chaos.long_form(1, bus="postgres", rounds=20, conversations=200, kills_share=1.0)
WITH_NATS = chaos.long_form(1, bus="nats", rounds=5, conversations=200, kills_share=1.0)


def held(figures: object) -> dict[str, bool]:
    return {figure.id: figure.holds for figure in figures}  # type: ignore[attr-defined]


def test_a_full_run_plans_at_least_a_thousand_kills_and_every_kind_of_harm() -> None:
    plan = [harm for harms in plan_harm(FULL) for harm in harms]
    assert sum(harm.kind.startswith("kill") for harm in plan) >= 1_000
    assert {"freeze_router", "freeze_api", "freeze_postgres", "read_only", "slow_line", "cut_line"} <= {
        harm.kind for harm in plan
    }


def test_with_nats_the_bus_dies_too_and_each_of_the_two_apis() -> None:
    plan = [harm for harms in plan_harm(WITH_NATS) for harm in harms]
    assert {"kill_bus", "freeze_bus"} <= {harm.kind for harm in plan}
    assert {harm.whom for harm in plan if harm.kind == "kill_api"} == {"api", "api1"}
    assert {harm.whom for harm in plan if harm.kind == "kill_worker"} == {"worker0", "worker1"}


def test_harm_of_a_round_falls_within_its_messages_and_the_same_seed_plans_the_same() -> None:
    in_a_round = FULL.conversations * FULL.messages // FULL.rounds
    for number, harms in enumerate(plan_harm(FULL)):
        assert all(number * in_a_round <= harm.after_messages < (number + 1) * in_a_round for harm in harms)
    assert plan_harm(FULL) == plan_harm(FULL)


def test_a_short_or_faulty_chaos_does_not_hold() -> None:
    story = Story(Counter({"kill_api": 600, "kill_worker": 400}), rounds=20, messages=12_000)
    assert chaos.tell(FULL, story).holds
    assert held(chaos.tell(FULL, Story(story.harms, rounds=19)).figures) == {
        "faults": True,
        "rounds": False,
        "kills": True,
    }
    story.faults.append("positions are not dense")
    outcome = chaos.tell(FULL, story)
    assert not outcome.holds
    assert outcome.faults == ["positions are not dense"]


def test_the_short_chaos_cuts_no_lines_and_shifts_no_clocks() -> None:
    assert not Form(seed=5).has_lines
    assert {harm.kind for harm in plan_harm(Form(seed=5))[0]} == {
        "kill_api",
        "kill_worker",
        "kill_postgres",
        "freeze_router",
    }


def test_a_frame_costs_what_a_message_costs_beyond_taking_it_in() -> None:
    costs = {
        0: [Cost(0.02, 10)] * 3,
        100: [Cost(0.03, 10), Cost(0.03, 10), Cost(9.0, 10)],
        1_000: [Cost(0.22, 10)] * 3,
    }
    outcome = growth_sockets.tell(costs, [])
    assert [(x, round(y, 3)) for x, y in outcome.curves[0].points] == [(100, 10.0), (1_000, 20.0)]
    assert round(outcome.figures[0].value, 3) == 2
    assert outcome.holds


def test_the_rate_over_history_is_held_to_the_empty_one_round_by_round() -> None:
    outcome = growth_history.tell([0, 1_000], [(600, 500), (300, 200), (900, 800)], [])
    assert round(outcome.figures[0].value, 3) == 1.2
    assert outcome.holds
    assert outcome.curves[0].points == [(0, 600), (1_000, 500)]
    assert not growth_history.tell([0, 1_000], [(600, 300)], []).holds


def test_memory_that_grows_beyond_its_line_does_not_hold() -> None:
    flat, growing = [(100.0, 80.0), (1_000.0, 84.0)], [(100.0, 80.0), (1_000.0, 120.0)]
    outcome = growth_memory.tell({"api": flat, "worker": growing}, [])
    assert held(outcome.figures) == {"api": True, "worker": False}
    assert outcome.notes[1].endswith("79.6 MiB and +4444.4 a million")


def test_a_database_that_comes_back_too_late_does_not_hold() -> None:
    def went(back_seconds: float) -> disk_full.Spell:
        return disk_full.Spell("read-only", Counter({"database_read_only": 40}), 8, back_seconds)

    assert disk_full.tell([went(2.0)], []).holds
    assert not disk_full.tell([went(31.0)], []).holds
    assert "database_read_only 40 times" in disk_full.tell([went(2.0)], []).notes[0]


def test_a_return_is_held_to_ten_seconds_and_to_what_the_live_ones_feel() -> None:
    calm, meanwhile = (0.010, 0.030), (0.020, 0.100)
    quick = Return("reset", [1.0, 2.0, 9.0], 0.3, 3, {}, 0, calm, meanwhile)
    late = replace(quick, how="killed", seconds=[1.0, 11.0])
    still = Return("still", [1.0, 2.0], 0.004, 2, {}, 0)
    story = Returns(3, [still, quick, late], [(0.0, 100.0), (3.0, 100.3)])
    outcome = reconnect.tell(story)
    assert held(outcome.figures) == {
        "still-return": True,
        "cpu": True,
        "reset-return": True,
        "reset-live-p50": True,
        "reset-live-p99": False,
        "killed-return": False,
        "memory": False,
    }
    assert "100.00 ms of the api's CPU a console" in outcome.notes[1]
    assert {curve.name for curve in outcome.curves} == {
        *("reconnect-still", "reconnect-reset", "reconnect-killed", "reconnect-memory")
    }


def test_races_hold_when_all_rounds_went_by_and_none_left_a_fault() -> None:
    story = RacesStory(10_000, Counter({"accept": 3}), Counter({"accept: offer_taken": 2}), Counter(KINDS.keys()))
    assert races.tell(races.FULL, story).holds
    assert held(races.tell(races.FULL, RacesStory(rounds=9_999)).figures) == {
        "faults": True,
        "rounds": False,
        "kinds": False,
        "starved": True,
    }
    story.refused |= Counter({"accept: starved": races.MOST_STARVED, "pick: starved": 1})
    assert held(races.tell(races.FULL, story).figures)["starved"] is False
    del story.refused["pick: starved"]
    assert races.tell(races.FULL, story).holds
    story.faults.append("round 7: drift")
    assert not races.tell(races.FULL, story).holds


def test_the_machine_holds_when_enough_sequences_broke_nothing() -> None:
    assert router_machine.tell(Walked(1_000, 50_000, (), Counter(KINDS.keys()))).holds
    assert not router_machine.tell(Walked(1_000, 50_000)).holds
    assert not router_machine.tell(Walked(999, 50_000, (), Counter(KINDS.keys()))).holds
    assert not router_machine.tell(Walked(1_000, 50_000, ("AssertionError: drift",), Counter(KINDS.keys()))).holds


def test_a_routing_decision_is_held_to_its_flatness_and_a_rebuild_to_a_line() -> None:
    curves = {
        "agents": [(500.0, 15.0), (5_000.0, 20.0), (20_000.0, 60.0)],
        "waiting": [(100.0, 41.0), (100_000.0, 20.0), (1_000_000.0, 25.0)],
        "profiles": [(20.0, 20.0), (5_000.0, 49.0)],
        "rebuild": [(1_000.0, 0.1), (10_000.0, 0.19), (100_000.0, 1.09)],
    }
    outcome = growth_routing.tell(curves)
    assert held(outcome.figures) == {"agents": True, "waiting": False, "profiles": True, "rebuild": True}
    assert round(outcome.figures[3].value, 3) == 1
    assert len(outcome.curves) == 4


def test_theory_is_run_over_the_same_seeds_and_says_how_far_apart() -> None:
    runs = theory.Runs(seeds=2, arrivals=300)
    [figure] = theory.erlang_a(runs)
    assert "theory 0.1524" in figure.what
    assert figure.must == 0.03
    assert runs.faults == []
    assert 400 < runs.customers < 800

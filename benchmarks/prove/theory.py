"""The router's engine against queueing theory, averaged over seeds: one seed alone scatters by five per cent."""

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from statistics import mean
from typing import Any

from app.routing.scenario import read_scenario
from app.routing.simulation import Simulation
from benchmarks.prove.records import Measured, Outcome, counted
from tests.unit.routing.erlang import erlang_a_abandonment, erlang_c_wait_s

SEEDS, ARRIVALS = 6, 140_000
WARM_UP_S = 3_600
HANDLE_S, PATIENCE_S = 300.0, 120.0
STARVED_TARGET_S = 300
BLENDED_MUST_S = 90.0
Answer = dict[str, Any]
Document = dict[str, Any]


def queue(name: str, rate_per_h: float, **changes: Any) -> Document:
    return {
        "name": name,
        "channel": "phone",
        "target_s": 20,
        "arrival": {"kind": "poisson", "rate_per_h": rate_per_h},
        "handle": {"kind": "exponential", "mean_s": HANDLE_S},
    } | changes


def scenario(queues: list[Document], agents: list[Document], arrivals: int) -> Document:
    """So long that about so many customers come after the warm-up."""
    rate_per_h = sum(each["arrival"]["rate_per_h"] for each in queues)
    duration_s = WARM_UP_S + 3_600 * arrivals / rate_per_h
    return {"duration_s": duration_s, "warmup_s": WARM_UP_S, "queues": queues, "agents": agents}


def pool(count: int) -> list[Document]:
    return [{"name": "a", "count": count}]


class Runs:
    """The answers of a scenario under each seed; a broken invariant is a fault."""

    def __init__(self, seeds: int, arrivals: int) -> None:
        self.seeds, self.arrivals = seeds, arrivals
        self.faults: list[str] = []
        self.customers = 0

    def of(self, queues: list[Document], agents: list[Document], *, policy: str = "default") -> list[Answer]:
        document = scenario(queues, agents, self.arrivals) | {"policy": policy}
        return [self._run(document | {"seed": seed}) for seed in range(1, self.seeds + 1)]

    def _run(self, document: Document) -> Answer:
        answer: Answer = Simulation(read_scenario(document)).run()
        if answer["violations"]:
            self.faults.append(f"{answer['violations']} violations with seed {document['seed']}")
        self.customers += sum(each["offered"] for each in answer["queues"].values())
        return answer


def mean_wait_s(answers: Iterable[Answer]) -> float:
    """Over all queues by their answered, then over the seeds."""
    return mean(
        sum(each["wait_mean_s"] * each["answered"] for each in answer["queues"].values())
        / sum(each["answered"] for each in answer["queues"].values())
        for answer in answers
    )


def erlang_c(runs: Runs) -> list[Measured]:
    waited = mean_wait_s(runs.of([queue("calls", 96)], pool(10)))
    return [_apart("erlang-c", "mean wait of ten agents at load 8", waited, erlang_c_wait_s(10, 8, HANDLE_S), 0.05)]


def erlang_a(runs: Runs) -> list[Measured]:
    patience = {"kind": "exponential", "mean_s": PATIENCE_S}
    answers = [one["queues"]["calls"] for one in runs.of([queue("calls", 120, patience=patience)], pool(10))]
    left = mean(each["abandoned"] / each["offered"] for each in answers)
    theory = erlang_a_abandonment(10, 10, HANDLE_S, PATIENCE_S)
    return [_apart("erlang-a", "share that leaves ten agents at load 10, patience 120 s", left, theory, 0.03)]


def chats(runs: Runs) -> list[Measured]:
    waited = mean_wait_s(runs.of([queue("chats", 204, channel="chat")], pool(5)))
    theory = erlang_c_wait_s(20, 17, HANDLE_S)
    return [_apart("chats", "mean wait of four chats on each of 5 agents, to 20 servers", waited, theory, 0.05)]


def specialists(runs: Runs) -> list[Measured]:
    queues = [queue(name, 50, requirements={name: 5}) for name in ("one", "other")]
    agents = [
        {"name": "one", "count": 4, "skills": {"one": 8}},
        {"name": "other", "count": 4, "skills": {"other": 8}},
        {"name": "both", "count": 2, "skills": {"one": 8, "other": 8}},
    ]
    ours = mean_wait_s(runs.of(queues, agents))
    longest_idle = mean_wait_s(runs.of(queues, agents, policy="longest_idle"))
    bound = erlang_c_wait_s(10, 100 * HANDLE_S / 3_600, HANDLE_S)
    what = "mean wait of specialists with generalists"
    return [
        counted("specialists", f"{what}, to that by longest idle", ours / longest_idle, "times", must=1.0),
        counted("pooled", f"{what}, to the bound of one pool of all", ours / bound, "times", must=2.0),
        counted("bound", f"{what}, to the same: none can be below it", ours / bound, "times", must=0.95, at_least=True),
    ]


def starvation(runs: Runs) -> list[Measured]:
    queues = [queue("high", 80, priority=9), queue("low", 16, target_s=STARVED_TARGET_S)]
    answers = runs.of(queues, pool(10))
    longest = {name: max(one["queues"][name]["wait_max_s"] for one in answers) for name in ("high", "low")}
    limit = longest["high"] + STARVED_TARGET_S
    what = "longest wait of the low priority, to that of the high one and the difference of their targets"
    return [counted("starvation", what, longest["low"] / limit, "times", must=1.0)]


def blended(runs: Runs) -> list[Measured]:
    answers = runs.of([queue("calls", 42), queue("chats", 168, channel="chat", target_s=60)], pool(10))
    waited = mean(one["queues"]["calls"]["wait_mean_s"] for one in answers)
    what = "mean wait for voice, ten blended agents at 70 % load, half of it chat"
    return [counted("blended", what, waited, "s", must=BLENDED_MUST_S)]


FORMS: tuple[Callable[[Runs], list[Measured]], ...] = (erlang_c, erlang_a, chats, specialists, starvation, blended)


def _apart(id: str, what: str, ours: float, theory: float, must: float) -> Measured:
    return counted(id, f"{what}: {ours:.4g}, theory {theory:.4g}; apart by", abs(ours / theory - 1), "times", must=must)


def measure(seeds: int, arrivals: int) -> Outcome:
    runs, figures = Runs(seeds, arrivals), []
    for form in FORMS:
        figures += form(runs)
        print(json.dumps({figure.id: figure.value for figure in figures}), file=sys.stderr, flush=True)
    note = f"{seeds} seeds of {arrivals:,} arrivals each, {runs.customers:,} customers counted in all"
    return Outcome(figures, faults=runs.faults, notes=[note])


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--arrivals", type=int, default=ARRIVALS)
    asked = parser.parse_args()
    outcome = measure(asked.seeds, asked.arrivals)
    print(outcome.as_text())
    return 0 if outcome.holds else 1


if __name__ == "__main__":
    sys.exit(main())

"""What a routing decision costs, in CPU time, over agents, waiting work and profiles; and a rebuild over its size."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import process_time

from app.core.clock import DatabaseClock
from app.core.database import Database
from app.core.log_signal import LogSignal
from app.core.runtime import spare_the_collector
from app.ops.embedded_postgres import EmbeddedPostgres
from app.routing.service.router import Router
from benchmarks.prove.records import Curve, Measured, Outcome, counted
from benchmarks.routing import World
from benchmarks.routing_shell import clone, fill

AGENTS = (100, 500, 1_000, 2_000, 5_000, 10_000, 20_000)
WAITING = (100, 1_000, 10_000, 100_000, 1_000_000)
PROFILES = (20, 200, 1_000, 5_000)
REBUILT = (1_000, 10_000, 50_000, 100_000, 200_000)
REBUILT_AGENTS = 1_000
EVENTS, ROUNDS = 6_000, 3
FLAT_MUST = 2.0
"""The issue's line: from 100 to 5,000 agents, and from 100 to 100,000 waiting."""
LEAST_RATE = 20_000.0
LINEAR_MUST = 1.5
Point = tuple[int, int, int]
"""(agents, profiles, waiting)."""
Points = list[tuple[float, float]]


def measure(share: float) -> Outcome:
    """`share`: of each curve's points, the first ones; three at least."""
    spare_the_collector()

    def some(points: Sequence[int]) -> Sequence[int]:
        return points[: max(3, round(len(points) * share))]

    curves = {
        "agents": [(float(agents), cost((agents, 200, 20_000))) for agents in some(AGENTS)],
        "waiting": [(float(waiting), cost((5_000, 200, waiting))) for waiting in some(WAITING)],
        "profiles": [(float(profiles), cost((5_000, profiles, 20_000))) for profiles in some(PROFILES)],
        "rebuild": rebuilds(some(REBUILT)),
    }
    return tell(curves)


def tell(curves: dict[str, Points]) -> Outcome:
    rates = [(profiles, 1e6 / us) for profiles, us in curves["profiles"]]
    figures = [
        _flat("agents", curves["agents"], up_to=5_000),
        _flat("waiting", curves["waiting"], up_to=100_000),
        counted(
            "profiles",
            f"least decisions a second of 5,000 agents with up to {rates[-1][0]:,.0f} profiles",
            min(rate for _, rate in rates),
            "1/s",
            must=LEAST_RATE,
            at_least=True,
        ),
        _linear("rebuild", curves["rebuild"]),
    ]
    drawn = [
        Curve("growth-routing-agents", "An offer over agents (20,000 waiting)", "agents", US, curves["agents"]),
        Curve("growth-routing-waiting", "An offer over waiting work (5,000 agents)", "waiting", US, curves["waiting"]),
        Curve("growth-routing-profiles", "An offer over profiles (5,000 agents)", "profiles", US, curves["profiles"]),
        Curve("growth-routing-rebuild", "The router's memory anew", "waiting work", "CPU seconds", curves["rebuild"]),
    ]
    notes = [f"{name}: {', '.join(f'{x:,.0f} {y:.3g}' for x, y in points)}" for name, points in curves.items()]
    return Outcome(figures, drawn, notes=notes)


US = "CPU microseconds an offer"


def _flat(name: str, points: Points, *, up_to: float) -> Measured:
    held = [(x, us) for x, us in points if x <= up_to]
    what = f"dearest offer to the cheapest, from {held[0][0]:,.0f} to {held[-1][0]:,.0f} {name}"
    return counted(name, what, max(us for _, us in held) / min(us for _, us in held), "times", must=FLAT_MUST)


def _linear(name: str, points: Points) -> Measured:
    """By what is added, not by what a rebuild of nothing costs."""
    (small, cheap), (middle, dear), (large, dearest) = points[0], points[len(points) // 2], points[-1]
    early, late = (dear - cheap) / (middle - small), (dearest - dear) / (large - middle)
    what = f"CPU time of a work more beyond {middle:,.0f} waiting, to that below"
    return counted(name, what, late / early, "times", must=LINEAR_MUST)


def cost(point: Point) -> float:
    agents, profiles, waiting = point
    world = World(agents, profiles, waiting)
    world.steady(EVENTS // 4)
    us = 1e6 / median(world.steady(EVENTS // 3).offers for _ in range(ROUNDS))
    print(f"{point}: {us:.1f} us", file=sys.stderr, flush=True)
    return us


def rebuilds(sizes: Sequence[int]) -> Points:
    """(waiting works, CPU seconds of the router's process): PostgreSQL's part is not in it."""
    with tempfile.TemporaryDirectory(prefix="switchboard-growth-") as folder:
        server = EmbeddedPostgres(Path(folder))
        try:
            return asyncio.run(_rebuilds(server.start(), sizes))
        finally:
            server.stop()


async def _rebuilds(server: str, sizes: Sequence[int]) -> Points:
    points = []
    for size in sizes:
        url = await clone(server, f"rebuilt_{size}", "template1")
        await fill(url, REBUILT_AGENTS, size)
        took = [await _rebuild(url) for _ in range(ROUNDS)]
        points.append((float(size), median(took)))
        print(f"rebuild of {size}: {points[-1][1]:.2f} s", file=sys.stderr, flush=True)
    return points


async def _rebuild(url: str) -> float:
    database = Database(url, application_name="bench")
    router = Router(database, DatabaseClock(), LogSignal(), holder="bench")
    started = process_time()
    await router.rebuild()
    took = process_time() - started
    await database.close()
    return took


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--share", type=float, default=1.0, help="of the points of each curve")
    outcome = measure(parser.parse_args().share)
    print(outcome.as_text())
    return 0 if outcome.holds else 1


if __name__ == "__main__":
    sys.exit(main())

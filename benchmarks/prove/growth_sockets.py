"""What one frame costs the api, in CPU time, from a hundred sockets to five thousand."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import asyncpg
import psutil

from app.ops.bench.fanout import SENDERS, Fanout, connected, prepare
from app.ops.bench.scratch import Scratch, run, scratch
from app.ops.bench.world import Sender, World, check, drained
from benchmarks.prove.growth import run_over_points
from benchmarks.prove.records import Curve, Outcome, counted

POINTS = (100, 500, 1_000, 2_000, 5_000)
ROUNDS = 5
ROUND_SECONDS = 2.0
MUST = 2.5


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one round: CPU seconds of the api, for so many messages, each a frame to every socket."""

    cpu_seconds: float
    messages: int


def measure(points: Sequence[int], round_seconds: float) -> Outcome:
    with scratch() as installation:
        world, senders = run(prepare(installation, max(points)))
        api = installation.start_api()
        bare = installation.start_listening("bare", "from app.ops.bench.bare_sockets import main; main({fd})")
        costs, faults = run(_measure(installation, world, senders, api, bare, points, round_seconds))
        return tell(costs, [*faults, *installation.faults()])


def tell(costs: dict[int, list[Cost]], faults: list[str]) -> Outcome:
    """`costs` by number of sockets; without any, a message costs what it costs to take in."""
    taking_in = _cpu_of_a_message(costs[0])
    points = [
        (float(sockets), 1e6 * (_cpu_of_a_message(rounds) - taking_in) / sockets)
        for sockets, rounds in sorted(costs.items())
        if sockets
    ]
    few, many = points[0], points[-1]
    what = f"CPU time of a frame to {many[0]:,.0f} sockets, to that of one to {few[0]:,.0f}"
    figure = counted("frame", what, many[1] / few[1], "times", must=MUST)
    title = "CPU time of the api for one frame"
    curve = Curve("growth-sockets", title, "sockets", "microseconds a frame", points, line=few[1] * MUST)
    note = f"taking a message in costs {1e6 * taking_in:.0f} us of CPU time without any socket, which is subtracted"
    return Outcome([figure], [curve], faults, [note])


def _cpu_of_a_message(rounds: Sequence[Cost]) -> float:
    return median(cost.cpu_seconds / cost.messages for cost in rounds)


async def _measure(
    installation: Scratch,
    world: World,
    senders: list[Sender],
    api: tuple[str, int],
    bare: tuple[str, int],
    points: Sequence[int],
    round_seconds: float,
) -> tuple[dict[int, list[Cost]], list[str]]:
    observer = await asyncpg.connect(installation.url)
    process = psutil.Process(installation.pid_of("api-0"))
    costs: dict[int, list[Cost]] = {}
    sent = 0
    faults = []
    for sockets in (0, *points):
        await drained(observer)
        async with connected(observer, world, senders, api, bare, round_seconds, sockets=sockets) as fanout:
            fanout.turn = sent  # client ids go on: a repeated one would be a duplicate
            costs[sockets] = [await _round(fanout, process) for _ in range(ROUNDS + 1)][1:]
            sent = fanout.turn
            if fanout.ours.frames != fanout.posted_frames:
                faults.append(f"{sockets} sockets: {fanout.ours.frames} frames came of {fanout.posted_frames}")
    await drained(observer)
    faults += await check(observer, messages=SENDERS + sent)
    await observer.close()
    return costs, faults


async def _round(fanout: Fanout, process: psutil.Process) -> Cost:
    before, posted = process.cpu_times(), fanout.posted
    await fanout.events()
    after = process.cpu_times()
    return Cost(after.user + after.system - before.user - before.system, fanout.posted - posted)


if __name__ == "__main__":
    sys.exit(run_over_points(measure, POINTS, ROUND_SECONDS))

"""Memory of api and worker while a million messages go through them."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from statistics import linear_regression

import asyncpg
import psutil

from app.core.database import Database
from app.ops.bench.http_load import HttpLoad
from app.ops.bench.scratch import Scratch, run, scratch
from app.ops.bench.world import Sender, Writing, check, drained, let_write, make_senders, make_world
from benchmarks.prove.records import Curve, Outcome, counted

MESSAGES = 1_000_000
SAMPLES = 10
KNOWN = 5_000
CONNECTIONS = 64
SLICE_SECONDS = 5.0
MUST = 1.15
PROCESSES = {"api": "api-0", "worker": "worker"}
Samples = Mapping[str, Sequence[tuple[float, float]]]
"""By process: (messages so far, MiB resident)."""


def measure(messages: int, slice_seconds: float) -> Outcome:
    with scratch() as installation:
        senders = run(_prepare(installation))
        address = installation.start_api()
        installation.start_worker()
        samples, faults = run(_measure(installation, senders, address, messages, slice_seconds))
        return tell(samples, [*faults, *installation.faults()])


def tell(samples: Samples, faults: list[str]) -> Outcome:
    """The first sample is the yardstick: by then every cache and pool is filled."""
    figures, curves = [], []
    for name, points in samples.items():
        begun, ended = points[0], points[-1]
        what = f"memory after {ended[0]:,.0f} messages, to that after {begun[0]:,.0f}"
        figures.append(counted(name, what, ended[1] / begun[1], "times", must=MUST))
        title = f"Memory of the {name}"
        curves.append(Curve(f"growth-memory-{name}", title, "messages", "MiB resident", points, begun[1] * MUST))
    how = f"from {KNOWN:,} customers, whose conversations wait for an agent, over {CONNECTIONS} connections"
    return Outcome(figures, curves, faults, [how, *(_fitted(name, points) for name, points in samples.items())])


def _fitted(name: str, points: Sequence[tuple[float, float]]) -> str:
    """A leak is a slope, however far below its line it ends."""
    slope, begun = linear_regression([messages for messages, _ in points], [mebibytes for _, mebibytes in points])
    return f"{name}: the line fitted to its {len(points)} samples is {begun:.1f} MiB and {slope * 1e6:+.1f} a million"


async def _prepare(installation: Scratch) -> list[Sender]:
    database = Database(installation.url, application_name="bench")
    world = await make_world(database)
    senders = make_senders(world.account_id, KNOWN)
    await let_write(database, senders)
    await database.close()
    return senders


async def _measure(
    installation: Scratch, senders: list[Sender], address: tuple[str, int], messages: int, slice_seconds: float
) -> tuple[Samples, list[str]]:
    observer = await asyncpg.connect(installation.url)
    processes = {name: psutil.Process(installation.pid_of(child)) for name, child in PROCESSES.items()}
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in processes}
    load, writing = HttpLoad(address, CONNECTIONS), Writing(senders, [], new_of_ten=0)
    answered = refused = 0
    for number in range(1, SAMPLES + 1):
        while answered < messages * number / SAMPLES:
            outcome = await load.closed_loop(writing.request, slice_seconds)
            answered += len(outcome.seconds)
            refused += sum(outcome.refused.values())
            await drained(observer)
        for name, process in processes.items():
            samples[name].append((float(answered), process.memory_info().rss / 2**20))
    faults = await check(observer, messages=KNOWN + answered)
    faults += [f"{refused} requests were refused"] if refused else []
    await observer.close()
    return samples, faults


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=MESSAGES)
    parser.add_argument("--slice-seconds", type=float, default=SLICE_SECONDS)
    asked = parser.parse_args()
    outcome = measure(asked.messages, asked.slice_seconds)
    print(outcome.as_text())
    return 0 if outcome.holds else 1


if __name__ == "__main__":
    sys.exit(main())

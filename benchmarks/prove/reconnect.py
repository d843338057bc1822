"""Two thousand consoles cut at once: how soon all are caught up, what others feel meanwhile, what a socket holds."""

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import psutil

from app.core import event_log
from app.core.driver import connect_to_log
from app.ops.bench.api_process import COLLECT_PATH
from app.ops.bench.http_load import HttpConnection, request
from app.ops.bench.measuring import now, percentile
from app.ops.bench.scratch import Scratch, run, scratch
from app.ops.bench.world import check, drained
from benchmarks.prove.reconnect_live import Live
from benchmarks.prove.reconnect_world import Floor, make_floor, positions_by_team
from benchmarks.prove.records import Curve, Measured, Outcome, counted

CONSOLES = 2_000
TEAMS = 20
CALM_SECONDS = 20.0
RETURN_MUST_SECONDS = 10.0
RATIO_MUST = 3.0
CPU_MUST_MS = 2.5
"""Two thousand take half of the ten seconds."""
MEMORY_MUST_KIB = 100.0
CURVE_POINTS = 40
STILL = "still"
ROUNDS = ("reset", "silent", "killed")
"""How the lines are cut: the api sees resets; it sees nothing (as behind a proxy); it is itself killed."""


@dataclass(frozen=True, slots=True)
class Return:
    """One cut. `seconds`: of each console from the cut to caught up. `before`, `meanwhile`: of the live, (p50, p99)."""

    how: str
    seconds: Sequence[float]
    cpu_seconds: float
    """Of the api, beyond what the same time costs in calm."""
    tries: int
    failed: Mapping[str, int]
    repeated: int
    before: tuple[float, float] | None = None
    meanwhile: tuple[float, float] | None = None


@dataclass(slots=True)
class Story:
    """`memory`: (consoles, MiB of the api), the last one after all cuts."""

    consoles: int
    returns: list[Return] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)
    memory_after: float = 0.0
    faults: list[str] = field(default_factory=list)


def measure(consoles: int, calm_seconds: float, rounds: Sequence[str]) -> Outcome:
    with scratch() as installation:
        floor = run(make_floor(installation, consoles=consoles, teams=TEAMS))
        address = installation.start_api()
        installation.start_worker()
        story = run(_measure(installation, floor, address, calm_seconds, rounds))
        story.faults += installation.faults()
        return tell(story)


def tell(story: Story) -> Outcome:
    figures: list[Measured] = []
    curves, notes = [], []
    for each in story.returns:
        figures += _figures(each)
        notes.append(note(each))
        points = [(second, float(number)) for number, second in enumerate(sorted(each.seconds), start=1)]
        title = f"Consoles caught up ({each.how})"
        curves.append(Curve(f"reconnect-{each.how}", title, "seconds since the cut", "consoles", _thin(points)))
    if story.memory:
        kib = 1024 * (story.memory[-1][1] - story.memory[0][1]) / story.consoles
        figures.append(counted("memory", "of the api for each idle socket", kib, "KiB", must=MEMORY_MUST_KIB))
        curves.append(Curve("reconnect-memory", "Memory of the api", "idle sockets", "MiB resident", story.memory))
        held = ", ".join(f"{mib:.0f} MiB at {number:,.0f} sockets" for number, mib in story.memory)
        notes.append(f"the api holds {held}; {story.memory_after:.0f} MiB after all cuts")
    return Outcome(figures, curves, story.faults, notes)


def _figures(each: Return) -> list[Measured]:
    name = f"{each.how}-return"
    figures = [counted(name, "until every console is caught up", max(each.seconds), "s", must=RETURN_MUST_SECONDS)]
    if each.how == STILL:
        cpu = 1000 * each.cpu_seconds / len(each.seconds)
        figures.append(counted("cpu", "of the api for each console that returns", cpu, "ms", must=CPU_MUST_MS))
    if each.how == "killed" or each.before is None or each.meanwhile is None:
        return figures  # while the api is away nobody is live
    for share, before, meanwhile in zip(("p50", "p99"), each.before, each.meanwhile, strict=True):
        what = f"{share} from a post to a live console meanwhile ({1000 * meanwhile:.0f} ms), to that in calm"
        what += f" ({1000 * before:.0f} ms)"
        figures.append(counted(f"{each.how}-live-{share}", what, meanwhile / before, "times", must=RATIO_MUST))
    return figures


def _thin(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    step = max(1, len(points) // CURVE_POINTS)
    return [(0.0, 0.0), *points[::step], points[-1]]


def note(each: Return) -> str:
    half, most = percentile(each.seconds, 0.5), percentile(each.seconds, 0.99)
    failed = ", ".join(f"{count} {name}" for name, count in each.failed.items()) or "none"
    parts = (
        f"{each.how}: half were back after {half:.2f} s, 99 in 100 after {most:.2f} s",
        f"{each.tries:,} tries, failed: {failed}",
        f"{each.repeated:,} events came twice and were dropped by position",
        f"{1000 * each.cpu_seconds / len(each.seconds):.2f} ms of the api's CPU a console",
    )
    live = ""
    if each.meanwhile is not None:
        live = f"; live p50 {1000 * each.meanwhile[0]:.0f} ms, p99 {1000 * each.meanwhile[1]:.0f} ms"
    return "; ".join(parts) + live


class Crowd:
    """The other process. One order at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._turn = asyncio.Lock()

    async def order(self, do: str, **given: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._turn:
            self._process.stdin.write(json.dumps({"do": do, **given}).encode() + b"\n")
            answer = await self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the crowd ended")
        made: dict[str, Any] = json.loads(answer)
        return made


@asynccontextmanager
async def crowded(floor: Floor, address: tuple[str, int]) -> AsyncIterator[Crowd]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.prove.reconnect_crowd",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=64 * 1024 * 1024,
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps({"address": address, "tokens": floor.tokens, "teams": floor.teams}).encode() + b"\n")
    try:
        yield Crowd(process)
    finally:
        process.stdin.close()
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _measure(
    installation: Scratch, floor: Floor, address: tuple[str, int], calm_seconds: float, rounds: Sequence[str]
) -> Story:
    observer = await asyncpg.connect(installation.url)
    await drained(observer)
    start = await _head(installation)
    story = Story(len(floor.tokens))
    async with crowded(floor, address) as crowd:
        for upto in (0, len(floor.tokens) // 4, len(floor.tokens)):
            await crowd.order("join", upto=upto, after=f"1-{start}")
            await asyncio.sleep(2)
            story.memory.append((float(upto), await _memory(installation, address)))
            _tell(f"{upto} consoles, {story.memory[-1][1]:.1f} MiB")
        story.returns.append(await _cut_still(installation, crowd))
        _tell(note(story.returns[-1]))
        async with Live.on(address, floor, f"1-{start}") as live:
            for how in rounds:
                story.returns.append(await _cut(installation, crowd, live, how, calm_seconds))
                _tell(note(story.returns[-1]))
            await live.rest()
        story.memory_after = await _memory(installation, address)
        await drained(observer)
        await asyncio.sleep(1)
        expected = await positions_by_team(observer, floor.team_ids, start)
        checked = await crowd.order("check", expected=expected, start=start)
        if checked["wrong"]:
            story.faults.append(f"{checked['wrong']} consoles have gaps or doubles: {checked['first']}")
        story.faults += live.faults
        story.faults += await check(observer, messages=sum(map(len, floor.senders)) + live.posted)
    await observer.close()
    return story


async def _cut(installation: Scratch, crowd: Crowd, live: Live, how: str, calm_seconds: float) -> Return:
    process = psutil.Process(installation.pid_of("api-0"))
    begun, cpu = now(), _cpu(process)
    await asyncio.sleep(calm_seconds)
    calm_ended, calm_cpu = now(), (_cpu(process) - cpu) / (now() - begun)
    await live.settled()
    before, cpu, cut_at = live.latencies(begun, calm_ended), _cpu(process), now()
    cutting = asyncio.create_task(crowd.order("cut", how=how))
    if how == "killed":
        await asyncio.sleep(0.1)
        cpu = 0.0
        process = _kill(installation, process)
    told = await cutting
    ended = told["cut_at"] + max(told["seconds"])
    spent = _cpu(process) - cpu - calm_cpu * (now() - cut_at)
    await live.settled()
    meanwhile = live.latencies(told["cut_at"], ended)
    return Return(how, told["seconds"], spent, told["tries"], told["failed"], told["repeated"], before, meanwhile)


async def _cut_still(installation: Scratch, crowd: Crowd) -> Return:
    """While nobody writes, so that what is spent is the return alone."""
    process = psutil.Process(installation.pid_of("api-0"))
    cpu = _cpu(process)
    told = await crowd.order("cut", how="reset")
    spent = _cpu(process) - cpu
    return Return(STILL, told["seconds"], spent, told["tries"], told["failed"], told["repeated"])


def _tell(what: str) -> None:
    """To whoever waits; the record is the last line of the output."""
    print(what, file=sys.stderr, flush=True)


def _kill(installation: Scratch, process: psutil.Process) -> psutil.Process:
    installation.kill_and_restart("api-0")
    return psutil.Process(installation.pid_of("api-0"))


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def _memory(installation: Scratch, address: tuple[str, int]) -> float:
    """MiB resident, once the collector has been."""
    connection = await HttpConnection.open(*address)
    await connection.ask(request("POST", COLLECT_PATH))
    connection.close()
    return float(psutil.Process(installation.pid_of("api-0")).memory_info().rss / 2**20)


async def _head(installation: Scratch) -> int:
    connection = await connect_to_log(installation.url, application_name="bench")
    try:
        return (await event_log.head(connection)).number
    finally:
        await connection.close()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--consoles", type=int, default=CONSOLES)
    parser.add_argument("--calm-seconds", type=float, default=CALM_SECONDS)
    parser.add_argument("--rounds", nargs="*", choices=ROUNDS, default=ROUNDS)
    asked = parser.parse_args()
    outcome = measure(asked.consoles, asked.calm_seconds, asked.rounds)
    print(outcome.as_text())
    return 0 if outcome.holds else 1


if __name__ == "__main__":
    sys.exit(main())

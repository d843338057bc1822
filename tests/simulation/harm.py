"""What is done to a cluster and when: a plan drawn from a seed, and the hand that carries it out."""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import inf
from typing import Literal

import asyncpg
import httpx
import psutil

from app.ops.supervisor import Child
from tests.journeys.relay import Relay
from tests.simulation.cluster import Cluster

Kind = Literal[
    "kill_api",
    "kill_worker",
    "kill_postgres",
    "freeze_router",
    "freeze_api",
    "freeze_postgres",
    "slow_line",
    "cut_line",
]

POSTGRES_DOWN_SECONDS = (0.2, 2.0)
API_FROZEN_SECONDS = (1.0, 6.0)
POSTGRES_FROZEN_SECONDS = (0.5, 4.0)
LINE_SLOW_SECONDS = (2.0, 8.0)
LINE_CUT_SECONDS = (0.0, 3.0)
PIECE_DELAY_SECONDS = 0.05
"""What a slow line adds to each piece that crosses it, either way."""
LINES = ("clients", "api", "worker0", "worker1")
"""From the clients to the api; from each process to PostgreSQL."""
HARM_SHARE = (0.03, 0.9)
FREEZE_SHARE = (0.1, 0.6)
"""In which part of a round's progress the harm falls."""
GAP_SHARE = 0.06
"""Of progress between two kills of one kind: what died has come back and worked."""
ROOM_FOR_GAPS = 0.4
"""Where many are killed, the gap is smaller: so much of the round at most is gaps."""
TEND_SECONDS = 0.1
OWNER_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Form:
    """How large the run is. The plan of harm follows from `seed` and these alone."""

    seed: int
    conversations: int = 50
    messages: int = 3
    agents: int = 5
    arriving_seconds: float = 25.0
    """Customers come one after another over this time."""
    rounds: int = 1
    api_kills: int = 3
    worker_kills: int = 3
    postgres_kills: int = 2
    freeze_seconds: float = 10.0
    hand_on_share: float = 0.2
    """Of customers who ask for somebody else: the agent transfers the conversation."""
    api_freezes: int = 0
    postgres_freezes: int = 0
    slow_lines: int = 0
    cut_lines: int = 0
    offset_seconds: float = 0.0
    """By how much the machines of the two workers are ahead and behind."""
    repeat_share: float = 0.0
    """Of messages that are posted twice at once, and of those that come again after later ones."""
    no_round_after_seconds: float = inf

    @property
    def has_lines(self) -> bool:
        return self.slow_lines + self.cut_lines > 0


@dataclass(frozen=True, slots=True, order=True)
class Harm:
    """Done once `after_messages` of the customers' messages were answered with success: at work, on any machine."""

    after_messages: int
    kind: Kind
    lasts_seconds: float
    worker: int = 0
    line: str = ""


class Progress:
    """How many of the customers' messages were answered with success, and a way to wait for more."""

    def __init__(self) -> None:
        self.count = 0
        self._more = asyncio.Event()

    def add(self) -> None:
        self.count += 1
        self._more.set()
        self._more = asyncio.Event()

    async def reach(self, count: int) -> None:
        while self.count < count:
            await self._more.wait()


def plan_harm(form: Form) -> list[list[Harm]]:
    """Round by round, each in its order."""
    dice = random.Random(f"harm {form.seed}")
    in_a_round = form.conversations * form.messages // form.rounds
    return [
        sorted(
            replace(harm, after_messages=number * in_a_round + harm.after_messages)
            for harm in _plan_round(form, dice, in_a_round)
        )
        for number in range(form.rounds)
    ]


def _plan_round(form: Form, dice: random.Random, messages: int) -> list[Harm]:
    plan = [Harm(int(messages * dice.uniform(*FREEZE_SHARE)), "freeze_router", form.freeze_seconds)]
    plan += [Harm(at, "kill_api", 0) for at in _moments(form.api_kills, dice, messages)]
    plan += [Harm(at, "kill_worker", 0, dice.randrange(2)) for at in _moments(form.worker_kills, dice, messages)]
    lasting: tuple[tuple[Kind, int, tuple[float, float]], ...] = (
        ("kill_postgres", form.postgres_kills, POSTGRES_DOWN_SECONDS),
        ("freeze_api", form.api_freezes, API_FROZEN_SECONDS),
        ("freeze_postgres", form.postgres_freezes, POSTGRES_FROZEN_SECONDS),
    )
    for kind, count, span in lasting:
        plan += [Harm(at, kind, dice.uniform(*span)) for at in _moments(count, dice, messages)]
    lines: tuple[tuple[Kind, int, tuple[float, float]], ...] = (
        ("slow_line", form.slow_lines, LINE_SLOW_SECONDS),
        ("cut_line", form.cut_lines, LINE_CUT_SECONDS),
    )
    for kind, count, span in lines:
        for at in _moments(count, dice, messages):
            plan.append(Harm(at, kind, dice.uniform(*span), line=dice.choice(LINES)))
    return plan


def _moments(count: int, dice: random.Random, messages: int) -> list[int]:
    least, most = HARM_SHARE
    gap = min(GAP_SHARE, ROOM_FOR_GAPS * (most - least) / max(count, 1))
    moments: list[float] = []
    while len(moments) < count:
        share = dice.uniform(least, most)
        if all(abs(share - other) >= gap for other in moments):
            moments.append(share)
    return [int(share * messages) for share in moments]


async def tend(cluster: Cluster) -> None:
    """Start again what ended, with the pauses of `up`. Until cancelled."""
    while True:
        for child in (cluster.api, *cluster.workers):
            child.tend()
        await asyncio.sleep(TEND_SECONDS)


@dataclass(slots=True)
class Hand:
    """Carries plans out and counts what it did. What dies stays down for its time while everything else goes on."""

    cluster: Cluster
    lines: Mapping[str, Relay]
    done: Counter[Kind] = field(default_factory=Counter)
    _calm: asyncio.Lock = field(default_factory=asyncio.Lock)
    """While something is frozen no worker and no database dies, so that the second worker can take over."""

    async def inflict(self, plan: list[Harm], progress: Progress) -> None:
        async with asyncio.TaskGroup() as group:
            for harm in plan:
                await progress.reach(harm.after_messages)
                group.create_task(self._inflict(harm), name=harm.kind)

    async def _inflict(self, harm: Harm) -> None:
        cluster, seconds = self.cluster, harm.lasts_seconds
        match harm.kind:
            case "kill_api":
                await is_ready(cluster.url)
                await _kill(cluster.api)
            case "freeze_api":
                await _freeze_api(cluster, seconds)
            case "slow_line":
                await _slow(self.lines[harm.line], seconds)
            case "cut_line":
                await _cut(self.lines[harm.line], seconds)
            case _:
                async with self._calm:
                    await _inflict_in_calm(cluster, harm)
        self.done[harm.kind] += 1


async def _inflict_in_calm(cluster: Cluster, harm: Harm) -> None:
    match harm.kind:
        case "freeze_router":
            await _freeze(cluster, harm.lasts_seconds)
        case "kill_postgres":
            await _kill_postgres(cluster, harm.lasts_seconds)
        case "freeze_postgres":
            await _freeze_postgres(cluster, harm.lasts_seconds)
        case _:
            await _kill(cluster.workers[harm.worker])


async def _slow(line: Relay, seconds: float) -> None:
    line.slow_down(PIECE_DELAY_SECONDS)
    await asyncio.sleep(seconds)
    line.slow_down(0)


async def _cut(line: Relay, seconds: float) -> None:
    line.cut()
    await asyncio.sleep(seconds)
    line.mend()


async def _freeze_api(cluster: Cluster, seconds: float) -> None:
    await is_ready(cluster.url)
    frozen = cluster.api.process
    if frozen is None:
        return
    frozen.send_signal(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    frozen.send_signal(signal.SIGCONT)


async def _freeze_postgres(cluster: Cluster, seconds: float) -> None:
    """As a machine that hangs: the postmaster and all who serve somebody stop in whatever they are doing."""
    while cluster.postgres.pid is None:
        await asyncio.sleep(TEND_SECONDS)
    server = psutil.Process(cluster.postgres.pid)
    frozen = [server, *server.children(recursive=True)]
    for signal_number in (signal.SIGSTOP, signal.SIGCONT):
        for process in frozen:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal_number)
        if signal_number is signal.SIGSTOP:
            await asyncio.sleep(seconds)


async def is_ready(url: str) -> None:
    """Until the api serves and its database answers."""
    async with httpx.AsyncClient() as client:
        while True:
            with suppress(httpx.TransportError):
                if (await client.get(f"{url}/readyz")).is_success:
                    return
            await asyncio.sleep(TEND_SECONDS)


async def _kill(child: Child) -> None:
    """kill -9; it is started again by `tend`. One that is down already is killed once it runs again."""
    while child.process is None or child.ended():
        await asyncio.sleep(TEND_SECONDS)
    child.process.kill()
    child.process.wait()


async def _kill_postgres(cluster: Cluster, down_seconds: float) -> None:
    while cluster.postgres.pid is None:
        await asyncio.sleep(TEND_SECONDS)
    cluster.postgres.kill()
    await asyncio.sleep(down_seconds)
    cluster.postgres.start()


async def _freeze(cluster: Cluster, seconds: float) -> None:
    """The owner stops in whatever it is doing; the other worker must lead before it wakes."""
    frozen, epoch = await _await_owner(cluster, after_epoch=0)
    assert frozen.process is not None
    frozen.process.send_signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
        successor, _ = await _await_owner(cluster, after_epoch=epoch)
        assert successor is not frozen
    finally:
        frozen.process.send_signal(signal.SIGCONT)


async def _await_owner(cluster: Cluster, *, after_epoch: int) -> tuple[Child, int]:
    """The worker that leads in a later epoch than `after_epoch`, and that epoch."""
    while True:
        found = await _find_owner(cluster.database_url)
        if found is not None and found["epoch"] > after_epoch:
            worker = cluster.worker_of(found["holder"])
            if worker is not None:
                return worker, found["epoch"]
        await asyncio.sleep(OWNER_POLL_SECONDS)


async def _find_owner(database_url: str) -> asyncpg.Record | None:
    try:
        connection = await asyncpg.connect(database_url)
    except (OSError, asyncpg.PostgresError):
        return None
    try:
        return await connection.fetchrow("SELECT holder, epoch FROM owner WHERE name = 'router'")
    finally:
        await connection.close()

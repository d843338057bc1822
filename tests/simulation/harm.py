"""What is done to a cluster and when: a plan drawn from a seed, and the hand that carries it out."""

import asyncio
import random
import signal
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

import asyncpg
import httpx

from app.ops.supervisor import Child
from tests.simulation.cluster import Cluster

Kind = Literal["kill_api", "kill_worker", "kill_postgres", "freeze_router"]

POSTGRES_DOWN_SECONDS = (0.2, 2.0)
HARM_SHARE = (0.03, 0.9)
FREEZE_SHARE = (0.1, 0.6)
"""In which part of a round's progress the harm falls."""
GAP_SHARE = 0.06
"""Of progress between two kills of one kind: what died has come back and worked."""
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


@dataclass(frozen=True, slots=True, order=True)
class Harm:
    """Done once `after_messages` of the customers' messages were answered with success: at work, on any machine."""

    after_messages: int
    kind: Kind
    lasts_seconds: float
    worker: int = 0


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


def plan_harm(form: Form) -> list[Harm]:
    dice = random.Random(f"harm {form.seed}")
    in_a_round = form.conversations * form.messages // form.rounds
    return sorted(
        replace(harm, after_messages=number * in_a_round + harm.after_messages)
        for number in range(form.rounds)
        for harm in _plan_round(form, dice, in_a_round)
    )


def _plan_round(form: Form, dice: random.Random, messages: int) -> list[Harm]:
    plan = [Harm(int(messages * dice.uniform(*FREEZE_SHARE)), "freeze_router", form.freeze_seconds)]
    plan += [Harm(at, "kill_api", 0) for at in _moments(form.api_kills, dice, messages)]
    plan += [Harm(at, "kill_worker", 0, dice.randrange(2)) for at in _moments(form.worker_kills, dice, messages)]
    for at in _moments(form.postgres_kills, dice, messages):
        plan.append(Harm(at, "kill_postgres", dice.uniform(*POSTGRES_DOWN_SECONDS)))
    return plan


def _moments(count: int, dice: random.Random, messages: int) -> list[int]:
    moments: list[float] = []
    while len(moments) < count:
        share = dice.uniform(*HARM_SHARE)
        if all(abs(share - other) >= GAP_SHARE for other in moments):
            moments.append(share)
    return [int(share * messages) for share in moments]


async def tend(cluster: Cluster) -> None:
    """Start again what ended, with the pauses of `up`. Until cancelled."""
    while True:
        for child in (cluster.api, *cluster.workers):
            child.tend()
        await asyncio.sleep(TEND_SECONDS)


async def inflict(cluster: Cluster, plan: list[Harm], progress: Progress) -> None:
    """Carry the plan out. What dies stays down for its time while everything else goes on."""
    calm = asyncio.Lock()
    async with asyncio.TaskGroup() as group:
        for harm in plan:
            await progress.reach(harm.after_messages)
            group.create_task(_inflict(cluster, harm, calm), name=harm.kind)


async def _inflict(cluster: Cluster, harm: Harm, calm: asyncio.Lock) -> None:
    """`calm`: during a freeze no worker and no database dies, so that the second worker can take over."""
    if harm.kind == "kill_api":
        await is_ready(cluster.url)
        await _kill(cluster.api)
        return
    async with calm:
        if harm.kind == "freeze_router":
            await _freeze(cluster, harm.lasts_seconds)
        elif harm.kind == "kill_postgres":
            await _kill_postgres(cluster, harm.lasts_seconds)
        else:
            await _kill(cluster.workers[harm.worker])


async def is_ready(url: str, path: str = "/readyz") -> None:
    """Until the api serves and its database answers."""
    async with httpx.AsyncClient() as client:
        while True:
            with suppress(httpx.TransportError):
                if (await client.get(f"{url}{path}")).is_success:
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

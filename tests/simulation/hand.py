"""The hand that carries a plan of harm out on a cluster, and starts again what ended."""

import asyncio
import signal
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import asyncpg
import httpx
import psutil

from app.ops.supervisor import Child
from tests.journeys.relay import Relay
from tests.simulation.cluster import Cluster
from tests.simulation.harm import Harm, Kind, Progress

PIECE_DELAY_SECONDS = 0.05
"""What a slow line adds to each piece that crosses it, either way."""
TEND_SECONDS = 0.1
OWNER_POLL_SECONDS = 0.1


async def tend(cluster: Cluster) -> None:
    """Start again what ended, with the pauses of `up`. Until cancelled."""
    while True:
        for child in cluster.processes:
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
    _bus_turn: asyncio.Lock = field(default_factory=asyncio.Lock)

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
                await _kill(cluster.process(harm.whom))
            case "freeze_api":
                await _freeze_api(cluster, harm.whom, seconds)
            case "slow_line":
                await _slow(self.lines[harm.whom], seconds)
            case "cut_line":
                await _cut(self.lines[harm.whom], seconds)
            case "kill_bus" | "freeze_bus":
                async with self._bus_turn:
                    await _harm_bus(cluster, harm)
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
        case "read_only":
            await _refuse_writes(cluster, harm.lasts_seconds)
        case _:
            await _kill(cluster.process(harm.whom))


async def _slow(line: Relay, seconds: float) -> None:
    line.slow_down(PIECE_DELAY_SECONDS)
    await asyncio.sleep(seconds)
    line.slow_down(0)


async def _cut(line: Relay, seconds: float) -> None:
    line.cut()
    await asyncio.sleep(seconds)
    line.mend()


async def _harm_bus(cluster: Cluster, harm: Harm) -> None:
    bus = cluster.bus
    assert bus is not None
    if harm.kind == "kill_bus":
        await asyncio.to_thread(bus.kill)
        await asyncio.sleep(harm.lasts_seconds)
        await asyncio.to_thread(bus.start)
    else:
        bus.freeze()
        await asyncio.sleep(harm.lasts_seconds)
        bus.thaw()


async def _freeze_api(cluster: Cluster, name: str, seconds: float) -> None:
    await is_ready(cluster.url)
    frozen = cluster.process(name).process
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


async def _refuse_writes(cluster: Cluster, seconds: float) -> None:
    connection = await asyncpg.connect(cluster.database_url)
    try:
        for refuses in ("on", "off"):
            await connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {refuses}")
            await connection.execute("SELECT pg_reload_conf()")
            if refuses == "on":
                await asyncio.sleep(seconds)
    finally:
        await connection.close()


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
    child.ends_in_a_row = 0  # not the fault of its own for which `up` would wait longer each time


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

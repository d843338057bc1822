"""Each process of an installation is restarted in turn, and its bus dies, while customers talk to agents."""

import asyncio
import itertools
import os
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack, nullcontext
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from app.core.database import Database
from app.ops.supervisor import Child
from tests.conftest import fresh_clone
from tests.journeys.fleet import Fleet, fleet
from tests.nats_server import NatsServer, nats_server
from tests.simulation.chaos import Organisation, furnish, hire, invite, settle
from tests.simulation.hand import is_ready
from tests.simulation.harm import Form, Progress
from tests.simulation.invariants import find_faults
from tests.simulation.line import Line
from tests.simulation.truth import read_truth

FORM = Form(seed=11, conversations=12, messages=3, agents=3, arriving_seconds=10)
BUSES = ("nats", "postgres") if os.environ.get("PROVE") else ("nats",)
"""In the suite the one that has more to lose; each takes half a minute."""
STEP = 5
"""Messages that customers get through between two restarts, so that each meets traffic."""


@pytest.mark.parametrize("bus", BUSES)
async def test_nothing_fails_and_nothing_is_lost_while_every_process_is_restarted(
    postgres: str, template_database: str, tmp_path: Path, bus: str
) -> None:
    async with fresh_clone(postgres, template_database) as database_url:
        with nats_server() if bus == "nats" else nullcontext() as nats:
            database = Database(database_url, application_name="journey", pool_size=2)
            organisation = await furnish(database, FORM)
            with fleet(database_url, tmp_path, bus_url=nats.url if nats else "") as served:
                served.start()
                for url in (*served.api_urls, served.url):
                    await is_ready(url)
                await play(served, database, organisation, nats)
            await database.close()


async def play(served: Fleet, database: Database, organisation: Organisation, nats: NatsServer | None) -> None:
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=served.url, timeout=10))
        line = Line(http, served.url, FORM.patience_seconds)
        visitors, (agents, observer) = invite(line, organisation, FORM, 0), hire(line, organisation, FORM)
        for person in (observer, *agents):
            await person.begin(stack)
        async with asyncio.TaskGroup() as group:
            steady = [group.create_task(agent.work()) for agent in agents]
            rolling = group.create_task(roll(served, database, line.progress, nats))
            await asyncio.gather(*(visitor.converse(stack) for visitor in visitors), rolling)
            await settle(database, FORM.patience_seconds)
            for task in steady:
                task.cancel()
        async with database.transaction() as session:
            truth = await read_truth(session)
        for actor in (observer, *agents, *visitors):
            await actor.socket.reach(truth.head, FORM.patience_seconds)
        faults = [*find_faults(truth, visitors, agents, observer), *line.failures, *complaints(served)]
        assert not faults, "\n".join(faults)


async def roll(served: Fleet, database: Database, progress: Progress, nats: NatsServer | None) -> None:
    """Restart one after the other, each once the one before serves again and customers have got on."""
    moments = itertools.count(STEP, STEP)
    await progress.reach(next(moments))
    if nats is not None:
        await asyncio.to_thread(nats.kill)
        await progress.reach(next(moments))
        await asyncio.to_thread(nats.start)
    for child, url in zip(served.apis, served.api_urls, strict=True):
        await restart(child)
        await is_ready(url)
        await progress.reach(next(moments))
    _, first_epoch = await owner(database)
    for child in served.workers:
        starts = count_starts(child)
        await restart(child)
        async with asyncio.timeout(FORM.patience_seconds):
            while count_starts(child) == starts or await leader(database) not in pids(served.workers):
                await asyncio.sleep(0.1)  # both happen in other processes
        await progress.reach(next(moments))
    assert (await owner(database))[1] > first_epoch, "one of the two had led"


async def restart(child: Child) -> None:
    """As an operator's tools do: SIGTERM, wait for the end, start."""
    assert child.process is not None
    child.process.terminate()
    assert await asyncio.to_thread(child.process.wait, FORM.patience_seconds) in (0, -signal.SIGTERM)
    child.start()


def count_starts(worker: Child) -> int:
    return worker.log.read_text(errors="replace").count("worker_started")


def pids(children: Sequence[Child]) -> set[int]:
    return {child.process.pid for child in children if child.process}


async def leader(database: Database) -> int:
    return (await owner(database))[0]


async def owner(database: Database) -> tuple[int, int]:
    """The process that leads the router, and its epoch."""
    async with database.transaction() as session:
        row = (await session.execute(text("SELECT holder, epoch FROM owner WHERE name = 'router'"))).one()
    return int(row.holder.rpartition(":")[2]), row.epoch


def complaints(served: Fleet) -> list[str]:
    """What nobody in our processes was prepared for."""
    return [
        f"{child.name}: {line[:500]}"
        for child in (*served.apis, *served.workers)
        for line in child.log.read_text(errors="replace").splitlines()
        if "Traceback" in line or "Exception in ASGI application" in line or '"level": "error"' in line
    ]

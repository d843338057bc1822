"""From a resolution over HTTP, which frees an agent's units, to the frame of the next offer on the agent's socket.

The way holds three transactions in a row (the resolution, the routing that follows it, the router's offer) and after
each of them the news of it to another process. The limit is that way with nothing on it: three times a commit and a
round trip over the bus, one after another, in the same run.
"""

import asyncio
import json
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import asyncpg

from app.agents import service as agents
from app.core.act import system_act
from app.core.clock import DatabaseClock
from app.core.config import Settings
from app.core.database import Database
from app.core.runtime import Runtime, open_runtime
from app.ops.bench.http_load import HttpConnection, request
from app.ops.bench.measuring import interleave, now, percentile, slice_seconds
from app.ops.bench.push import ECHO_CHANNEL, ECHOED_CHANNEL, LIMIT_COMMIT, LIMIT_TABLE
from app.ops.bench.scratch import Scratch, run, scratch
from app.ops.bench.socket_load import SocketConnection, subscribe
from app.ops.bench.world import World, let_write, make_senders, make_world
from app.routing import service as routing
from benchmarks.figures import figure
from benchmarks.routing_stages import Trip, time_stages, wall

MUST, STRETCH = 8.0, 3.0
"""As P5's, which is one such step."""
AGENTS = 8
WAITING = 3_000
PAUSE_SECONDS = 0.2
"""Between an answer and the next resolution of the same agent: some 25 resolutions a second in all."""
TRIPS_A_SECOND = 25.0
STEPS = 3
OFFERED_WITHIN_SECONDS = 30.0
SETTLED_SECONDS = 1.0


@dataclass(slots=True)
class Server:
    """One agent: a socket for the offers, a connection for the acts."""

    token: str
    line: HttpConnection
    offers: "asyncio.Queue[tuple[float, dict[str, Any]]]"
    socket: SocketConnection | None = None
    held: list[str] = field(default_factory=list)
    trips: list[Trip] = field(default_factory=list)

    def note(self, frame: bytes) -> None:
        seen = now()
        if b'"event":"offer.made"' in frame:
            self.offers.put_nowait((seen, json.loads(frame)["data"]["offer"]))

    async def ask(self, method: str, path: str, body: dict[str, Any]) -> None:
        status, answer = await self.line.ask(request(method, path, token=self.token, body=json.dumps(body).encode()))
        if status >= HTTPStatus.BAD_REQUEST:
            raise RuntimeError(f"{method} {path} answered {status}: {answer[:300]!r}")

    async def take_next(self, *, after: tuple[str, datetime] | None = None) -> float:
        """When the offer's frame was there; it is accepted. `after`: the conversation resolved for it, and when."""
        async with asyncio.timeout(OFFERED_WITHIN_SECONDS):
            seen, offer = await self.offers.get()
        if after is not None:
            since = timedelta(seconds=now() - seen)
            self.trips.append(Trip(after[0], offer["id"], after[1], wall() - since))
        await self.ask("POST", f"/v1/offers/{offer['id']}/accept", {"token": offer["token"]})
        self.held.append(offer["conversation_id"])
        return seen

    async def free_and_wait(self) -> float:
        """Seconds from the resolution's sending to the frame of the offer that takes its place."""
        assert self.socket is not None
        self.socket.send({"type": "ping"})
        conversation_id = self.held.pop(0)
        began_at, started = wall(), now()
        await self.ask("POST", f"/v1/conversations/{conversation_id}/resolve", {"disposition": "answered"})
        return await self.take_next(after=(conversation_id, began_at)) - started


@dataclass(slots=True)
class Freed:
    servers: list[Server]
    runtime: Runtime
    plain: "asyncpg.Connection[asyncpg.Record]"
    echoed: asyncio.Event
    seconds: float
    took: list[list[float]] = field(default_factory=list)

    async def resolutions(self) -> float:
        until = now() + self.seconds

        async def serve(number: int, server: Server) -> list[float]:
            await asyncio.sleep(PAUSE_SECONDS * number / AGENTS)
            took = []
            while now() < until:
                took.append(await server.free_and_wait())
                await asyncio.sleep(PAUSE_SECONDS)
            return took

        served = await asyncio.gather(*(serve(number, server) for number, server in enumerate(self.servers)))
        self.took.append([each for one in served for each in one])
        return percentile(self.took[-1], 0.99)

    async def bare_way(self) -> float:
        took, until = [], now() + self.seconds
        while (started := now()) < until:
            for _ in range(STEPS):
                await self.plain.execute(LIMIT_COMMIT, "x" * 120)
                self.echoed.clear()
                self.runtime.bus.nudge(ECHO_CHANNEL)
                await self.echoed.wait()
            took.append(now() - started)
            await asyncio.sleep(max(started + 1 / TRIPS_A_SECOND - now(), 0))
        return percentile(took, 0.99)


def measure(seconds: float) -> dict[str, Any]:
    with scratch() as installation:
        world, logins = run(_prepare(installation))
        address = installation.start_api()
        installation.start_worker()
        installation.start_child("echo", "from app.ops.bench.push import echo; echo()")
        made: dict[str, Any] = run(_measure(installation, world, logins, address, slice_seconds(seconds, 2)))
        faults = installation.faults()
        assert not faults, faults
        return made


async def _prepare(installation: Scratch) -> tuple[World, list[tuple[str, str]]]:
    connection = await asyncpg.connect(installation.url)
    await connection.execute(LIMIT_TABLE)
    await connection.close()
    database = Database(installation.url, application_name="bench")
    world, logins = await make_world(database), []
    for number in range(AGENTS):
        async with database.transaction() as session:
            act = system_act(DatabaseClock(), "bench")
            login, password = f"server{number}", secrets.token_hex(16)
            agent_id = await agents.create_agent(
                session,
                act,
                login=login,
                password=password,
                name=login,
                role="agent",
                team_id=world.team_id,
                languages=["en"],
                skills={},
                visibility="own",
            )
            await routing.add_member(session, act, queue_id=world.queue_id, agent_id=agent_id)
            logins.append((login, password))
    await let_write(database, make_senders(world.account_id, WAITING))
    await database.close()
    return world, logins


async def _measure(
    installation: Scratch, world: World, logins: list[tuple[str, str]], address: tuple[str, int], seconds: float
) -> dict[str, Any]:
    async with _serving(installation, logins, address, seconds) as freed:
        pairs = [pair async for pair in interleave(freed.resolutions, freed.bare_way)]
        told = await time_stages(freed.plain, [trip for server in freed.servers for trip in server.trips])
    milliseconds = [1000 * each for took in freed.took[1:] for each in took]
    return figure(
        "freed",
        f"p99 from a resolution over HTTP to the next offer on the agent's socket, {AGENTS} agents, {WAITING} waiting,"
        f" to {STEPS} bare commits and bus round trips in a row (p99)",
        [(1000 * value, 1000 * limit) for value, limit in pairs],
        unit="ms",
        must=MUST,
        stretch=STRETCH,
        at_most=True,
        p50_ms=round(percentile(milliseconds, 0.5), 1),
        resolutions=len(milliseconds),
        stages_ms=told,
    )


@asynccontextmanager
async def _serving(
    installation: Scratch, logins: list[tuple[str, str]], address: tuple[str, int], seconds: float
) -> AsyncIterator[Freed]:
    plain, echoed = await asyncpg.connect(installation.url), asyncio.Event()
    async with open_runtime(Settings(DATABASE_URL=installation.url), "bench") as runtime:
        runtime.bus.subscribe(ECHOED_CHANNEL, lambda _: echoed.set())
        while not echoed.is_set():
            runtime.bus.nudge(ECHO_CHANNEL)
            await asyncio.sleep(0.1)
        servers = [await _log_in(address, login, password) for login, password in logins]
        for server in servers:
            await server.ask("PUT", "/v1/presence", {"readiness": "ready"})
        await asyncio.gather(*(_fill(server) for server in servers))
        yield Freed(servers, runtime, plain, echoed, seconds)
        for server in servers:
            if server.socket is not None:
                server.socket.close()
            server.line.close()
    await plain.close()


async def _log_in(address: tuple[str, int], login: str, password: str) -> Server:
    line = await HttpConnection.open(*address)
    body = json.dumps({"login": login, "password": password}).encode()
    status, answer = await line.ask(request("POST", "/v1/session", body=body))
    assert status < HTTPStatus.BAD_REQUEST, answer
    server = Server(json.loads(answer)["token"], line, asyncio.Queue())
    server.socket = await subscribe(address, server.token, None, server.note)
    return server


async def _fill(server: Server) -> None:
    """Until nothing more is offered: everybody works at their capacity."""
    await server.take_next()
    try:
        while True:
            async with asyncio.timeout(SETTLED_SECONDS):
                await server.take_next()
    except TimeoutError:
        return


if __name__ == "__main__":
    print(json.dumps(measure(float(sys.argv[1]) if len(sys.argv) > 1 else 30)))

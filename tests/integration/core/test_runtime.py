"""Two processes' runtimes on one database: what one commits, the other hears of by the bus that is set."""

import asyncio

import pytest
from sqlalchemy import text

from app.agents import service as agents
from app.core.act import system_act
from app.core.config import Settings
from app.core.runtime import Runtime, open_runtime
from tests.nats_server import nats_server

WAIT_SECONDS = 30


def settings(database_url: str, bus_url: str) -> Settings:
    return Settings().model_copy(update={"database_url": database_url, "bus_url": bus_url})


async def append(runtime: Runtime, name: str) -> int:
    """Commit something that tells of itself; returns the head of the log once it has its position."""
    async with runtime.database.transaction() as session:
        await agents.create_team(session, system_act(runtime.clock, "test"), name=name)
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            async with runtime.database.transaction() as session:
                unnumbered, head = (
                    await session.execute(
                        text(
                            "SELECT (SELECT count(*) FROM event) - (SELECT count(*) FROM event_position),"
                            " (SELECT max(position) FROM event_position)"
                        )
                    )
                ).one()
            if unnumbered == 0:
                return int(head)
            await asyncio.sleep(0.02)  # the dispatcher may be the other runtime's


async def hears_of(runtime: Runtime, position: int) -> None:
    """The signal is fed by the bus and the dispatcher here alone: no net sets it."""
    async with asyncio.timeout(WAIT_SECONDS):
        while runtime.signal.position < position:
            await runtime.signal.wait(runtime.signal.position)


@pytest.mark.parametrize("bus", ["postgres", "nats"])
async def test_every_process_hears_how_far_the_log_goes_whoever_gives_the_positions(
    database_url: str, bus: str
) -> None:
    with nats_server() as nats:
        given = settings(database_url, nats.url if bus == "nats" else "")
        async with open_runtime(given, "one") as one, open_runtime(given, "two") as two:
            for number in range(3):
                for writer in (one, two):
                    head = await append(writer, f"{writer.holder} {number}")
                    await hears_of(one, head)
                    await hears_of(two, head)


async def test_events_get_their_positions_while_the_bus_is_away_and_are_heard_of_when_it_is_back(
    database_url: str,
) -> None:
    with nats_server() as nats:
        given = settings(database_url, nats.url)
        async with open_runtime(given, "one") as one, open_runtime(given, "two") as two:
            await asyncio.to_thread(nats.kill)
            for number in range(3):
                for writer in (one, two):
                    head = await append(writer, f"{writer.holder} {number}")
            await asyncio.to_thread(nats.start)
            await hears_of(one, head)
            await hears_of(two, head)

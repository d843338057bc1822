"""Readers that take nothing: they are dropped and cut, hold no memory, and cost those who read nothing."""

import asyncio
import socket
from typing import Any

import pytest

from app.ops import lines
from app.realtime import connection
from tests.integration.realtime.world import Client, Person, Running, World

SLOW = 100
TABS = 20
BODY = "x" * 20_000


async def open_unread(server: Running, person: Person) -> Client:
    """A socket whose small buffers fill at once: subscribed, then never read again."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    line.setblocking(False)
    host, _, port = server.address.partition(":")
    await asyncio.get_running_loop().sock_connect(line, (host, int(port)))
    client = await server.join(person, sock=line)
    client.socket.transport.pause_reading()
    return client


async def test_a_hundred_that_never_read_are_cut_while_those_who_read_miss_nothing(
    server: Running, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "MAX_BUFFERED_FRAMES", 20)
    monkeypatch.setattr(connection, "END_SECONDS", 0.1)
    monkeypatch.setattr(lines, "CUT_SECONDS", 0.1)
    people = [await world.add_person(f"Slow {n}", visibility="all") for n in range(SLOW // TABS)]
    await asyncio.gather(*(open_unread(server, person) for person in people for _ in range(TABS)))
    reader = await server.join(await world.add_person("Quick", visibility="all"))
    start = (await reader.next())["position"]
    talk = await world.open(team_id=world.team_id)
    heard: list[dict[str, Any]] = []
    while len(server.hub.tail.roster) > 1:
        for _ in range(3):
            await world.say(talk, BODY)
        heard += await reader.through(await world.head())
        assert len(heard) < 1_000
        await asyncio.sleep(0.05)  # it has sent a ping; more than twenty a second are refused
    async with asyncio.timeout(30):
        while len(server.lines) > 1:
            await asyncio.sleep(0.05)
    monkeypatch.undo()
    returned = await (await server.join(people[0], start)).until("caught_up")
    assert [frame["position"] for frame in returned[:-1]] == [frame["position"] for frame in heard]

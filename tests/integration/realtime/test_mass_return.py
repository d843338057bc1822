"""Sixty consoles that lose their lines at one instant and return as one: each gets what it missed, once, in order."""

import asyncio
import socket
import struct
from typing import Any
from uuid import UUID

import pytest

from app.realtime.service import joining, log_pages
from tests.integration.realtime.world import Client, Person, Running, World, serving

PEOPLE = 12
TABS = 5
RESET = struct.pack("ii", 1, 0)


class Console:
    """Remembers its position, and the positions of the messages it was sent."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.position = "1-0"
        self.messages: list[int] = []
        self.client: Client | None = None

    async def come(self, server: Running) -> None:
        self.client = await server.join(self.person, self.position)
        self._take(await self.client.until("caught_up"))

    def cut(self) -> None:
        """The server sees a reset, amid whatever it was sending."""
        assert self.client is not None
        line = self.client.socket.transport.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.client.socket.transport.abort()

    async def hear(self, number: int) -> None:
        assert self.client is not None
        self._take(await self.client.through(number))

    def _take(self, frames: list[dict[str, Any]]) -> None:
        for frame in frames:
            self.position = frame["position"]
            if frame.get("event") == "message.received":
                self.messages.append(int(self.position.partition("-")[2]))


async def positions(world: World, team_id: UUID) -> list[int]:
    await world.head()
    rows = await world.rows(
        "SELECT p.position FROM event e JOIN event_position p ON p.event_id = e.id"
        " JOIN conversation c ON c.id = e.key WHERE e.type = 'message.received' AND c.team_id = $1 ORDER BY 1",
        team_id,
    )
    return [row["position"] for row in rows]


async def test_each_is_brought_up_to_date_without_a_gap_or_a_double(
    server: Running, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (joining, log_pages):
        monkeypatch.setattr(module, "PAGE", 7)  # so that the way back is several pages long
    teams = (world.team_id, world.other_team_id)
    people = [
        await world.add_person(f"Agent {n}", visibility="team", team_id=teams[n % len(teams)]) for n in range(PEOPLE)
    ]
    consoles = [Console(person) for person in people for _ in range(TABS)]
    talks = [await world.open(team_id=team_id) for team_id in teams for _ in range(3)]

    async def write(count: int) -> None:
        for number in range(count):
            await asyncio.gather(*(world.say(talk, f"message {number}") for talk in talks))

    async def return_to(process: Running) -> None:
        for console in consoles:
            console.cut()
        await asyncio.gather(write(4), *(console.come(process) for console in consoles))

    await asyncio.gather(*(console.come(server) for console in consoles))
    await asyncio.gather(write(2), return_to(server))
    async with serving(world, server.signal) as restarted:  # which remembers nothing yet
        await return_to(restarted)
        head = await world.head()
        await asyncio.gather(*(console.hear(head) for console in consoles))
        expected = {team_id: await positions(world, team_id) for team_id in teams}
        for console in consoles:
            assert console.person.team_id is not None
            assert console.messages == expected[console.person.team_id]
        assert {len(each) for each in expected.values()} == {30}

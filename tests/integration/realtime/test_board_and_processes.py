"""The live wallboard, and several api processes on one database."""

from typing import Any

from app.core.log_signal import LogSignal
from app.events.routing import QueueChanged
from app.workspace import service as workspace
from tests.integration.realtime.world import World, serving


async def test_a_board_comes_on_subscribing_and_when_something_changed(world: World, signal: LogSignal) -> None:
    boss = await world.add_person("Chen", role="supervisor", visibility="all")
    async with serving(world, signal, board_source=workspace.get_wallboard) as server:
        client = await server.open()
        await client.send(type="authenticate", token=boss.token)
        await client.send(type="subscribe", after=None, board=True)
        first = (await client.until("board"))[-1]
        assert [line["queue"]["name"] for line in first["queues"]] == ["General"]
        plain = await server.join(await world.add_person("Wu Gang"))
        await plain.next()
        await world.rows("UPDATE queue SET name = 'Orders'")
        await world.append([QueueChanged(queue_id=world.queue_id, change="updated")])
        names: list[Any] = []
        while names != ["Orders"]:
            names = [line["queue"]["name"] for line in (await client.until("board"))[-1]["queues"]]
        assert [frame["type"] for frame in await plain.through(await world.head())] == ["event"]


async def test_a_socket_resumes_in_another_process(world: World, signal: LogSignal) -> None:
    agent = await world.add_person("Wu Gang")
    async with serving(world, signal) as one, serving(world, LogSignal()) as other:
        client = await one.join(agent)
        await client.next()
        talk = await world.open(agent)
        bodies = [f"message {index}" for index in range(20)]
        for body in bodies[:10]:
            await world.say(talk, body)
        heard = await client.through(await world.head())
        position = heard[-1]["position"]
        await client.socket.close()
        for body in bodies[10:]:
            await world.say(talk, body)
        # This process hears no signal: it finds the log grown by its own look, once a second.
        client = await other.join(agent, position)
        heard += await client.through(await world.head())
        said = [frame["data"]["message"]["body"] for frame in heard if frame.get("event") == "message.received"]
        assert said == bodies

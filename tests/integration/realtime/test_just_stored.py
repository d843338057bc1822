"""What a process has just stored itself it delivers without asking the database, and just as it would have."""

from typing import Any

import pytest

from app.core.log_signal import LogSignal
from app.realtime import hub as hub_module
from tests.integration.realtime.test_widget import command, visit
from tests.integration.realtime.world import Client, Running, World, serving


async def events_of(client: Client, world: World) -> list[dict[str, Any]]:
    return [frame for frame in await client.through(await world.head()) if frame["type"] == "event"]


async def test_its_frames_are_those_of_a_process_that_asks(
    world: World, server: Running, signal: LogSignal, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking: list[Any] = []
    load_context = hub_module.load_context

    async def watched(session: Any, now: Any, occurrences: Any, receivers: Any) -> Any:
        asking.append(receivers.__self__)
        return await load_context(session, now, occurrences, receivers)

    async with serving(world, signal) as other:
        visitor_id, agent = world.act.new_id(), await world.add_person("Wu Gang", team_id=world.team_id)
        elsewhere = await world.add_person("Chen", team_id=world.other_team_id)
        pairs = [
            (await visit(server, world, visitor_id), await visit(other, world, visitor_id)),
            (await server.join(agent), await other.join(agent)),
            (await server.join(elsewhere), await other.join(elsewhere)),
        ]
        for client in (client for pair in pairs for client in pair):
            await client.next()
        writing = await visit(server, world, visitor_id)
        await writing.next()
        await command(writing, "message.send", client_id="c1", body="It begins a conversation: the long way")
        for pair in pairs:
            assert await events_of(pair[0], world) == await events_of(pair[1], world)
        monkeypatch.setattr(hub_module, "load_context", watched)
        await command(writing, "message.send", client_id="c2", body="It goes on <b>&amp; 你好")
        seen = [[await events_of(client, world) for client in pair] for pair in pairs]
    assert set(asking) == {other.hub}
    for here, there in seen:
        assert here == there
    assert [[frame["data"]["message"]["body"] for frame in here] for here, _ in seen] == [
        ["It goes on <b>&amp; 你好"],
        ["It goes on <b>&amp; 你好"],
        [],
    ]


async def test_what_comes_together_with_something_else_is_asked_for(server: Running, world: World) -> None:
    """Rights that changed before the message, in one page of the log: who lost them gets nothing of it."""
    visitor_id = world.act.new_id()
    visitor = await visit(server, world, visitor_id)
    await visitor.next()
    sent = await command(visitor, "message.send", client_id="c1", body="hello")
    (row,) = await world.rows("SELECT * FROM conversation WHERE id = $1", sent["data"]["conversation_id"])
    talk = world.talk_of(row)
    agent = await server.join(await world.add_person("Wu Gang", team_id=world.team_id))
    await agent.next()
    other_team = await server.join(await world.add_person("Chen", team_id=world.other_team_id))
    await other_team.next()
    async with server.hub.tail.turn:  # the hub takes what has gathered when it may go on
        await world.hand_over(talk, None, team_id=world.other_team_id)
        await visitor.send(type="command", id="2", name="message.send", data={"client_id": "c2", "body": "secret"})
        await world.head()
    frames = await agent.through(await world.head())
    assert "secret" not in str(frames)
    assert [frame["type"] for frame in frames] == ["removed"]
    bodies = [
        frame["data"]["message"]["body"] for frame in await events_of(other_team, world) if "message" in frame["data"]
    ]
    assert bodies == ["secret"]

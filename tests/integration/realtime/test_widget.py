"""The widget's socket: one visitor's own conversation, public things only, from allowed origins."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import websockets

from app.access.schemas import Principal
from app.channels.chat.visitor_tokens import VisitorPrincipal, VisitorTokens
from app.realtime.service import lines
from app.routing import service as routing
from app.routing.service.work import Cause, follow_conversations
from app.wiring import HOURS
from tests.integration.realtime.world import SECRET_KEY, Client, Person, Running, World

ORIGIN = "https://shop.example"


def token_of(world: World, visitor_id: UUID, *, hours: int = 1, account_id: UUID | None = None) -> str:
    expires_at = world.clock.now() + timedelta(hours=hours)
    visitor = VisitorPrincipal(visitor_id, account_id or world.account_id, expires_at, "Ada", "en")
    return VisitorTokens(SECRET_KEY).make(visitor)


async def visit(server: Running, world: World, visitor_id: UUID, after: str | None = None) -> Client:
    client = await server.open(f"/v1/widget/socket?key={world.public_key}", origin=ORIGIN)
    await client.send(type="authenticate", token=token_of(world, visitor_id))
    await client.send(type="subscribe", after=after)
    assert (await client.next())["principal"] == {"kind": "visitor", "id": str(visitor_id)}
    return client


async def command(client: Client, name: str, **data: object) -> dict:
    await client.send(type="command", id=name, name=name, key=uuid4().hex, data=data)
    return (await client.until("result"))[-1]


async def test_a_visitor_writes_and_both_sides_see_it_at_once(server: Running, world: World) -> None:
    agent = await server.join(await world.add_person("Wu Gang", team_id=world.team_id))
    await agent.next()
    visitor_id = world.act.new_id()
    visitor, tab = await visit(server, world, visitor_id), await visit(server, world, visitor_id)
    empty = await visitor.next()
    assert (empty["conversation"], empty["messages"], empty["queue"]) == (None, [], None)
    await tab.next()
    await visitor.send(
        type="command", id="1", name="message.send", data={"client_id": "c1", "body": "<script>alert(1)</script>"}
    )
    frames = [await visitor.next() for _ in range(3)]
    result = next(frame for frame in frames if frame["type"] == "result")
    opened, received = [frame for frame in frames if frame["type"] == "event"]
    assert (opened["event"], received["event"]) == ("conversation.opened", "message.received")
    assert received["data"]["message"]["body"] == "<script>alert(1)</script>"
    assert result["data"]["sequence"] == received["data"]["sequence"] == 1
    assert [(await tab.next())["event"] for _ in range(2)] == ["conversation.opened", "message.received"]
    assert [(await agent.next())["event"] for _ in range(2)] == ["conversation.opened", "message.received"]
    again = await command(visitor, "message.send", client_id="c1", body="<script>alert(1)</script>")
    assert (again["data"]["duplicate"], again["data"]["message_id"]) == (True, result["data"]["message_id"])
    assert await tab.through(await world.head()) == []


async def test_a_reload_shows_the_conversation_without_notes_or_ids_of_ours(server: Running, world: World) -> None:
    visitor_id = world.act.new_id()
    visitor = await visit(server, world, visitor_id)
    start = (await visitor.next())["position"]
    sent = await command(visitor, "message.send", client_id="c1", body="hello")
    (row,) = await world.rows("SELECT * FROM conversation WHERE id = $1", UUID(sent["data"]["conversation_id"]))
    owner = await world.add_person("Wu Gang", team_id=world.team_id)
    talk = world.talk_of(row)
    await world.say(talk, "the customer is angry", note_by=owner)
    await world.hand_over(talk, owner)
    head = await world.head()
    await visitor.through(head)
    replayed = await (await visit(server, world, visitor_id, start)).until("caught_up")
    events = [frame["event"] for frame in replayed[:-1]]
    assert events == ["conversation.opened", "message.received", "conversation.rights_changed"]
    assert replayed[2]["data"]["agent"] == {"name": "Wu Gang"}
    reloaded = await (await visit(server, world, visitor_id)).next()
    assert reloaded["conversation"]["agent"] == {"name": "Wu Gang"}
    assert [message["body"] for message in reloaded["messages"]] == ["hello"]
    for text in (str(replayed), str(reloaded)):
        assert "angry" not in text
        assert str(owner.id) not in text
        assert str(world.queue_id) not in text
    assert int(reloaded["position"].partition("-")[2]) == head


async def test_a_visitor_never_sees_another_visitors_conversation(server: Running, world: World) -> None:
    visitor, other = await visit(server, world, world.act.new_id()), await visit(server, world, world.act.new_id())
    await visitor.next()
    start = (await other.next())["position"]
    await command(visitor, "message.send", client_id="c1", body="secret")
    assert await other.through(await world.head()) == []
    replayed = await (await visit(server, world, world.act.new_id(), start)).until("caught_up")
    assert [frame["type"] for frame in replayed] == ["caught_up"]


async def test_marks_and_typing_reach_the_agent(server: Running, world: World) -> None:
    agent = await server.join(await world.add_person("Wu Gang", team_id=world.team_id))
    await agent.next()
    visitor = await visit(server, world, world.act.new_id())
    await visitor.next()
    refused = await command(visitor, "typing", on=True)
    assert refused["problem"]["code"] == "conversation_not_found"
    await command(visitor, "message.send", client_id="c1", body="hello")
    assert (await command(visitor, "typing", on=True))["ok"]
    signal = (await agent.until("signal"))[-1]
    assert signal["who"] == {"kind": "customer", "id": None, "name": "Ada"}
    answered = await command(visitor, "read", sequence=1)
    assert (answered["ok"], len(answered["events"])) == (True, 1)
    assert (await command(visitor, "read", sequence=1))["events"] == []
    # The signal may overtake the events, which wait for their positions.
    heard = await agent.through(await world.head())
    marks = [frame["data"]["state"] for frame in heard if frame.get("event") == "message.delivery_changed"]
    assert marks == ["read"]


async def test_agents_typing_reaches_the_visitor_without_an_id(server: Running, world: World) -> None:
    agent = await server.join(await world.add_person("Wu Gang", team_id=world.team_id))
    await agent.next()
    visitor = await visit(server, world, world.act.new_id())
    await visitor.next()
    sent = await command(visitor, "message.send", client_id="c1", body="hello")
    await agent.send(
        type="command",
        id="1",
        name="typing",
        data={"conversation_id": sent["data"]["conversation_id"], "on": True},
    )
    signal = (await visitor.until("signal"))[-1]
    assert signal["who"] == {"kind": "agent", "id": None, "name": "Wu Gang"}


@pytest.mark.parametrize(("origin", "key"), [("https://evil.example", None), (ORIGIN, "pk_nobody")])
async def test_a_foreign_page_or_an_unknown_key_gets_403(
    server: Running, world: World, origin: str | None, key: str | None
) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        await server.open(f"/v1/widget/socket?key={key or world.public_key}", origin=origin)
    assert refused.value.response.status_code == 403


async def test_tokens_that_are_false_expired_or_of_another_account_are_refused(server: Running, world: World) -> None:
    expired = token_of(world, uuid4(), hours=-1)
    for token in ("nonsense", expired, token_of(world, uuid4(), account_id=uuid4())):
        client = await server.open(f"/v1/widget/socket?key={world.public_key}", origin=ORIGIN)
        await client.send(type="authenticate", token=token)
        assert (await client.closed())[0] == 4401


async def stored_file(world: World, uploaded_by: str) -> str:
    file_id = uuid4()
    await world.rows(
        "INSERT INTO attachment (id, sha256, name, media_type, size_bytes, uploaded_by, created_at)"
        " VALUES ($1, '\\x00', 'a.png', 'image/png', 3, $2, $3)",
        file_id, uploaded_by, world.clock.now(),
    )  # fmt: skip
    return str(file_id)


async def test_files_travel_by_commands_and_a_notes_are_told_to_agents_only(server: Running, world: World) -> None:
    person = await world.add_person("Wu Gang", team_id=world.team_id)
    agent, visitor_id = await server.join(person), world.act.new_id()
    await agent.next()
    visitor = await visit(server, world, visitor_id)
    await visitor.next()
    mine = await stored_file(world, f"visitor:{visitor_id}")
    foreign = await stored_file(world, f"visitor:{uuid4()}")
    stolen = await command(visitor, "message.send", client_id="c0", attachments=[foreign])
    assert (stolen["ok"], stolen["problem"]["code"]) == (False, "attachment_not_found")
    sent = await command(visitor, "message.send", client_id="c1", attachments=[mine])
    assert sent["ok"], sent
    shown = [frame async for frame in received(agent, 2)][-1]["data"]["message"]["attachments"]
    assert shown == [{"id": mine, "name": "a.png", "media_type": "image/png", "size_bytes": 3}]
    used = await command(visitor, "message.send", client_id="c2", attachments=[mine])
    assert used["problem"]["code"] == "attachment_used"

    place = {"conversation_id": sent["data"]["conversation_id"]}
    public, secret = [await stored_file(world, f"agent:{person.id}") for _ in range(2)]
    note = await command(agent, "note.add", **place, client_id="n1", attachments=[secret])
    reply = await command(agent, "message.send", **place, client_id="r1", attachments=[public])
    empty = await command(agent, "message.send", **place, client_id="r2", body="  ")
    assert (note["ok"], reply["ok"], empty["problem"]["code"]) == (True, True, "text_empty")
    frames = await visitor.through(await world.head())
    told = [frame["data"].get("message", {}).get("attachments") for frame in frames if frame["type"] == "event"]
    assert [file["id"] for files in told if files for file in files if file["id"] != mine] == [public]
    bound = await world.rows("SELECT id::text, visibility FROM attachment WHERE message_id IS NOT NULL")
    assert {row["id"]: row["visibility"] for row in bound} == {mine: "public", public: "public", secret: "internal"}


async def received(client: Client, count: int) -> AsyncIterator[dict[str, Any]]:
    for _ in range(count):
        yield await client.next()


async def add_ready_agent(world: World, name: str = "Wu Gang") -> Person:
    person = await world.add_person(name)
    await world.rows("INSERT INTO queue_member (queue_id, agent_id) VALUES ($1, $2)", world.queue_id, person.id)
    async with world.database.transaction() as session:
        await routing.connect(session, {person.id: world.act})
    await world.run(routing.set_presence, agent_id=person.id, readiness="ready")
    return person


async def in_line(client: Client) -> dict | None:
    """What the next frame about the line says."""
    queue: dict | None = (await client.until("queue"))[-1]["queue"]
    return queue


async def test_visitors_are_told_their_place_and_wait_and_when_it_moves(
    server: Running, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "AT_MOST_EVERY_SECONDS", 0.05)
    agent = await add_ready_agent(world)
    visitors = [await visit(server, world, world.act.new_id()) for _ in range(2)]
    conversations = []
    for visitor in visitors:
        await visitor.next()
        sent = await command(visitor, "message.send", client_id="c1", body="hello")
        conversations.append(UUID(sent["data"]["conversation_id"]))
        await world.run(follow_conversations, {conversations[-1]: Cause("visitor", "request-1")}, hours=HOURS)
        world.clock.advance(1)
    # The one agent has room: it rings for a minute at most.
    assert await in_line(visitors[0]) == {
        "name": "General", "names": {}, "position": 1, "eta_p50_seconds": 60, "eta_p90_seconds": 60
    }  # fmt: skip
    assert (await in_line(visitors[1]) or {})["position"] == 2
    await world.run(routing.set_presence, agent_id=agent.id, readiness="not_ready", reason="meal")
    unknown = await in_line(visitors[1])
    assert unknown == {
        "name": "General", "names": {}, "position": 2, "eta_p50_seconds": None, "eta_p90_seconds": None
    }  # fmt: skip
    boss = Principal(
        kind="agent", id=agent.id, role="agent", scopes=frozenset({"work"}), visibility="all", team_id=None
    )
    await world.run(routing.pick, boss, conversation_id=conversations[0], hours=HOURS)
    assert (await in_line(visitors[1]) or {})["position"] == 1
    frames = await visitors[0].until("queue")
    while frames[-1]["queue"] is not None:
        frames += await visitors[0].until("queue")
    assert frames[-1]["conversation_id"] == str(conversations[0])
    # A reload is told anew, although nothing moved.
    again = await visit(server, world, await world.contact_of(conversations[1]))
    snapshot = await again.next()
    assert (snapshot["queue"]["name"], snapshot["queue"]["position"]) == ("General", None)
    assert (await in_line(again) or {})["position"] == 1

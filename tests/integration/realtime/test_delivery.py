"""What sockets get: snapshot, live, replay, and never anything they may not see."""

import asyncio

from app.events.sla import SlaEscalated
from tests.integration.realtime.world import Client, Running, World, serving


def lasting(frames: list[dict]) -> list[dict]:
    """The frames without what they say of the present: a conversation is shown as it stands when it is sent."""
    for frame in frames:
        frame.get("data", {}).pop("conversation", None)
    return frames


async def test_a_snapshot_is_followed_by_what_happens_after_it(server: Running, world: World) -> None:
    agent = await world.add_person("Wu Gang", team_id=world.team_id)
    talk = await world.open(agent)
    client = await server.join(agent)
    snapshot = await client.next()
    assert snapshot["type"] == "snapshot"
    assert [each["id"] for each in snapshot["conversations"]] == [str(talk.id)]
    await world.say(talk, "hello 你好")
    event = await client.next()
    assert (event["type"], event["event"]) == ("event", "message.received")
    assert event["data"]["message"]["body"] == "hello 你好"


async def test_replay_is_the_same_as_live(server: Running, world: World) -> None:
    agent = await world.add_person("Wu Gang", visibility="team", team_id=world.team_id)
    other = await world.add_person("Chen", team_id=world.other_team_id)
    live = await server.join(agent)
    start = (await live.next())["position"]
    mine, foreign = await world.open(agent), await world.open(other, team_id=world.other_team_id)
    for index in range(20):
        await world.say(mine, f"message {index}")
        await world.say(foreign, f"secret {index}")
        await world.say(mine, f"note {index}", note_by=agent)
    seen_live = await live.through(await world.head())
    replayed = await (await server.join(agent, start)).until("caught_up")
    assert lasting(replayed[:-1]) == lasting(seen_live)
    assert len(seen_live) == 41
    assert "secret" not in str(seen_live)


async def test_a_notice_reaches_whom_it_names_live_and_replayed_and_nothing_else_does(
    server: Running, world: World
) -> None:
    owner = await world.add_person("Chen", team_id=world.other_team_id)
    expert, bystander = [await world.add_person(name, team_id=world.team_id) for name in ("Wu Gang", "Li Na")]
    clients = [await server.join(each) for each in (expert, bystander)]
    starts = [(await client.next())["position"] for client in clients]
    talk = await world.open(owner, team_id=world.other_team_id)
    escalated = SlaEscalated(
        conversation_id=talk.id,
        clock_id=talk.id,
        metric="first_reply",
        seq=1,
        due_at=None,
        detected_at=world.clock.now(),
        ladder="functional",
        step=1,
        to_team_id=None,
        to_agent_id=expert.id,
        to_agent_ids=(expert.id,),
    )
    await world.append([escalated])
    await world.say(talk, "secret")
    shared = await world.open(team_id=world.team_id)
    [notice, opened] = await clients[0].through(await world.head())
    assert (notice["event"], notice["data"]["to_agent_ids"]) == ("sla.escalated", [str(expert.id)])
    assert opened["data"]["conversation_id"] == str(shared.id)
    assert [frame["event"] for frame in await clients[1].through(await world.head())] == ["conversation.opened"]
    replayed = await (await server.join(expert, starts[0])).until("caught_up")
    assert [frame.get("event") for frame in replayed] == ["sla.escalated", "conversation.opened", None]


async def test_a_replay_older_than_memory_comes_from_the_log(server: Running, world: World) -> None:
    agent = await world.add_person("Wu Gang", visibility="all")
    live = await server.join(agent)
    start = (await live.next())["position"]
    talk = await world.open(agent)
    for index in range(30):
        await world.say(talk, f"message {index}")
    seen_live = await live.through(await world.head())
    async with serving(world, server.signal) as restarted:
        for _ in range(2):  # the second one finds in memory what was read for the first
            replayed = await (await restarted.join(agent, start)).until("caught_up")
            assert lasting(replayed[:-1]) == lasting(seen_live)


async def test_resuming_under_writers_loses_and_doubles_nothing(server: Running, world: World) -> None:
    agent = await world.add_person("Wu Gang", visibility="all")
    talks = [await world.open(agent) for _ in range(4)]

    async def write(index: int) -> None:
        for number in range(40):
            await world.say(talks[index], f"{index}-{number}")

    client = await server.join(agent)
    position = (await client.next())["position"]
    writing = asyncio.gather(*(write(index) for index in range(4)))
    heard: list[dict] = []
    while not writing.done():
        for frame in [await client.next() for _ in range(7)] if len(heard) < 140 else []:
            if frame["type"] == "event":
                heard.append(frame)
                position = frame["position"]
        if len(heard) >= 140:
            break
        await client.socket.close()
        client = await server.join(agent, position)
    await writing
    heard += [frame for frame in await client.through(await world.head()) if frame["type"] == "event"]
    bodies = [frame["data"]["message"]["body"] for frame in heard]
    assert len(bodies) == len(set(bodies)) == 160
    numbers = [int(frame["position"].partition("-")[2]) for frame in heard]
    assert numbers == sorted(numbers)
    for index in range(4):
        assert [body for body in bodies if body.startswith(f"{index}-")] == [f"{index}-{n}" for n in range(40)]


async def test_who_loses_a_conversation_is_told_once_live_and_on_replay(server: Running, world: World) -> None:
    first, second = await world.add_person("Wu Gang"), await world.add_person("Chen")
    talk = await world.open(first)
    loser, gainer = await server.join(first), await server.join(second)
    start = (await loser.next())["position"]
    assert (await gainer.next())["conversations"] == []
    await world.hand_over(talk, second)
    await world.say(talk, "only for the second")
    head = await world.head()
    lost, gained = await loser.through(head), await gainer.through(head)
    assert [(frame["type"], frame["conversation_id"]) for frame in lost] == [("removed", str(talk.id))]
    assert [frame["event"] for frame in gained] == ["conversation.rights_changed", "message.received"]
    assert gained[0]["data"]["conversation"]["id"] == str(talk.id)
    for person, seen in ((first, lost), (second, gained)):
        client: Client = await server.join(person, start)
        assert lasting((await client.until("caught_up"))[:-1]) == lasting(seen)


async def test_several_tabs_each_get_everything(server: Running, world: World) -> None:
    agent = await world.add_person("Wu Gang")
    tabs = [await server.join(agent) for _ in range(3)]
    for tab in tabs:
        await tab.next()
    talk = await world.open(agent)
    await world.say(talk, "hello")
    head = await world.head()
    heard = [await tab.through(head) for tab in tabs]
    assert heard[0] == heard[1] == heard[2]
    assert [frame["event"] for frame in heard[0]] == ["conversation.opened", "message.received"]

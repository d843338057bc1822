"""What ends a socket: bad frames, false credentials, ended sessions, slow readers; and that it costs nobody else."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
import websockets

from app.core import errors
from app.core.partition_drops import drop_what_is_over
from app.core.partitions import ensure_partitions
from app.events.agents import AgentUpdated, SessionEnded
from app.realtime import connection, frame_socket
from tests.integration.realtime.world import Client, Running, World, serving


async def one_more(server: Running, world: World) -> Client:
    """A healthy socket with its snapshot behind it."""
    client = await server.join(await world.add_person(f"Healthy {len(server.clients)}", visibility="all"))
    await client.next()
    return client


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ("not json", "Invalid JSON"),
        ('{"type":"dance"}', "does not match"),
        ('{"type":"ping","extra":1}', "extra"),
        ('{"type":"subscribe","after":"yesterday"}', "position"),
        (b"\x00\x01", "binary"),
    ],
)
async def test_a_malformed_frame_is_answered_with_its_fault(
    server: Running, world: World, frame: Any, reason: str
) -> None:
    client = await one_more(server, world)
    await client.socket.send(frame)
    code, frames = await client.closed()
    assert code == 4400
    assert frames[-1]["type"] == "bye"
    assert reason in frames[-1]["detail"]


async def test_an_oversize_frame_ends_the_socket(server: Running, world: World) -> None:
    client = await one_more(server, world)
    await client.send(type="authenticate", token="x" * 70_000)
    assert (await client.closed())[0] == 1009


async def test_who_does_not_authenticate_in_time_is_closed(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame_socket, "AUTHENTICATE_WITHIN_SECONDS", 0.05)
    client = await server.open()
    code, frames = await client.closed()
    assert (code, frames[-1]["reason"]) == (4408, "too_late")


async def test_a_false_token_and_a_frame_before_authentication_are_refused(server: Running) -> None:
    for frame in ({"type": "authenticate", "token": "sbs_wrong"}, {"type": "subscribe", "after": None}):
        client = await server.open()
        await client.send(**frame)
        assert (await client.closed())[0] == 4401


async def test_an_expired_session_is_closed(server: Running, world: World) -> None:
    person = await world.add_person("Wu Gang")
    client = await server.join(person)
    await client.next()
    world.clock.advance(timedelta(hours=9).total_seconds())
    await client.send(type="ping")
    assert (await client.closed())[0] == 4401


async def test_a_revoked_session_is_closed_at_once_and_others_stay(server: Running, world: World) -> None:
    person = await world.add_person("Wu Gang")
    client, other = await server.join(person), await one_more(server, world)
    await client.next()
    (row,) = await world.rows(
        "UPDATE login_session SET revoked_at = $2 WHERE account_id = $1 RETURNING id", person.id, world.clock.now()
    )
    await world.append([SessionEnded(agent_id=person.id, session_id=row["id"], reason="revoked")])
    code, frames = await client.closed()
    assert (code, frames[-1]["reason"]) == (4401, "session_ended")
    assert await other.through(await world.head()) == []


async def test_the_bus_alone_ends_a_revoked_session_too(server: Running, world: World) -> None:
    person = await world.add_person("Wu Gang")
    ended, kept = await server.join(person), await one_more(server, world)
    await ended.next()
    await world.rows("UPDATE login_session SET revoked_at = $2 WHERE account_id = $1", person.id, world.clock.now())
    await server.bus.publish("session", {"nonsense": 1})
    await server.bus.publish("session", {"account_id": str(person.id), "session_id": str(person.id)})
    assert (await ended.closed())[0] == 4401
    await kept.send(type="ping")
    assert (await kept.next())["type"] == "pong"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("presence.set", {"readiness": "not_ready", "reason": "a\x00b"}),
        ("offer.accept", {"offer_id": "00000000-0000-0000-0000-000000000001", "token": "\x00"}),
        ("offer.accept", {"offer_id": "no id", "token": "t"}),
        ("message.send", {"conversation_id": "00000000-0000-0000-0000-000000000001", "client_id": "a b", "body": "x"}),
        ("conversation.read", {"sequence": "many"}),
    ],
)
async def test_bad_data_of_a_command_is_a_problem_and_the_socket_lives(
    server: Running, world: World, name: str, data: dict[str, Any]
) -> None:
    client = await one_more(server, world)
    await client.send(type="command", id="1", name=name, key="k", data=data)
    refused = await client.next()
    assert (refused["ok"], refused["problem"]["code"]) == (False, "invalid_input")
    await client.send(type="ping")
    assert (await client.next())["type"] == "pong"


async def test_what_one_may_not_see_is_as_if_it_were_not(server: Running, world: World) -> None:
    owner = await world.add_person("Wu Gang")
    talk = await world.open(owner)
    stranger = await server.join(await world.add_person("Chen"))
    await stranger.next()
    for conversation_id in (talk.id, world.queue_id):
        data = {"conversation_id": str(conversation_id), "client_id": "c1", "body": "hello"}
        await stranger.send(type="command", id="1", name="message.send", key=str(conversation_id), data=data)
        assert (await stranger.next())["problem"]["status"] == 404


async def test_an_answer_reaches_the_other_tab_with_the_event_the_result_names(server: Running, world: World) -> None:
    owner = await world.add_person("Wu Gang")
    talk = await world.open(owner)
    await world.say(talk, "hello")
    writing, other = await server.join(owner), await server.join(owner)
    await other.next()
    data = {"conversation_id": str(talk.id), "client_id": "c1", "body": "good morning"}
    await writing.send(type="command", id="1", name="message.send", key="k1", data=data)
    result = (await writing.until("result"))[-1]
    posted = (await other.until("event"))[-1]
    assert (posted["event"], posted["data"]["message"]["body"]) == ("message.posted", "good morning")
    assert posted["id"] in result["events"]


async def test_a_cookie_counts_only_from_our_own_origin(server: Running, world: World) -> None:
    person = await world.add_person("Wu Gang")
    cookie = {"Cookie": f"switchboard_session={person.token}"}
    client = await server.open(additional_headers=cookie, origin=f"http://{server.address}")
    assert (await client.next())["type"] == "hello"
    for origin in ("https://evil.example", None):
        with pytest.raises(websockets.InvalidStatus) as refused:
            await server.open(additional_headers=cookie, origin=origin)
        assert refused.value.response.status_code == 403


async def test_changed_rights_ask_for_a_fresh_snapshot(server: Running, world: World) -> None:
    person = await world.add_person("Wu Gang")
    talk = await world.open()
    client = await server.join(person)
    start = await client.next()
    assert start["conversations"] == []
    await world.rows("UPDATE account SET visibility = 'all' WHERE id = $1", person.id)
    await world.append([AgentUpdated(agent_id=person.id, fields=("visibility",))])
    assert await client.next() == {"type": "resync_required", "reason": "rights_changed"}
    await client.send(type="subscribe", after=None)
    assert [each["id"] for each in (await client.next())["conversations"]] == [str(talk.id)]
    resumed = await server.join(person, start["position"])
    assert (await resumed.next())["type"] == "resync_required"


async def test_a_position_of_another_life_or_beyond_the_head_is_not_resumed(server: Running, world: World) -> None:
    person = await world.add_person("Wu Gang")
    for after in ("2-0", "1-999999"):
        client = await server.join(person, after)
        assert await client.next() == {"type": "resync_required", "reason": "incarnation"}


async def test_a_position_older_than_the_replay_is_not_resumed(server: Running, world: World) -> None:
    person = await world.add_person("Wu Gang")
    talk = await world.open(person)
    await world.say(talk, "hello")
    await world.head()
    world.clock.advance(timedelta(days=7, hours=1).total_seconds())
    await world.rows("UPDATE login_session SET expires_at = expires_at + interval '30 days'")
    async with serving(world, server.signal) as restarted:
        client = await restarted.join(person, "1-0")
        assert await client.next() == {"type": "resync_required", "reason": "too_old"}


async def test_a_position_whose_month_was_dropped_is_not_resumed_and_one_at_the_head_is(
    server: Running, world: World
) -> None:
    person = await world.add_person("Wu Gang")
    talk = await world.open(person)
    await world.say(talk, "hello")
    head = await world.head()
    await (await one_more(server, world)).through(head)
    head = await world.head()
    async with world.database.engine.begin() as connection:
        await ensure_partitions(connection, world.clock.now() - timedelta(days=400))
    for table, column in (("event", "created_at"), ("event_position", "positioned_at")):
        await world.rows(f"UPDATE {table} SET {column} = {column} - interval '400 days'")
    server.hub.tail.recent.begin_at(server.hub.tail.position)
    dropped = await drop_what_is_over(world.database, world.clock, holder="tests", keep_months=3)
    assert dropped is not None
    assert [verdict.partition.table for verdict in dropped if verdict.stays is None][:1] == ["event_position"]
    client = await server.join(person, "1-0")
    assert await client.next() == {"type": "resync_required", "reason": "too_old"}
    await client.send(type="subscribe", after=None)
    assert [each["id"] for each in (await client.next())["conversations"]] == [str(talk.id)]
    resumed = await server.join(person, f"1-{head}")
    assert (await resumed.next())["type"] == "caught_up"
    await world.say(talk, "hello again")
    assert (await resumed.next())["data"]["message"]["body"] == "hello again"


async def test_a_slow_reader_is_dropped_with_its_position_and_delays_nobody(
    server: Running, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "MAX_BUFFERED_FRAMES", 50)
    agent = await world.add_person("Wu Gang", visibility="all")
    slow = await server.open(max_queue=1)
    await slow.send(type="authenticate", token=agent.token)
    await slow.send(type="subscribe", after=None)
    await slow.until("snapshot")
    healthy = await server.join(agent)
    await healthy.next()
    talk = await world.open(agent)
    slow.socket.transport.pause_reading()
    heard: list[dict[str, Any]] = []
    big = "x" * 60_000
    while len(server.hub.tail.roster) == 2 and len(heard) < 600:
        await asyncio.gather(*(world.say(talk, big) for _ in range(10)))
        heard += await healthy.through(await world.head())
        if any(seat.connection.ended.is_set() for seat in server.hub.tail.roster):
            break
    slow.socket.transport.resume_reading()
    code, frames = await slow.closed()
    assert (code, frames[-1]["type"], frames[-1]["reason"]) == (4290, "bye", "slow_reader")
    got = [frame["position"] for frame in frames if frame["type"] == "event"]
    everything = [frame["position"] for frame in heard]
    assert got == everything[: len(got)]
    assert frames[-1]["position"] in got
    resumed = await server.join(agent, got[-1])
    rest = [frame["position"] for frame in (await resumed.until("caught_up"))[:-1]]
    assert got + rest == everything


async def test_too_many_frames_and_too_many_tabs_end_a_socket(
    server: Running, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await one_more(server, world)
    with suppress(websockets.ConnectionClosed):
        for _ in range(200):
            await client.send(type="ping")
    assert (await client.closed())[0] == 4429
    monkeypatch.setattr(connection, "SEATS_PER_PERSON", 2)
    person = await world.add_person("Wu Gang")
    first, *others = [await server.join(person) for _ in range(3)]
    code, frames = await first.closed()
    assert (code, frames[-1]["reason"]) == (4429, "replaced")
    assert [(await other.next())["type"] for other in others] == ["snapshot", "snapshot"]


async def test_silence_ends_a_socket(server: Running, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await one_more(server, world)
    monkeypatch.setattr(frame_socket, "SILENCE_SECONDS", 0.1)
    await client.send(type="ping")  # the patience that began before is the old one
    code, frames = await client.closed()
    assert (code, frames[-1]["reason"]) == (4408, "heartbeat")


async def test_a_restart_says_goodbye_with_a_delay_of_its_own(server: Running, world: World) -> None:
    clients = [await one_more(server, world) for _ in range(3)]
    await server.hub.part()
    for client in clients:
        code, frames = await client.closed()
        assert (code, frames[-1]["reason"]) == (1012, "shutting_down")
        assert 0 <= frames[-1]["retry_after_ms"] < 10_000


async def test_a_command_with_the_same_key_acts_once(server: Running, world: World) -> None:
    person = await world.add_person("Wu Gang")
    talk = await world.open(person)
    await world.say(talk, "hello")
    first, second = await server.join(person), await server.join(person)
    command = {
        "type": "command",
        "name": "conversation.read",
        "key": "once",
        "data": {"conversation_id": str(talk.id), "sequence": 1},
    }
    answers = []
    for client, command_id in ((first, "a"), (second, "b"), (first, "c")):
        await client.send(**command, id=command_id)
        answers.append((await client.until("result"))[-1])
    assert [answer["id"] for answer in answers] == ["a", "b", "c"]
    assert answers[0] | {"id": ""} == answers[1] | {"id": ""} == answers[2] | {"id": ""}
    (row,) = await world.rows("SELECT array_agg(event_uuid::text) AS ids FROM event WHERE type = 'conversation.read'")
    assert row["ids"] == answers[0]["events"]
    await first.send(**{**command, "data": {**command["data"], "sequence": 0}}, id="d")
    refused = (await first.until("result"))[-1]
    assert (refused["ok"], refused["problem"]["code"]) == (False, "idempotency_key_reused")


async def test_an_unknown_command_is_a_problem_and_the_socket_lives(server: Running, world: World) -> None:
    client = await one_more(server, world)
    await client.send(type="command", id="1", name="fly", data={})
    refused = await client.next()
    assert (refused["ok"], refused["problem"]["status"]) == (False, errors.InvalidInput.status)
    await client.send(type="ping")
    assert (await client.next())["type"] == "pong"


async def test_typing_is_told_to_others_who_may_see_it_and_never_stored(server: Running, world: World) -> None:
    writer = await world.add_person("Wu Gang")
    colleague, stranger = await one_more(server, world), await server.join(await world.add_person("Chen"))
    await stranger.next()
    talk = await world.open(writer)
    client = await server.join(writer)
    await client.next()
    await client.send(type="command", id="1", name="typing", data={"conversation_id": str(talk.id), "on": True})
    signal = (await colleague.until("signal"))[-1]
    assert (signal["name"], signal["who"]["name"], signal["on"]) == ("typing", "Wu Gang", True)
    assert await stranger.through(await world.head()) == []
    await stranger.send(type="command", id="1", name="viewing", data={"conversation_id": str(talk.id), "on": True})
    assert (await stranger.next())["problem"]["code"] == "conversation_not_found"

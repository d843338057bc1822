"""A conversation on a socket comes with its most urgent clock, as it stands when it is sent."""

import json
from uuid import UUID, uuid4

from app.events.sla import ClocksChanged
from tests.integration.realtime.world import Running, Talk, World


async def give_clock(world: World, talk: Talk, *, due_in_seconds: int | None, state: str = "running") -> UUID:
    now, clock_id = world.clock.now(), uuid4()
    face = {"clock_id": str(clock_id), "metric": str(due_in_seconds), "seq": 1, "state": state, "policy": "Chat"}
    face |= {"target_seconds": 60, "counted_at": now.isoformat(), "rest_seconds": 30 if state == "paused" else None}
    await world.rows(
        "INSERT INTO sla_clock (id, conversation_id, metric, seq, state, channel, target_seconds, elapsed_seconds,"
        " counted_at, started_at, due_at, generation, timers, fired, face) VALUES ($1, $2, $3, 1, $4, 'chat', 60, 0,"
        " $5, $5, $5::timestamptz + make_interval(secs => $6), 1, '[]', '{}', $7::text::jsonb)",
        clock_id, talk.id, str(due_in_seconds), state, now, due_in_seconds, json.dumps(face),
    )  # fmt: skip
    return clock_id


async def test_snapshot_event_and_gain_bring_the_most_urgent_clock(server: Running, world: World) -> None:
    agent = await world.add_person("Wu Gang")
    colleague = await world.add_person("Li Na")
    talk = await world.open(agent)
    await give_clock(world, talk, due_in_seconds=None, state="paused")
    near = await give_clock(world, talk, due_in_seconds=40)
    await give_clock(world, talk, due_in_seconds=90)
    client = await server.join(agent)
    snapshot = await client.next()
    [summary] = snapshot["conversations"]
    assert (summary["sla"]["clock_id"], summary["sla"]["state"]) == (str(near), "running")
    await world.rows("UPDATE sla_clock SET stopped_at = $2 WHERE id = $1", near, world.clock.now())
    await world.append([ClocksChanged(conversation_id=talk.id, clocks=())])
    event = await client.next()
    assert (event["event"], event["data"]["sla"]["metric"]) == ("sla.clocks_changed", "90")
    other = await server.join(colleague)
    await other.next()
    await world.hand_over(talk, colleague)
    gained = await other.next()
    assert gained["data"]["conversation"]["sla"]["metric"] == "90"
    await world.rows("UPDATE sla_clock SET stopped_at = $1", world.clock.now())
    await world.append([ClocksChanged(conversation_id=talk.id, clocks=())])
    assert (await other.next())["data"]["sla"] is None

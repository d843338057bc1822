"""Routing over HTTP: what each role may do, and the stable codes of refusals."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from app.routing.api import router
from tests.access_apps import app_of, bearer_of
from tests.integration.routing.world import Routed, World

ORIGIN = "http://test"

NOBODY = UUID(int=7)  # fixed: the names of parametrised tests must be the same in every process


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app_of(world.database, world.clock, router))
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as opened:
        yield opened


async def bearer(world: World, agent_id: UUID, role: str = "agent") -> dict[str, str]:
    """Log the agent in with a role."""
    await world.execute("UPDATE account SET role = :role WHERE id = :id", role=role, id=agent_id)
    return await bearer_of(world.database, world.clock, agent_id)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_an_agent_sees_an_offer_and_accepts_it_once(
    world: World, routed: Routed, client: httpx.AsyncClient
) -> None:
    agent = await world.add_agent()
    conversation = await world.add_waiting()
    await routed()
    headers = await bearer(world, agent)
    offer = (await client.get("/v1/offers", headers=headers)).json()[0]
    assert offer["conversation_id"] == str(conversation)
    path, body = f"/v1/offers/{offer['id']}/accept", {"token": offer["token"]}
    stale = await client.post(path, json={"token": "stale"}, headers=headers)
    assert code(stale) == (409, "stale_token")
    keyed = headers | {"Idempotency-Key": "one"}
    first, again = [await client.post(path, json=body, headers=keyed) for _ in range(2)]
    assert (first.status_code, first.json()["state"], len(first.json()["events"])) == (200, "accepted", 2)
    assert first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert await world.owner(conversation) == agent
    assert (await client.get("/v1/offers", headers=headers)).json() == []
    explained = (await client.get(f"/v1/conversations/{conversation}/explain", headers=headers)).json()
    assert explained["work"]["state"] == "assigned"
    assert explained["decisions"][0]["outcome"] == "offer"


async def test_refusals_have_stable_codes(world: World, routed: Routed, client: httpx.AsyncClient) -> None:
    agent, other = await world.add_agent(), await world.add_agent(ready=False)
    conversation = await world.add_waiting()
    await routed()
    offer = (await world.offers(conversation))[0]
    stranger = await bearer(world, other)
    path = f"/v1/offers/{offer.id}/accept"
    assert code(await client.post(path, json={"token": offer.token}, headers=stranger)) == (409, "offer_taken")
    unknown = await client.post(f"/v1/offers/{uuid4()}/accept", json={"token": "x"}, headers=stranger)
    assert code(unknown) == (404, "offer_not_found")
    mine = await bearer(world, agent)
    reasonless = await client.post(f"/v1/offers/{offer.id}/decline", json={"token": offer.token}, headers=mine)
    assert reasonless.status_code == 422
    declined = await client.post(
        f"/v1/offers/{offer.id}/decline", json={"token": offer.token, "reason": "not_mine"}, headers=mine
    )
    assert declined.json()["state"] == "declined"
    assert code(await client.post(path, json={"token": offer.token}, headers=mine)) == (409, "offer_declined")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/queues"),
        ("PUT", f"/v1/queues/{NOBODY}"),
        ("PUT", f"/v1/queues/{NOBODY}/members/{NOBODY}"),
        ("PUT", f"/v1/agents/{NOBODY}/presence"),
        ("POST", f"/v1/conversations/{NOBODY}/assign"),
    ],
)
async def test_what_supervisors_do_is_refused_to_agents_and_strangers(
    world: World, client: httpx.AsyncClient, method: str, path: str
) -> None:
    stranger = await client.request(method, path, json={})
    assert stranger.status_code == 401
    headers = await bearer(world, await world.add_agent(ready=False))
    body: dict[str, Any] = {"name": "x", "readiness": "ready", "agent_id": str(uuid4())}
    allowed = {"queues": {"name"}, "agents": {"readiness"}, "conversations": {"agent_id"}}[path.split("/")[2]]
    refused = await client.request(method, path, json={key: body[key] for key in allowed}, headers=headers)
    assert code(refused) == (403, "scope_missing")


async def test_queues_are_made_changed_paged_and_guarded_against_lost_updates(
    world: World, client: httpx.AsyncClient
) -> None:
    headers = await bearer(world, await world.add_agent(ready=False), "supervisor")
    skill = str(await world.add_skill())
    body = {
        "name": "Orders",
        "requirements": {skill: 5},
        "rings": [{"enter_after_seconds": 60, "requirements": {skill: 3}}],
    }
    made = (await client.post("/v1/queues", json=body, headers=headers)).json()
    assert (made["requirements"], made["version"]) == ({skill: 5}, 1)
    assert code(await client.post("/v1/queues", json={"name": "orders"}, headers=headers)) == (409, "queue_name_taken")
    path = f"/v1/queues/{made['id']}"
    changed = await client.put(path, json={"name": "Orders", "tier": 1}, headers=headers | {"If-Match": '"1"'})
    assert (changed.json()["tier"], changed.json()["version"]) == (1, 2)
    late = await client.put(path, json={"name": "Orders"}, headers=headers | {"If-Match": "1"})
    assert code(late) == (412, "queue_changed")
    harder = body | {"name": "Harder", "rings": [{"enter_after_seconds": 60, "requirements": {skill: 7}}]}
    assert code(await client.post("/v1/queues", json=harder, headers=headers)) == (422, "ring_contradicts")
    names, cursor = [], None
    while True:
        page = (
            await client.get(
                "/v1/queues", params={"limit": 1} | ({"cursor": cursor} if cursor else {}), headers=headers
            )
        ).json()
        names += [queue["name"] for queue in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert names == ["Orders", f"Queue {world.queue_id}"]


@pytest.mark.parametrize(
    "wrong", [{"wrap_up": "maybe"}, {"wrap_up_seconds": 4}, {"wrap_up_seconds": 3601}, {"wrap_up_seconds": "60"}]
)
async def test_a_queue_says_how_its_work_is_wrapped_up(
    world: World, client: httpx.AsyncClient, wrong: dict[str, Any]
) -> None:
    headers = await bearer(world, await world.add_agent(ready=False), "supervisor")
    refused = await client.post("/v1/queues", json={"name": "Orders", **wrong}, headers=headers)
    assert refused.status_code == 422
    plain = (await client.post("/v1/queues", json={"name": "Plain"}, headers=headers)).json()
    assert (plain["wrap_up"], plain["wrap_up_seconds"]) == ("none", 600)
    timed = {"name": "Orders", "wrap_up": "timed", "wrap_up_seconds": 5}
    made = (await client.post("/v1/queues", json=timed, headers=headers)).json()
    read = (await client.get(f"/v1/queues/{made['id']}", headers=headers)).json()
    assert (read["wrap_up"], read["wrap_up_seconds"]) == ("timed", 5)


async def test_a_wrap_up_is_seen_in_presence_and_ended_once(
    world: World, routed: Routed, client: httpx.AsyncClient
) -> None:
    agent, stranger = await world.add_agent(), await world.add_agent(ready=False)
    await world.execute("UPDATE queue SET wrap_up = 'required'")
    conversation = await world.add_waiting()
    await routed()
    await world.accept((await world.offers(conversation))[0])
    await world.set_status(conversation, "resolved", actor=f"agent:{agent}")
    headers, other = await bearer(world, agent), await bearer(world, stranger)
    [shown] = (await client.get("/v1/presence", headers=headers)).json()["wrap_ups"]
    path, body = f"/v1/work-items/{shown['work_id']}/wrap-up/end", {"outcome": "solved"}
    assert code(await client.post(path, json=body, headers=other)) == (404, "work_not_found")
    assert code(await client.post(path, json={}, headers=headers)) == (422, "outcome_required")
    assert (await client.post(path, json={"outcome": "Solved!"}, headers=headers)).status_code == 422
    keyed = headers | {"Idempotency-Key": "one"}
    first, again = [await client.post(path, json=body, headers=keyed) for _ in range(2)]
    assert (first.json()["state"], first.json()) == ("done", again.json())
    assert (await client.get("/v1/presence", headers=headers)).json()["wrap_ups"] == []
    unknown = await client.post(f"/v1/work-items/{NOBODY}/wrap-up/end", json=body, headers=headers)
    assert code(unknown) == (404, "work_not_found")


async def test_members_presence_and_the_board(world: World, client: httpx.AsyncClient) -> None:
    agent = await world.add_agent(member=False, ready=False)
    boss = await world.add_agent(member=False, ready=False)
    supervisor = await bearer(world, boss, "supervisor")
    member = f"/v1/queues/{world.queue_id}/members/{agent}"
    assert (await client.put(member, headers=supervisor)).status_code == 204
    members = f"/v1/queues/{world.queue_id}/members"
    assert (await client.get(members, headers=supervisor)).json() == {"agent_ids": [str(agent)]}
    headers = await bearer(world, agent)
    assert (await client.get("/v1/presence", headers=headers)).json()["readiness"] == "not_ready"
    ready = await client.put("/v1/presence", json={"readiness": "ready"}, headers=headers)
    assert ready.json()["routable"] is True
    lines = (await client.get("/v1/queue-lines", headers=supervisor)).json()
    assert [(line["staffed"], line["ready"]) for line in lines] == [(1, 1)]
    stopped = await client.put(
        f"/v1/agents/{agent}/presence", json={"readiness": "not_ready", "reason": "training"}, headers=supervisor
    )
    assert (stopped.json()["readiness"], stopped.json()["reason"]) == ("not_ready", "training")
    shown = (await client.get("/v1/presences", headers=supervisor)).json()
    assert str(agent) in {each["agent_id"] for each in shown}
    assert (await client.delete(member, headers=supervisor)).status_code == 204
    assert (await client.get(members, headers=supervisor)).json() == {"agent_ids": []}


async def test_pick_and_transfer_over_the_api(world: World, client: httpx.AsyncClient) -> None:
    agent = await world.add_agent()
    conversation = await world.add_waiting()
    headers = await bearer(world, agent)
    picked = await client.post(f"/v1/conversations/{conversation}/pick", headers=headers)
    assert picked.json()["work"]["agent_id"] == str(agent)
    path = f"/v1/conversations/{conversation}/transfer"
    nowhere = await client.post(path, json={"reason": "expertise"}, headers=headers)
    assert code(nowhere) == (422, "one_target")
    queue = str(await world.add_queue(uuid4()))
    moved = await client.post(path, json={"queue_id": queue, "reason": "expertise"}, headers=headers)
    assert (moved.json()["work"]["state"], moved.json()["work"]["queue_id"]) == ("queued", queue)


async def test_overflow_is_saved_given_back_and_refused_where_it_leads_in_a_circle(
    world: World, client: httpx.AsyncClient
) -> None:
    headers = await bearer(world, await world.add_agent(ready=False), "supervisor")
    message = {"when": {"age_over_seconds": 60}, "do": {"message": {"en": " A little longer. ", "zh-CN": "请稍候。"}}}
    onward = {"when": {"longer_than": 20}, "do": {"queue": str(world.queue_id)}}
    made = (await client.post("/v1/queues", json={"name": "A", "overflow": [message, onward]}, headers=headers)).json()
    message["do"]["message"]["en"] = "A little longer."
    assert (made["overflow"], made["calendar_id"]) == ([message, onward], None)
    path = f"/v1/queues/{world.queue_id}"
    assert (await client.get(f"/v1/queues/{made['id']}", headers=headers)).json() == made
    circle = {"name": "B", "overflow": [onward | {"do": {"queue": made["id"]}}]}
    refused = await client.put(path, json=circle, headers=headers)
    assert code(refused) == (409, "overflow_cycle")
    assert "B → A → B" in refused.json()["detail"]
    assert refused.json()["queue_ids"] == [str(world.queue_id), made["id"], str(world.queue_id)]
    lost = await client.put(path, json={"name": "B", "calendar_id": str(NOBODY)}, headers=headers)
    assert (code(lost), lost.json()["errors"][0]["path"]) == ((422, "unknown_reference"), "body.calendar_id")
    await client.put(f"/v1/queues/{made['id']}", json={"name": "A"}, headers=headers)
    assert (await client.put(path, json=circle, headers=headers)).status_code == 200

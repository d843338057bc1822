"""SLA over HTTP: edits as versions, what is wrong named by its path, and answers to why and how many."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.sla.api import router
from tests.access_apps import app_of, bearer_of
from tests.integration.sla.world import World

WEEK = {day: ["09:00-17:00"] for day in ("mon", "tue", "wed", "thu", "fri")}
TARGET = {"metric": "first_reply", "seconds": 60}


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app_of(world.database, world.clock, router))
    headers = await log_in(world, "admin", "all")
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as opened:
        yield opened


async def log_in(world: World, role: str, visibility: str) -> dict[str, str]:
    account_id = uuid4()
    await world.execute(
        "INSERT INTO account (id, login, password_hash, role, visibility, created_at)"
        " VALUES (:id, :login, '', :role, :visibility, :now)",
        id=account_id,
        login=str(account_id),
        role=role,
        visibility=visibility,
        now=world.clock.now(),
    )
    return await bearer_of(world.database, world.clock, account_id)


def calendar(**spec: Any) -> dict[str, Any]:
    return {"name": "Shop", "spec": {"timezone": "Asia/Shanghai", "weekly": WEEK, **spec}}


def policy(**body: Any) -> dict[str, Any]:
    return {"name": "VIP", "body": {"position": 5, "targets": [TARGET], **body}}


@pytest.mark.parametrize(
    ("path", "body", "where", "what"),
    [
        ("calendars", calendar(weekly={"mon": ["09:00-12:00", "11:00-13:00"]}), "spec.weekly.mon", "overlap"),
        ("calendars", calendar(timezone="Mars/Olympus"), "spec.timezone", "no time zone"),
        ("calendars", calendar(weekly={}), "spec", "no open time"),
        ("calendars", calendar(country="XX"), "spec.country", "no country"),
        ("policies", policy(targets=[{"metric": "first_reply", "seconds": 0}]), "targets.0.seconds", "greater than 0"),
        ("policies", policy(targets=[TARGET, TARGET]), "body", "each metric once"),
        ("policies", policy(thresholds=[{"percent": 50, "breach": True}]), "thresholds.0", "one of"),
        (
            "policies",
            policy(
                ladders={
                    "functional": [
                        {"after_seconds": seconds, "team_id": "01900000-0000-7000-8000-000000000001"}
                        for seconds in (60, 120)
                    ]
                }
            ),
            "ladders",
            "comes back",
        ),
    ],
)
async def test_what_is_wrong_is_refused_with_its_path(
    client: httpx.AsyncClient, path: str, body: dict[str, Any], where: str, what: str
) -> None:
    answer = await client.post(f"/v1/sla/{path}", json=body)
    assert answer.status_code == 422
    assert where in answer.text
    assert what in answer.text


async def test_the_shipped_policies_are_there_and_an_edit_is_a_version(client: httpx.AsyncClient) -> None:
    shipped = (await client.get("/v1/sla/policies")).json()
    assert [one["name"] for one in shipped[:3]] == ["Phone", "Live chat", "Social"]
    made = (await client.post("/v1/sla/policies", json=policy())).json()
    path = f"/v1/sla/policies/{made['id']}"
    edited = await client.put(path, json=policy(bot_answers=True), headers={"If-Match": "1"})
    assert (edited.status_code, edited.json()["version"]) == (200, 2)
    stale = await client.put(path, json=policy(), headers={"If-Match": "1"})
    assert (stale.status_code, stale.json()["code"]) == (412, "policy_changed")
    assert (await client.delete(path)).status_code == 204
    assert (await client.get("/v1/sla/policies")).json()[-1]["retired"] is True


async def test_a_clock_explains_its_policy_and_what_counted(world: World, client: httpx.AsyncClient) -> None:
    conversation_id = await world.open()
    await world.follow()
    world.clock.advance(40)
    answer = (await client.get(f"/v1/sla/conversations/{conversation_id}/clocks")).json()
    [clock] = answer["clocks"]
    assert (clock["state"], clock["elapsed_seconds"], clock["rest_seconds"]) == ("running", 40, 20)
    assert [segment["why"] for segment in clock["segments"]] == ["counted"]
    lost = {one["policy"]: one["lost_by"] for one in answer["policies"] if one["family"] == "reply"}
    assert (lost["Live chat"], lost["Social"], lost["Normal"]) == (None, "condition:channel", "policy:Live chat")


async def test_due_soon_shows_only_what_the_caller_may_see(world: World, client: httpx.AsyncClient) -> None:
    opened = [await world.open() for _ in range(3)]
    await world.follow()
    first = (await client.get("/v1/sla/due", params={"within_seconds": 60, "limit": 2})).json()
    rest = (await client.get("/v1/sla/due", params={"cursor": first["next_cursor"], "limit": 2})).json()
    seen = [item["conversation_id"] for item in first["items"] + rest["items"]]
    assert sorted(seen) == sorted(map(str, opened))
    assert rest["next_cursor"] is None
    stranger = await log_in(world, "agent", "own")
    assert (await client.get("/v1/sla/due", headers=stranger)).json()["items"] == []


async def test_attainment_counts_what_was_due(world: World, client: httpx.AsyncClient) -> None:
    kept, _ = await world.open(), await world.open()
    began = world.clock.now()
    world.clock.advance(30)
    await world.tell(world.we_wrote(kept))
    await world.follow()
    world.clock.advance(31)
    not_yet_due = await world.open()
    await world.follow()
    await world.ring()
    interval = {"due_from": began.isoformat(), "due_to": (began + timedelta(hours=1)).isoformat(), "by": "channel"}
    [line] = (await client.get("/v1/sla/attainment", params=interval)).json()["lines"]
    assert line == {"metric": "first_reply", "group": "chat", "due": 2, "met": 1, "share": 0.5}
    assert (await world.clocks(not_yet_due))["first_reply", 1].state == "running"


async def test_an_edit_is_tried_dry_and_then_adopted(world: World, client: httpx.AsyncClient) -> None:
    conversation_id = await world.open()
    began = world.clock.now()
    await world.follow()
    world.clock.advance(10)
    tight = {"position": 1, "targets": [{"metric": "first_reply", "seconds": 5}]}
    hour = {"opened_from": (began - timedelta(hours=1)).isoformat(), "opened_to": world.clock.now().isoformat()}
    tried = (await client.post("/v1/sla/policies/trial", json={"body": tight, **hour})).json()
    assert (tried["conversations"], tried["changed"], tried["complete"]) == (1, 1, True)
    assert tried["lines"] == [{"metric": "first_reply", "before": {"running": 1}, "after": {"breached": 1}}]
    await client.post("/v1/sla/policies", json={"name": "Tight", "body": tight})
    dry = (await client.post("/v1/sla/adoption", json={"dry_run": True})).json()
    assert (dry["looked_at"], dry["changed"]) == (1, 1)
    assert (await world.clocks(conversation_id))["first_reply", 1].target_seconds == 60
    await client.post("/v1/sla/adoption", json={"dry_run": False})
    await world.ring()
    clock = (await world.clocks(conversation_id))["first_reply", 1]
    assert (clock.target_seconds, clock.breached_at) == (5, began + timedelta(seconds=5))


async def test_agents_may_not_edit_policies(world: World, client: httpx.AsyncClient) -> None:
    stranger = await log_in(world, "agent", "own")
    answer = await client.post("/v1/sla/policies", json=policy(), headers=stranger)
    assert answer.status_code == 403


async def test_the_pause_audit_names_who_paused_though_the_customer_had_written(
    world: World, client: httpx.AsyncClient
) -> None:
    hidden, honest, mei = await world.open(), await world.open(), uuid4()
    began = world.clock.now()
    await world.tell(world.we_wrote(honest))
    world.clock.advance(10)
    for conversation_id in (hidden, honest):
        await world.tell(world.status(conversation_id, "open", "pending"), by=f"agent:{mei}")
    world.clock.advance(90)
    await world.tell(world.status(hidden, "pending", "open"))
    await world.follow()
    interval = {"from": began.isoformat(), "to": world.clock.now().isoformat()}
    for by, group in (("agent", str(mei)), ("conversation", str(hidden)), ("team", None)):
        audit = (await client.get("/v1/sla/pause-audit", params={**interval, "by": by})).json()
        assert audit["lines"] == [{"group": group, "pauses": 1, "conversations": 1, "seconds": 90}]
        assert audit["complete"] is True
    [pause] = (await client.get(f"/v1/sla/conversations/{hidden}/clocks")).json()["unanswered_pauses"]
    assert (pause["status"], pause["by"]) == ("pending", str(mei))
    wrong = await client.get("/v1/sla/pause-audit", params={"from": interval["to"], "to": interval["from"]})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "empty_interval")


async def test_a_promise_over_the_api_is_made_kept_and_explained(world: World, client: httpx.AsyncClient) -> None:
    conversation_id = await world.open()
    path = f"/v1/sla/conversations/{conversation_id}/promises"
    body = {"metric": "callback_promise", "due_at": (world.clock.now() + timedelta(hours=1)).isoformat()}
    made = await client.post(path, json=body, headers={"Idempotency-Key": "once"})
    again = await client.post(path, json=body, headers={"Idempotency-Key": "once"})
    assert (made.status_code, again.json()) == (201, made.json())
    await world.follow()
    world.clock.advance(60)
    clocks = (await client.get(f"/v1/sla/conversations/{conversation_id}/clocks")).json()["clocks"]
    [clock] = [each for each in clocks if each["metric"] == "callback_promise"]
    assert (clock["clock_id"], clock["state"], clock["rest_seconds"]) == (made.json()["id"], "running", 3540)
    assert [segment["why"] for segment in clock["segments"]] == ["counted"]
    kept = await client.post(f"{path}/{made.json()['id']}/keep")
    assert (kept.status_code, kept.json()["state"]) == (200, "kept")
    cancelled = await client.post(f"{path}/{made.json()['id']}/cancel", json={"reason": "too_late"})
    assert (cancelled.status_code, cancelled.json()["code"]) == (409, "promise_not_open")
    unknown = await client.post(f"{path}/{uuid4()}/keep")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "promise_not_found")

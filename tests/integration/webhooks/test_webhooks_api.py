"""/v1/webhooks: endpoints kept with care, secrets shown once, the log, tests and replays."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from app.core.bus import PostgresBus
from app.events.customers import CustomerUpdated
from app.webhooks.api import router
from tests.access_apps import browser, log_in, make_account, make_app
from tests.integration.webhooks.world import World
from tests.receivers import Receiver

NEW: dict[str, Any] = {"name": "crm", "url": "https://crm.example/hooks", "event_types": ["customer.updated"]}


@pytest.fixture
async def app(world: World) -> AsyncIterator[FastAPI]:
    bus = PostgresBus(world.database.url)
    made = make_app(world.database, world.clock, bus)
    made.state.settings = world.settings
    made.include_router(router)
    yield made
    await bus.close()


@pytest.fixture
async def admin(app: FastAPI, world: World) -> AsyncIterator[httpx.AsyncClient]:
    await make_account(world.database, world.clock, "root", "admin")
    async with browser(app, token=await log_in(app, "root")) as client:
        yield client


async def made(admin: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await admin.post("/v1/webhooks", json=NEW | body)
    assert answer.status_code == 201, answer.text
    endpoint: dict[str, Any] = answer.json()
    return endpoint


def code_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_secret_is_shown_when_it_is_made_and_never_again(admin: httpx.AsyncClient, world: World) -> None:
    endpoint = await made(admin)
    assert endpoint["secret"].startswith("whsec_")
    path = f"/v1/webhooks/{endpoint['id']}"
    [listed] = (await admin.get("/v1/webhooks")).json()["items"]
    assert listed == (await admin.get(path)).json() == {k: v for k, v in endpoint.items() if k != "secret"}
    rotated = (await admin.post(f"{path}/secret")).json()
    assert rotated["secret"] not in ("", endpoint["secret"])
    assert rotated["old_secret_until"] is not None
    assert [each["change"] for each in await world.told("webhook.endpoint_changed")] == ["created", "secret_rotated"]


async def test_only_admins_keep_webhooks(app: FastAPI, world: World, admin: httpx.AsyncClient) -> None:
    await make_account(world.database, world.clock, "sue", "supervisor")
    async with browser(app, token=await log_in(app, "sue")) as sue:
        assert code_of(await sue.get("/v1/webhooks")) == (403, "scope_missing")
        assert code_of(await sue.post("/v1/webhooks", json=NEW)) == (403, "scope_missing")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"url": "http://crm.example/"}, 422, "webhook_destination_refused"),
        ({"url": "https://169.254.169.254/latest"}, 422, "webhook_destination_refused"),
        ({"url": "https://crm.example/#x"}, 422, "webhook_url_invalid"),
        ({"event_types": ["customer.exploded"]}, 422, "invalid_input"),
        ({"event_types": ["*"] * 201}, 422, "invalid_input"),
        ({"name": "No Such\x00Name"}, 422, "invalid_input"),
        ({"secret": "mine"}, 422, "invalid_input"),
    ],
)
async def test_what_cannot_be_sent_to_is_refused(
    admin: httpx.AsyncClient, body: dict[str, Any], status: int, code: str
) -> None:
    answer = await admin.post("/v1/webhooks", json=NEW | body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    endpoint = await made(admin)
    answer = await admin.patch(f"/v1/webhooks/{endpoint['id']}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_name_is_taken_once_until_its_endpoint_is_deleted(admin: httpx.AsyncClient) -> None:
    first, second = await made(admin), await made(admin, name="pager")
    assert code_of(await admin.post("/v1/webhooks", json=NEW)) == (409, "webhook_name_taken")
    path = f"/v1/webhooks/{second['id']}"
    assert code_of(await admin.patch(path, json={"name": "crm"})) == (409, "webhook_name_taken")
    assert (await admin.patch(path, json={"name": "pager", "ordered": True})).json()["ordered"] is True
    assert (await admin.delete(f"/v1/webhooks/{first['id']}")).status_code == 204
    assert code_of(await admin.get(f"/v1/webhooks/{first['id']}")) == (404, "webhook_endpoint_not_found")
    assert (await made(admin))["id"] != first["id"]


async def test_edits_rotations_and_deletions_from_an_old_version_change_nothing(admin: httpx.AsyncClient) -> None:
    endpoint = await made(admin)
    path, stale = f"/v1/webhooks/{endpoint['id']}", {"If-Match": '"1"'}
    assert (await admin.post(f"{path}/secret", headers=stale)).status_code == 200
    changed = (412, "webhook_endpoint_changed")
    assert code_of(await admin.post(f"{path}/secret", headers=stale)) == changed
    assert code_of(await admin.patch(path, json={"ordered": True}, headers=stale)) == changed
    assert code_of(await admin.delete(path, headers=stale)) == changed
    assert (await admin.patch(path, json={"ordered": True}, headers={"If-Match": '"2"'})).json()["version"] == 3


async def test_a_test_event_reaches_its_endpoint_alone_and_once_for_each_key(
    admin: httpx.AsyncClient, world: World, receiver: Receiver
) -> None:
    await made(admin, name="other", url=receiver.url, event_types=["*"])
    endpoint = await made(admin, url=receiver.url)
    path, once = f"/v1/webhooks/{endpoint['id']}/test", {"Idempotency-Key": "one"}
    answers = [await admin.post(path, headers=once) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    await world.send()
    [sent] = receiver.got
    assert (sent.json["type"], sent.json["data"]) == ("webhook.test", {"endpoint_id": endpoint["id"]})
    assert sent.is_signed_with(endpoint["secret"])


async def test_a_disabled_endpoint_takes_no_test_and_hears_nothing(
    admin: httpx.AsyncClient, world: World, receiver: Receiver
) -> None:
    endpoint = await made(admin, url=receiver.url)
    off = await admin.patch(f"/v1/webhooks/{endpoint['id']}", json={"enabled": False})
    assert (off.json()["enabled"], off.json()["disabled_reason"]) == (False, "by_admin")
    answer = await admin.post(f"/v1/webhooks/{endpoint['id']}/test")
    assert code_of(answer) == (409, "webhook_endpoint_disabled")
    await world.tell(updated())
    await world.send()
    assert (receiver.got, await world.deliveries()) == ([], [])


async def test_the_log_is_read_by_endpoint_and_state_page_by_page(
    admin: httpx.AsyncClient, world: World, receiver: Receiver
) -> None:
    one = await made(admin, url=receiver.url)
    await made(admin, name="other", url=receiver.url)
    await world.tell(*[updated() for _ in range(3)])
    await world.execute("UPDATE webhook_delivery SET state = 'dead' WHERE endpoint_id = :id", id=one["id"])
    await world.send()
    dead = (await admin.get("/v1/webhooks/deliveries", params={"state": "dead"})).json()["items"]
    assert {(each["endpoint_id"], each["state"]) for each in dead} == {(one["id"], "dead")}
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await admin.get("/v1/webhooks/deliveries", params={"limit": 2, **cursor})).json()
        seen += [each["id"] for each in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len(seen) == len(set(seen)) == 6
    assert seen == sorted(seen, reverse=True)
    assert code_of(await admin.get("/v1/webhooks/deliveries", params={"cursor": "x"})) == (422, "invalid_cursor")


async def test_a_dead_delivery_is_replayed_marked_and_with_all_its_tries(
    admin: httpx.AsyncClient, world: World, receiver: Receiver
) -> None:
    await made(admin, url=receiver.url)
    await world.tell(updated())
    await world.execute("UPDATE webhook_delivery SET state = 'dead', tries = 10, next_try_at = NULL")
    [dead] = (await admin.get("/v1/webhooks/deliveries")).json()["items"]
    replayed = (await admin.post(f"/v1/webhooks/deliveries/{dead['id']}/replay")).json()
    assert (replayed["state"], replayed["tries"], replayed["replayed"]) == ("pending", 0, True)
    await world.send()
    [sent] = receiver.got
    assert (sent.id, sent.headers["webhook-replayed"]) == (dead["event_id"], "true")
    missing = await admin.post(f"/v1/webhooks/deliveries/{uuid4()}/replay")
    assert code_of(missing) == (404, "webhook_delivery_not_found")


async def test_a_time_is_replayed_from_the_log_with_what_was_never_sent(
    admin: httpx.AsyncClient, world: World, receiver: Receiver
) -> None:
    since = world.clock.now()
    await world.tell(updated(), updated())
    world.clock.advance(60)
    endpoint = await made(admin, url=receiver.url)
    await world.tell(updated())
    await world.send()
    world.clock.advance(60)
    until = world.clock.now()
    await world.tell(updated())
    path = f"/v1/webhooks/{endpoint['id']}/replay"
    times = {"since": since.isoformat(), "until": until.isoformat()}
    assert (await admin.post(path, json=times)).json() == {"replayed": 3, "next_cursor": None}
    await world.send()
    assert len(receiver.got) == 1 + 3 + 1
    assert len({each.id for each in receiver.got}) == 4
    assert [each.replayed for each in await world.deliveries()] == [True, True, True, False]


async def test_a_long_time_is_replayed_in_parts(
    admin: httpx.AsyncClient, world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.webhooks.service.replaying.REPLAY_EVENTS_MAX", 4)
    monkeypatch.setattr("app.webhooks.service.replaying.PAGE", 2)
    endpoint = await made(admin, url=receiver.url)
    await world.follow()
    since = world.clock.advance(1)
    for _ in range(5):
        world.clock.advance(1)
        await world.tell(updated(), updated())  # seen at one instant
    until = world.clock.advance(1)
    times = {"since": since.isoformat(), "until": until.isoformat()}
    path = f"/v1/webhooks/{endpoint['id']}/replay"
    parts = [(await admin.post(path, json=times)).json()]
    while cursor := parts[-1]["next_cursor"]:
        parts.append((await admin.post(path, json=times | {"cursor": cursor})).json())
    assert [part["replayed"] for part in parts] == [4, 4, 2]
    assert [each.replayed for each in await world.deliveries()] == [True] * 10


@pytest.mark.parametrize(("back_days", "for_days"), [(31, 1), (1, 0), (1, -1)])
async def test_only_the_last_thirty_days_are_replayed(
    admin: httpx.AsyncClient, world: World, back_days: int, for_days: int
) -> None:
    endpoint = await made(admin)
    since = world.clock.now() - timedelta(days=back_days)
    times = {"since": since.isoformat(), "until": (since + timedelta(days=for_days)).isoformat()}
    answer = await admin.post(f"/v1/webhooks/{endpoint['id']}/replay", json=times)
    assert code_of(answer) == (422, "replay_range_invalid")


def updated() -> CustomerUpdated:
    return CustomerUpdated(customer_id=uuid4(), fields=("language",))

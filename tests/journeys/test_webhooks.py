"""Another system hears of a broken promise: the policy names its endpoint, and what comes can be verified."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.agents.service import people
from app.core.act import system_act
from app.core.clock import DatabaseClock
from tests.access_apps import CHEAP
from tests.journeys.floor import PASSWORD, Agent, Desk, Floor, open_floor
from tests.journeys.promises import promise
from tests.receivers import Receiver, Sent, receiving

PATIENCE_SECONDS = 30.0


@pytest.fixture
async def floor(database_url: str, tmp_path: Path) -> AsyncIterator[Floor]:
    """One whose webhooks may go to loopback."""
    async with open_floor(database_url, tmp_path, SWITCHBOARD_WEBHOOK_ALLOWED_DESTINATIONS="127.0.0.0/8") as opened:
        yield opened


async def test_a_breach_reaches_the_endpoint_the_policy_names_and_only_that(floor: Floor) -> None:
    desk = await floor.desk("lin")
    lead, admin = await floor.agent(desk, "lin"), await an_admin(floor, desk)
    async with receiving() as pager, receiving() as crm:
        endpoint = await admin.post("/v1/webhooks", endpoint_of("pager", pager, []))
        await admin.post("/v1/webhooks", endpoint_of("crm", crm, ["conversation.opened"]))
        actions = [{"do": "webhook", "endpoint": "pager"}]
        await promise(
            lead,
            desk,
            targets=[{"metric": "first_reply", "seconds": 2}],
            thresholds=[{"breach": True, "actions": actions}],
        )
        conversation_id = await (await floor.customer(desk)).write("my teapot leaks")

        breach = await first_of(pager, conversation_id)
        assert breach.is_signed_with(endpoint["secret"])
        assert breach.json["type"] == "sla.breached"
        assert breach.json["data"]["endpoints"] == ["pager"]
        assert breach.json["data"]["breached_at"] == breach.json["data"]["due_at"]
        opened = await first_of(crm, conversation_id)
        assert opened.json["type"] == "conversation.opened"
        assert not opened.is_signed_with(endpoint["secret"])
        assert "my teapot leaks" not in f"{opened.body!r}{breach.body!r}"
        assert {each.json["type"] for each in crm.got} == {"conversation.opened"}

        log = await delivered(admin, endpoint["id"])
        assert (log["event_id"], log["last_status"], log["tries"]) == (breach.id, 204, 1)


async def an_admin(floor: Floor, desk: Desk) -> Agent:
    async with floor.database.transaction() as session:
        made: UUID = await people.create_agent(
            session,
            system_act(DatabaseClock(), "journey"),
            login=desk.login("root"),
            password=PASSWORD,
            hasher=CHEAP,
            name="Root",
            role="admin",
            team_id=None,
            languages=["en"],
            skills={},
        )
    assert made
    return await floor.agent(desk, "root")


def endpoint_of(name: str, receiver: Receiver, event_types: list[str]) -> dict[str, Any]:
    return {"name": name, "url": receiver.url, "event_types": event_types}


async def first_of(receiver: Receiver, conversation_id: str) -> Sent:
    count = 1
    while True:
        for sent in await receiver.wait_for(count):
            if sent.json["data"].get("conversation_id") == conversation_id:
                return sent
        count = len(receiver.got) + 1


async def delivered(admin: Agent, endpoint_id: str) -> Any:
    """Its one delivery, once it is recorded: that comes after the receiver has it."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            [log] = (await admin.get(f"/v1/webhooks/deliveries?endpoint_id={endpoint_id}"))["items"]
            if log["state"] == "delivered":
                return log
            await asyncio.sleep(0.05)  # another process records it: nothing to await but time

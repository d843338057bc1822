"""What there is to act upon: for each parameter ids that exist, each of which may be ended."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import text

from app.core.database import Database
from app.ops.socket_client import ResumingSocket, websocket_url
from app.ops.supervisor import stop_all
from tests.journeys.processes import Served
from tests.journeys.town import Town, begin_visitor, log_in

PATIENCE_SECONDS = 60.0
OFFER_SECONDS = 900
SERVER_OF_OTHERS = "bo"
"""Who has no account serves nobody."""
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63fcffff3f030006"
    "0602fe4f5d2c0b0000000049454e44ae426082"
)
LOGINS = {"agent": "ada", "supervisor": "sue", "admin": "root"}
TABLES = {
    "api_key_id": "api_key",
    "calendar_id": "business_calendar",
    "channel_account_id": "channel_account",
    "conversation_id": "conversation",
    "customer_id": "customer",
    "delivery_id": "webhook_delivery",
    "endpoint_id": "webhook_endpoint",
    "escalation_id": "sla_escalation",
    "into": "conversation",
    "message_id": "message",
    "policy_id": "sla_policy",
    "promise_id": "sla_promise",
    "queue_id": "queue",
    "replaces_policy_id": "sla_policy",
    "task_id": "sla_task",
    "work_id": "work_item",
}
"""By the name of a parameter, or of a field in a body."""
NEWEST = 4
"""Of each table."""


@dataclass(frozen=True, slots=True)
class Scene:
    ids: dict[str, list[str]]
    """By the name of a parameter, or of a field in a body."""
    own: list[str]
    """What the run itself needs: the role's account and the session it comes with."""
    token: str


@dataclass(frozen=True, slots=True)
class Hand:
    """Somebody who acts."""

    http: httpx.AsyncClient
    token: str

    async def call(self, method: str, path: str, body: Any = None, **given: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        answer = await self.http.request(method, path, json=body, headers=headers, **given)
        assert answer.status_code < 300, f"{method} {path}: {answer.text}"
        return answer.json() if answer.content else None

    async def write(self, **given: Any) -> str:
        """Answers the conversation's id."""
        body = {"client_id": str(uuid4()), "body": "hello", **given}
        return str((await self.call("POST", "/v1/widget/messages", body))["conversation_id"])


async def furnish(served: Served, database: Database, http: httpx.AsyncClient, town: Town, role: str) -> Scene:
    """With the worker, which is stopped afterwards: nothing that is made by strangers leaves this machine.

    A visitor is the one with most to look at; a stranger has no token.
    """
    root = Hand(http, await log_in(http, "root"))
    served.worker.start()
    login = LOGINS.get(role, "")
    server = login or SERVER_OF_OTHERS
    queue, key = await _desk(root, town, [server])
    owner = Hand(http, await begin_visitor(http, key))
    await _something_owned(database, root, owner, str(town.people[server]), key)
    _, other = await _desk(root, town, [])
    await Hand(http, await begin_visitor(http, other)).write()
    await _something_offered(served, database, http, server, key)
    await _something_outside(root)
    token = await log_in(http, login) if login else owner.token if role == "visitor" else ""
    return await _look(database, root, town, login, token, {"queue_id": [queue], "key": [key]})


async def _desk(root: Hand, town: Town, members: Sequence[str]) -> tuple[str, str]:
    """The ids of a queue, and the public key of the account that leads there."""
    given = {
        "name": f"Desk {uuid4()}", "team_id": str(town.teams["Service"]), "offer_timeout_seconds": OFFER_SECONDS,
        "wrap_up": "required",
    }  # fmt: skip
    queue = str((await root.call("POST", "/v1/queues", given))["id"])
    people = [str(town.people[name]) for name in members]
    await root.call("POST", f"/v1/queues/{queue}/members", {"add": people})
    account = {"name": f"Shop {uuid4()}", "brand": "Pots", "queue_id": queue}
    policy = {
        "position": 1, "conditions": {"queue_ids": [queue]}, "targets": [{"metric": "first_reply", "seconds": 1}],
        "thresholds": [{"breach": True, "actions": [{"do": "create_task", "title": "call_back"}]}],
        "ladders": {"hierarchical": [{"after_seconds": 0, "team_id": str(town.teams["Service"])}]},
    }  # fmt: skip
    await root.call("POST", "/v1/sla/policies", {"name": f"Strict {uuid4()}", "body": policy})
    return queue, str((await root.call("POST", "/v1/channel-accounts", account))["public_key"])


async def _something_owned(database: Database, root: Hand, visitor: Hand, server: str, key: str) -> None:
    """By the server: one that is late, with a file and a promise, and one that is wrapped up."""
    file = await visitor.call("POST", "/v1/widget/attachments", files={"file": ("dot.png", PIXEL, "image/png")})
    late = await visitor.write(attachments=[file["id"]])
    done = await Hand(visitor.http, await begin_visitor(visitor.http, key)).write()
    for each in (late, done):
        assigned = {"agent_id": server, "override": True}
        await root.call("POST", f"/v1/conversations/{each}/assign", assigned)
    promised = {"metric": "callback_promise", "due_at": "2031-01-06T09:30:00+08:00"}
    await root.call("POST", f"/v1/sla/conversations/{late}/promises", promised)
    await root.call("POST", f"/v1/conversations/{done}/resolve", {"disposition": "answered"})
    for table in ("sla_task", "sla_escalation", "sla_breach_cause"):
        await _until(database, f"SELECT count(*) FROM {table} WHERE conversation_id = '{late}'")


async def _something_offered(
    served: Served, database: Database, http: httpx.AsyncClient, server: str, key: str
) -> None:
    token = await log_in(http, server)
    async with ResumingSocket(websocket_url(served.url, "/v1/socket"), token) as socket:
        await socket.live(PATIENCE_SECONDS)
        await socket.command("presence.set", {"readiness": "ready"}, timeout=PATIENCE_SECONDS)
        asked = await Hand(http, await begin_visitor(http, key)).write()
        await _until(database, f"SELECT count(*) FROM offer WHERE conversation_id = '{asked}'")
        stop_all([served.worker])


async def _something_outside(root: Hand) -> None:
    hook = {"name": f"crm-{uuid4()}", "url": "https://crm.example/hooks", "event_types": []}
    endpoint = await root.call("POST", "/v1/webhooks", hook)
    await root.call("POST", f"/v1/webhooks/{endpoint['id']}/test")
    await root.call("POST", "/v1/api-keys", {"name": f"key {uuid4()}", "scopes": ["agents:read"]})


async def _look(
    database: Database, root: Hand, town: Town, login: str, token: str, given: dict[str, list[str]]
) -> Scene:
    ids, own = dict(given), []
    async with database.transaction() as session:
        for name, table in TABLES.items():
            found = await session.execute(text(f"SELECT id FROM {table} ORDER BY id DESC LIMIT {NEWEST}"))
            ids.setdefault(name, [str(row[0]) for row in found])
            assert ids[name], f"there is no {table}"
        offer = (await session.execute(text("SELECT id, token FROM offer ORDER BY id DESC LIMIT 1"))).one()
        file = await session.scalar(text("SELECT id FROM attachment ORDER BY id DESC LIMIT 1"))
        clock = await session.scalar(text("SELECT clock_id FROM sla_breach_cause ORDER BY asked_at DESC LIMIT 1"))
        if login:
            account = await session.scalar(text("SELECT id FROM account WHERE login = :login"), {"login": login})
            rows = await session.execute(
                text("SELECT id FROM login_session WHERE account_id = :id ORDER BY created_at DESC"), {"id": account}
            )
            newest, *older = (str(row[0]) for row in rows)
            own, ids["session_id"] = [str(account), newest], older
    eve, kettles = str(town.people["eve"]), str(town.skill_id)
    link = await root.call("GET", f"/v1/attachments/{file}/link")
    ids |= {"account_id": [eve], "agent_id": [eve, str(town.people["ada"])], "skill_id": [kettles]}
    ids |= {"offer_id": [str(offer.id)], "token": [offer.token], "clock_id": [str(clock)], "attachment_id": [str(file)]}
    ids |= {"team_id": [str(team) for team in town.teams.values()], "code": ["staffing"], "cause_code": ["staffing"]}
    return Scene(ids | {"signed": [link["url"].rpartition("/")[2]]}, own, token)


async def _until(database: Database, count: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            async with database.transaction() as session:
                if await session.scalar(text(count)):
                    return
            await asyncio.sleep(0.05)  # the worker's doing: nothing to await but time

"""Strangers and fools against a real server: every operation, every caller, and nothing half done."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from app.core.database import Database
from tests.conftest import fresh_clone
from tests.journeys.nonsense import Operation, Request, operations_of
from tests.journeys.processes import processes
from tests.journeys.town import Town, begin_visitor, found, log_in, write

AT_ONCE = 8
CALLERS = ("stranger", "visitor", "ada", "sue", "root", "key")
# They end the session that the rest of the journey needs; what they refuse is tested in integration/access.
ENDING = {"access_end_own_session"}
# A refused log-in is counted, which is the point of it; positions are given to events that were there before.
COUNTERS = {"login_throttle", "event_position", "event_dispatch"}


@dataclass
class Scene:
    http: httpx.AsyncClient
    database: Database
    town: Town
    operations: list[Operation]
    tokens: dict[str, str]
    ids: dict[str, str]
    """By the name of a path's parameter: things that exist."""
    conversations: dict[str, str]

    async def send(self, request: Request, token: str) -> httpx.Response:
        # Each from an address of its own: the throttles would hide what lies behind them.
        address = f"10.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(1, 255)}"
        headers = {"X-Forwarded-For": address, **request.headers}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        return await self.http.request(request.method, request.url, content=request.body, headers=raw)

    async def as_(self, caller: str, method: str, path: str, body: Any = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.tokens[caller]}"}
        return await self.http.request(method, path, json=body, headers=headers)

    async def digest(self) -> dict[str, str]:
        """Of every table: how many rows, and a sum over their contents."""
        async with self.database.transaction() as session:
            tables = (
                await session.execute(
                    text("SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
                         " AND relnamespace = 'public'::regnamespace ORDER BY relname")
                )
            ).scalars()  # fmt: skip
            parts = [
                f"SELECT '{name}', count(*) || ':' || coalesce(sum(hashtext(t::text)), 0) FROM {name} t"
                for name in tables
                if name not in COUNTERS
            ]
            return {row[0]: row[1] for row in await session.execute(text(" UNION ALL ".join(parts)))}


def complaint(request: Request, answer: httpx.Response) -> str | None:
    """None for an answer of ours: no failure, and every refusal a problem that says what to do."""
    if answer.status_code < 400 and not request.refused:
        return None
    is_problem = answer.headers.get("content-type") == "application/problem+json"
    problem = answer.json() if is_problem else {}
    is_clear = (
        400 <= answer.status_code < 500
        and problem.get("status") == answer.status_code
        and problem.get("code", "").replace("_", "").isalnum()
        and len(problem.get("detail", "")) > 5
        and problem.get("request_id") == answer.headers.get("x-request-id")
        and answer.headers.get("x-content-type-options") == "nosniff"
        and "Traceback" not in answer.text
    )
    return None if is_clear else f"{request}: {answer.status_code} {answer.text[:300]}"


async def volley(scene: Scene, requests: Iterable[Request], token: str) -> list[tuple[Request, httpx.Response]]:
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(request: Request) -> tuple[Request, httpx.Response]:
        async with limit:
            return request, await scene.send(request, token)

    return await asyncio.gather(*(one(request) for request in requests))


@pytest.fixture(scope="module")
async def scene(
    postgres: str, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Scene]:
    folder: Path = tmp_path_factory.mktemp("bad_input")
    async with fresh_clone(postgres, template_database) as database_url:
        database = Database(database_url, application_name="journey", pool_size=2)
        town = await found(database)
        # No worker: nothing but the requests themselves changes a row.
        with processes(database_url, folder, SWITCHBOARD_TRUSTED_PROXIES="127.0.0.1") as served:
            served.api.start()
            await served.ready()
            async with httpx.AsyncClient(base_url=served.url, timeout=30) as http:
                yield await set_scene(http, database, town)
            assert '"level": "error"' not in served.log_text()
            assert "Traceback" not in served.log_text()
        await database.close()


async def set_scene(http: httpx.AsyncClient, database: Database, town: Town) -> Scene:
    tokens = {login: await log_in(http, login) for login in town.people}
    tokens |= {"stranger": "", "key": town.key_token, "visitor": await begin_visitor(http, town.public_key)}
    document = (await http.get("/openapi.json")).json()
    scene = Scene(http, database, town, list(operations_of(document)), tokens, {}, {})
    for name in ("waiting", "owned", "resolved"):
        visitor = await begin_visitor(http, town.public_key)
        scene.conversations[name] = (await write(http, visitor, "hello", client_id="1"))["conversation_id"]
    for name in ("owned", "resolved"):
        path = f"/v1/conversations/{scene.conversations[name]}"
        body = {"agent_id": str(town.people["bo"]), "override": True}
        assert (await scene.as_("root", "POST", f"{path}/assign", body)).status_code == 200
    answer = await scene.as_("bo", "POST", f"{path}/resolve", {"disposition": "answered"})
    assert answer.status_code == 200, answer.text
    spare = await scene.as_("root", "GET", f"/v1/conversations/{scene.conversations['owned']}")
    hooks = {"name": "crm", "url": "https://crm.example/hooks", "event_types": []}
    endpoint = await scene.as_("root", "POST", "/v1/webhooks", hooks)
    scene.ids = {
        "version": "1",
        "endpoint_id": endpoint.json()["id"],
        "account_id": str(town.people["eve"]),
        "agent_id": str(town.people["eve"]),
        "queue_id": str(town.queues["Service"]),
        "team_id": str(town.teams["Billing"]),
        "skill_id": str(town.skill_id),
        "customer_id": spare.json()["customer"]["id"],
        "conversation_id": scene.conversations["owned"],
        "message_id": str(uuid4()),
        "offer_id": str(uuid4()),
        "session_id": str(uuid4()),
        "api_key_id": str(uuid4()),
        **{name: str(uuid4()) for name in ("promise_id", "clock_id", "escalation_id", "task_id", "delivery_id")},
    }
    return scene


async def test_what_belongs_to_others_is_not_there_and_stays_as_it_is(scene: Scene) -> None:
    """Ada serves Service; the conversation is Bo's, of Billing. No answer tells it from one that does not exist."""
    before = await scene.digest()
    own, nowhere = scene.conversations["owned"], str(uuid4())
    for method, tail, body in (
        ("GET", "", None),
        ("GET", "/messages", None),
        ("GET", "/explain", None),
        ("POST", "/messages", {"client_id": "f1", "body": "psst"}),
        ("POST", "/notes", {"client_id": "f2", "body": "psst"}),
        ("POST", "/status", {"status": "pending"}),
        ("POST", "/resolve", {"disposition": "done"}),
        ("POST", "/reopen", None),
        ("POST", "/read", {"sequence": 1}),
        ("POST", "/pick", None),
        ("POST", "/transfer", {"agent_id": str(scene.town.people["ada"]), "reason": "mine"}),
    ):
        theirs = await scene.as_("ada", method, f"/v1/conversations/{own}{tail}", body)
        nobodys = await scene.as_("ada", method, f"/v1/conversations/{nowhere}{tail}", body)
        told = [(answer.status_code, answer.json()["code"], answer.json()["detail"]) for answer in (theirs, nobodys)]
        assert told[0] == told[1], f"{method} {tail}"
        assert told[0][0] == 404, f"{method} {tail}: {theirs.text}"
    answer = await scene.as_("ada", "GET", f"/v1/workspace/conversations/{own}")
    assert answer.status_code == 404
    assert await scene.digest() == before


async def test_acts_that_the_state_forbids_are_conflicts_and_change_nothing(scene: Scene) -> None:
    owned, resolved = (f"/v1/conversations/{scene.conversations[name]}" for name in ("owned", "resolved"))
    before = await scene.digest()
    for caller, method, path, body in (
        ("bo", "POST", f"{resolved}/resolve", {"disposition": "again"}),
        ("bo", "POST", f"{resolved}/status", {"status": "pending"}),
        ("bo", "POST", f"{owned}/reopen", None),
        ("root", "POST", f"{owned}/pick", None),
        ("root", "POST", "/v1/teams", {"name": "Service"}),
        ("root", "DELETE", f"/v1/teams/{scene.town.teams['Service']}", None),
        ("root", "POST", "/v1/accounts", {"login": "bo", "password": "a long password", "role": "agent"}),
    ):
        answer = await scene.as_(caller, method, path, body)
        told = f"{method} {path}: {answer.status_code} {answer.text}"
        assert answer.status_code == 409, told
        assert answer.headers["content-type"] == "application/problem+json", told
    assert await scene.digest() == before


async def test_tokens_that_are_over_or_were_never_given_open_nothing(scene: Scene) -> None:
    expired, revoked = await log_in(scene.http, "bo"), await log_in(scene.http, "bo")
    await scene.http.delete("/v1/session", headers={"Authorization": f"Bearer {revoked}"})
    async with scene.database.transaction() as session:
        await session.execute(
            text("UPDATE login_session SET expires_at = created_at WHERE token_hash = :hash"),
            {"hash": hashlib.sha256(expired.encode()).digest()},
        )
    before = await scene.digest()
    guarded = [each for each in scene.operations if not each.is_public and not each.path.startswith("/v1/widget/")]
    for token in (expired, revoked, "sbk_never", scene.tokens["visitor"], "\xff" * 3):
        for request, answer in await volley(scene, [each.plain(scene.ids) for each in guarded], token):
            assert answer.status_code == 401, f"{request}: {answer.text}"
            assert answer.json()["code"] in ("token_not_valid", "not_authenticated")
    assert await scene.digest() == before


@pytest.mark.parametrize("caller", CALLERS)
async def test_nonsense_is_refused_clearly_and_changes_nothing(scene: Scene, caller: str) -> None:
    """The administrator gets at everything, and so gets the whole of it; the visitor, their own few operations."""
    complaints: list[str | None] = []
    for operation in scene.operations:
        if operation.id in ENDING:
            continue
        is_widget = operation.id.startswith("widget_")
        deep = caller == ("visitor" if is_widget else "root") or (operation.is_public and caller == "stranger")
        token = scene.tokens[caller]
        if deep and is_widget:
            token = await begin_visitor(scene.http, scene.town.public_key)
        requests = list(operation.many(scene.ids) if deep else operation.few(scene.ids))
        for refused in (True, False):
            chosen = [each for each in requests if each.refused == refused]
            before = await scene.digest() if chosen else {}
            answers = await volley(scene, chosen, token)
            complaints += [complaint(request, answer) for request, answer in answers]
            if chosen and all(answer.status_code >= 400 for _, answer in answers):
                assert await scene.digest() == before, operation.id
    found = [each for each in complaints if each]
    assert not found, f"{len(found)} of {len(complaints)}:\n" + "\n".join(found)

"""Whose address counts behind a proxy, what one request id leaves behind, and what never gets into a log."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from app.access.throttle import address_key
from app.core.database import Database
from app.ops.socket_client import ResumingSocket, websocket_url
from tests.conftest import fresh_clone
from tests.journeys.processes import processes
from tests.journeys.town import PASSWORD, begin_visitor, found, log_in, write
from tests.simulation.cluster import SECRET_KEY

FORWARDED = "203.0.113.7"
PATIENCE_SECONDS = 30


@pytest.fixture
async def database(postgres: str, template_database: str) -> AsyncIterator[Database]:
    async with fresh_clone(postgres, template_database) as database_url:
        opened = Database(database_url, application_name="journey", pool_size=2)
        yield opened
        await opened.close()


@pytest.mark.parametrize(
    ("trusted", "counted"), [("", "127.0.0.1"), ("127.0.0.1", FORWARDED), ("10.9.9.9", "127.0.0.1")]
)
async def test_only_a_trusted_proxy_says_for_whom_it_asks(
    database: Database, tmp_path: Path, trusted: str, counted: str
) -> None:
    with processes(database.url, tmp_path, SWITCHBOARD_TRUSTED_PROXIES=trusted) as served:
        served.api.start()
        await served.ready()
        async with httpx.AsyncClient(base_url=served.url) as http:
            headers = {"X-Forwarded-For": FORWARDED}
            answer = await http.post("/v1/session", json={"login": "nobody", "password": "guessed"}, headers=headers)
            assert answer.status_code == 401
            assert (await http.get("/metrics")).status_code == 200
            refused = await http.get("/metrics", headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (403, "metrics_are_local")
        async with database.transaction() as session:
            keys = set((await session.execute(text("SELECT key FROM login_throttle"))).scalars())
        assert {key for key in keys if key.startswith("address:")} == {address_key(counted)}


async def test_one_request_id_runs_from_the_post_to_the_work_item_and_no_secret_is_logged(
    database: Database, tmp_path: Path
) -> None:
    town = await found(database)
    with processes(database.url, tmp_path, SWITCHBOARD_LOG_LEVEL="debug") as served:
        served.api.start()
        served.worker.start()
        await served.ready()
        async with httpx.AsyncClient(base_url=served.url, timeout=PATIENCE_SECONDS) as http:
            agent, visitor = await log_in(http, "bo"), await begin_visitor(http, town.public_key)
            secrets = [agent, visitor, town.key_token, PASSWORD, SECRET_KEY, "a wrong password"]
            await http.post("/v1/session", json={"login": "bo", "password": "a wrong password"})
            await http.get("/v1/agents", headers={"Authorization": f"Bearer {town.key_token}"})
            await http.get("/v1/me", headers={"Cookie": f"switchboard_session={agent}"})
            async with ResumingSocket(websocket_url(served.url, "/v1/socket"), agent) as socket:
                await socket.live(PATIENCE_SECONDS)
                await socket.command("presence.set", {"readiness": "ready"}, timeout=PATIENCE_SECONDS)
                received = await write(http, visitor, "hello", client_id="1", **{"X-Request-Id": "journey-1"})
                offer = await socket.wait_for(lambda: next(iter(socket.open_offers()), None), PATIENCE_SECONDS)
                secrets.append(offer["token"])
    async with database.transaction() as session:
        rows = await session.execute(
            text("SELECT type FROM event WHERE request_id = 'journey-1' AND payload ->> 'conversation_id' = :id"),
            {"id": str(UUID(received["conversation_id"]))},
        )
        types = set(rows.scalars())
    assert {"conversation.opened", "message.received", "work.changed"} <= types
    log = served.log_text()
    assert "worker_started" in log
    assert [secret for secret in secrets if secret in log] == []
    assert [line for line in log.splitlines() if line.startswith("{") and json.loads(line)["level"] == "error"] == []

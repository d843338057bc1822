"""What every answer carries, over all pages and operations: no type guessed, no frame, no cache, no word of the server;
and what the session cookie may not do.
"""

from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.access import service as access
from app.access.guards import SESSION_COOKIE
from app.core.act import system_act
from app.core.config import Settings
from app.core.http import Manners
from app.main import create_app
from app.pages.api import assets
from tests.clocks import ManualClock
from tests.conftest import fresh_clone
from tests.contract.test_openapi import operations

PASSWORD = "a password for the headers"
PAGES = ("/console", "/admin", "/wallboard", "/widget/demo", "/docs")
FOR_SHOPS = ("/widget.js", f"/assets/{assets().version}/widget/all.css")
EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "strict-origin-when-cross-origin",
}
DATA = EVERYWHERE | {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
}
TELLING = ("server", "x-powered-by", "via")
WRITING = ("post", "put", "patch", "delete")


@pytest.fixture(scope="module")
async def app(postgres: str, template_database: str) -> AsyncIterator[FastAPI]:
    """With the administrator `root`. Nothing below changes anything but log-ins."""
    async with fresh_clone(postgres, template_database) as database_url:
        made = create_app(Settings(DATABASE_URL=database_url, secret_key=SecretStr("x" * 32)))  # type: ignore[call-arg]
        async with made.router.lifespan_context(made):
            async with made.state.database.transaction() as session:
                act = system_act(ManualClock(), "tests")
                await access.create_account(session, act, login="root", password=PASSWORD, role="admin")
            yield made


def browser(app: Any, base_url: str = "http://desk.test") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base_url)


async def log_in(client: httpx.AsyncClient) -> httpx.Response:
    answer = await client.post("/v1/session", json={"login": "root", "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    return answer


def wrong(answer: httpx.Response, wanted: dict[str, str]) -> dict[str, str | None]:
    """The headers that are not as wanted, with what they are."""
    telling = {name: answer.headers[name] for name in TELLING if name in answer.headers}
    different = {name: answer.headers.get(name) for name, value in wanted.items() if answer.headers.get(name) != value}
    return telling | different


async def test_every_operation_answers_as_data_that_nobody_keeps_or_shows(app: FastAPI) -> None:
    async with browser(app) as stranger, browser(app) as root:
        root.headers["Authorization"] = f"Bearer {(await log_in(root)).json()['token']}"
        for method, path, operation in operations(app.openapi()):
            parameters = operation.get("parameters", [])
            url = path.format(**{p["name"]: UUID(int=0) for p in parameters if p["in"] == "path"})
            assert wrong(await stranger.request(method, url), DATA) == {}, path
            if method == "get":
                answer = await root.get(url)
                assert answer.status_code < 500
                assert wrong(answer, DATA) == {}, path
        for url in ("/", "/nowhere", "/openapi.json", "/v1/agents/"):
            answer = await stranger.get(url)
            assert wrong(answer, DATA) == {}, url
            assert "location" not in answer.headers


async def test_pages_bring_their_own_policy_and_let_nobody_frame_them(app: FastAPI) -> None:
    async with browser(app) as client:
        for path in PAGES:
            answer = await client.get(path)
            assert answer.status_code == 200, path
            own = {"cache-control": "no-cache", "cross-origin-opener-policy": "same-origin"}
            assert wrong(answer, EVERYWHERE | own) == {}, path
            policy = answer.headers["content-security-policy"]
            assert "frame-ancestors 'none'" in policy, path
            assert "script-src 'self';" in policy, path
            assert "unsafe-eval" not in policy, path


async def test_only_what_shops_load_is_for_other_origins(app: FastAPI) -> None:
    async with browser(app) as client:
        for path in FOR_SHOPS:
            answer = await client.get(path)
            assert answer.status_code == 200, path
            assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
            assert answer.headers["access-control-allow-origin"] == "*"
            assert wrong(answer, EVERYWHERE) == {}, path
        for path in PAGES:
            assert "access-control-allow-origin" not in (await client.get(path)).headers


async def test_tls_is_insisted_on_when_it_is_set(app: FastAPI) -> None:
    async with browser(Manners(app, hsts_seconds=31_536_000), "https://desk.test") as client:
        for path in ("/healthz", "/console", "/v1/me", "/widget.js"):
            told = (await client.get(path)).headers["strict-transport-security"]
            assert told == "max-age=31536000; includeSubDomains"


@pytest.mark.parametrize(
    ("base_url", "always", "secure"),
    [("http://desk.test", False, False), ("https://desk.test", False, True), ("http://desk.test", True, True)],
)
async def test_the_session_cookie_is_kept_from_scripts_other_sites_and_lines_without_tls(
    app: FastAPI, base_url: str, always: bool, secure: bool
) -> None:
    app.state.settings = app.state.settings.model_copy(update={"cookie_secure": always})
    async with browser(app, base_url) as client:
        cookie = SimpleCookie((await log_in(client)).headers["set-cookie"])[SESSION_COOKIE]
        assert (cookie["httponly"], cookie["samesite"], bool(cookie["secure"])) == (True, "strict", secure)
        assert (cookie["domain"], cookie["path"]) == ("", "/")


async def test_no_operation_writes_for_a_cookie_that_came_from_another_page(app: FastAPI) -> None:
    async with browser(app) as client:
        token = (await log_in(client)).json()["token"]
        client.cookies.clear()
        client.headers.update({"Cookie": f"{SESSION_COOKIE}={token}", "Origin": "https://evil.example"})
        tried = 0
        for method, path, operation in operations(app.openapi()):
            if method not in WRITING or {"cookie": []} not in operation["security"]:
                continue
            parameters = operation.get("parameters", [])
            url = path.format(**{p["name"]: UUID(int=0) for p in parameters if p["in"] == "path"})
            answer = await client.request(method, url, json={})
            assert (answer.status_code, answer.json()["code"]) == (403, "origin_not_allowed"), path
            tried += 1
        assert tried > 50
        for origin in ("", "null", "http://desk.test.evil.example", "http://["):
            answer = await client.delete("/v1/session", headers={"Origin": origin})
            assert answer.json()["code"] == "origin_not_allowed", origin
        assert (await client.get("/v1/me")).status_code == 200

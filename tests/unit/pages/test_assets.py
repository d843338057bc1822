"""Pages and files travel with the headers that make them cacheable and safe."""

import gzip
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from app.core.http import install_error_handlers
from app.pages import api


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI(docs_url=None)
    app.include_router(api.router)
    install_error_handlers(app)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.mark.parametrize("path", ["/console", "/wallboard", "/admin", "/widget/demo", "/docs", "/docs/sockets"])
async def test_each_page_allows_no_inline_script_and_revalidates(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    policy = answer.headers["content-security-policy"]
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert answer.status_code == 200
    assert scripts == "script-src 'self'"
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "__ASSETS__" not in answer.text


async def test_a_file_of_this_version_may_be_kept_for_ever(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/assets/{api.assets().version}/console/main.js")
    assert answer.headers["cache-control"] == api.IMMUTABLE
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["access-control-allow-origin"] == "*"


async def test_a_page_from_before_an_upgrade_still_gets_its_files(client: httpx.AsyncClient) -> None:
    answer = await client.get("/assets/000000000000/console/main.js")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == api.REVALIDATE


async def test_what_the_browser_has_is_not_sent_again(client: httpx.AsyncClient) -> None:
    first = await client.get("/console")
    again = await client.get("/console", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""


async def test_files_are_packed_only_for_those_who_can_unpack(client: httpx.AsyncClient) -> None:
    path = f"/assets/{api.assets().version}/console/console.css"
    plain = await client.get(path, headers={"Accept-Encoding": "identity"})
    packed = await client.get(path, headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content
    assert gzip.decompress(api.assets().files["console/console.css"].gzipped or b"") == plain.content


@pytest.mark.parametrize(
    "path", ["../api.py", "console/../../api.py", "console/index.html", "widget/widget.js", "nope"]
)
async def test_only_files_meant_for_browsers_are_served(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(f"/assets/x/{path.replace('..', '%2e%2e')}")
    assert answer.status_code == 404
    assert answer.json()["code"] == "asset_not_found"


async def test_the_loader_brings_its_labels_in_every_language(client: httpx.AsyncClient) -> None:
    answer = await client.get("/widget.js")
    assert f"/assets/{api.assets().version}" in answer.text
    assert "Chat with us" in answer.text
    assert "联系客服" in answer.text
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("name", api.DOCS_ASSETS)
async def test_the_documentation_page_needs_no_other_host(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.get(f"/docs/assets/{name}")
    assert answer.status_code == 200
    assert answer.content

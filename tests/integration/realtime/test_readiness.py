"""An api whose sockets hear nothing new is not to be asked."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from app.core import health
from app.core.http import install_error_handlers
from tests.integration.realtime.world import Running, World


async def ask(world: World, server: Running) -> tuple[int, str]:
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(health.router)
    app.state.database, app.state.hub = world.database, server.hub
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.get("/readyz")
    return answer.status_code, answer.json().get("code", "")


async def test_a_hub_that_finds_nothing_looks_again_and_is_ready(world: World, server: Running) -> None:
    looks = 0
    before = server.hub.seconds_since_look()
    while looks < 2:
        await asyncio.sleep(0.05)
        now = server.hub.seconds_since_look()
        looks, before = looks + (now < before), now
    assert await ask(world, server) == (200, "")


async def test_a_hub_that_looks_no_more_is_not_ready(
    world: World, server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "SOCKETS_STAND_STILL_SECONDS", 0.0)
    assert await ask(world, server) == (503, "sockets_stand_still")

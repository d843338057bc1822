"""An api whose sockets hear nothing new is not to be asked."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from app.core import health
from app.core.http import install_error_handlers
from app.core.log_signal import LogSignal
from app.realtime.hub import Hub
from tests.integration.realtime.world import LocalBus, Running, World


async def ask(world: World, hub: Hub) -> tuple[int, str]:
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(health.router)
    app.state.database, app.state.hub = world.database, hub
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
    assert await ask(world, server.hub) == (200, "")


async def test_a_hub_that_looks_no_more_is_not_ready_once_it_is_overdue(
    world: World, signal: LogSignal, monkeypatch: pytest.MonkeyPatch
) -> None:
    never_run = Hub(world.database, world.clock, signal, LocalBus())
    assert await ask(world, never_run) == (200, "")
    monkeypatch.setattr(health, "SOCKETS_STAND_STILL_SECONDS", 0.1)
    await asyncio.sleep(0.1)
    assert await ask(world, never_run) == (503, "sockets_stand_still")

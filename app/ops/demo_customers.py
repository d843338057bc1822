"""Simulated customers who write through the public widget API, so that a demo's console is alive."""

import asyncio
import random
from typing import Any
from uuid import uuid4

import httpx
import structlog

from app.ops.demo_script import STORIES, Story
from app.ops.socket_client import CommandRefused, ResumingSocket, SocketRefused, websocket_url

log = structlog.get_logger(__name__)

AT_ONCE_MAX = 8
"""Nobody may be logged in: customers who wait do not pile up beyond this."""
PATIENCE_SECONDS = 600.0
TYPING_SECONDS = (2.0, 8.0)
RETRY_SECONDS = 5.0


async def play(url: str, keys: list[str], *, per_minute: float) -> None:
    """Customers arrive at random (Poisson) until cancelled. `keys` are the public keys of chat accounts."""
    dice = random.Random()  # noqa: S311 (a play, not a secret)
    places = asyncio.Semaphore(AT_ONCE_MAX)
    async with asyncio.TaskGroup() as group:
        while True:
            await places.acquire()
            customer = group.create_task(_visit(url, dice.choice(keys), dice.choice(STORIES), dice))
            customer.add_done_callback(lambda _: places.release())
            await asyncio.sleep(dice.expovariate(per_minute / 60))


async def _visit(url: str, key: str, story: Story, dice: random.Random) -> None:
    try:
        await _converse(url, key, story, dice)
    except (httpx.HTTPError, CommandRefused, SocketRefused, TimeoutError) as error:
        log.info("demo_customer_left", reason=repr(error))
        await asyncio.sleep(RETRY_SECONDS)


async def _converse(url: str, key: str, story: Story, dice: random.Random) -> None:
    async with httpx.AsyncClient(base_url=url, headers={"Origin": url}) as http:
        body = {"key": key, "name": dice.choice(story.names), "language": story.language}
        answer = (await http.post("/v1/widget/visitors", json=body)).raise_for_status()
    address = websocket_url(url, f"/v1/widget/socket?key={key}")
    async with ResumingSocket(address, answer.json()["token"], origin=url) as socket:
        await socket.live()
        for said, line in enumerate(story.lines):
            await _say(socket, line, dice)
            if said + 1 < len(story.lines):
                await socket.wait_for(lambda wanted=said + 1: _answers(socket) >= wanted, PATIENCE_SECONDS)  # type: ignore[misc]


async def _say(socket: ResumingSocket, line: str, dice: random.Random) -> None:
    if socket.events:  # nobody is told of typing before there is a conversation
        await socket.command("typing", {"on": True})
    await asyncio.sleep(dice.uniform(*TYPING_SECONDS))
    await socket.command("message.send", {"client_id": uuid4().hex, "body": line})


def _answers(socket: ResumingSocket) -> int:
    """How often we were answered: each block of agent messages after one of ours counts once."""
    turns, ours = 0, False
    for event in socket.events:
        message: dict[str, Any] = event["data"].get("message") or {}
        if message.get("message_class") == "customer":
            ours = True
        elif message.get("message_class") == "agent_public" and ours:
            turns, ours = turns + 1, False
    return turns

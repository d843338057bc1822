"""What people are promised, as the journeys make it and hear of it: policies by the API, clocks by the socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import uuid4

from app.ops.socket_client import Frame, ResumingSocket, websocket_url
from tests.journeys.floor import Agent, Desk, Floor

PATIENCE_SECONDS = 30.0
Clock = dict[str, Any]


@asynccontextmanager
async def at_desk(floor: Floor, agent: Agent, *, ready: bool = False) -> AsyncIterator[ResumingSocket]:
    """The agent's live socket."""
    token = agent.client.headers["Authorization"].removeprefix("Bearer ")
    async with ResumingSocket(websocket_url(floor.url, "/v1/socket"), token) as socket:
        await socket.live(PATIENCE_SECONDS)
        if ready:
            await socket.command("presence.set", {"readiness": "ready"}, timeout=PATIENCE_SECONDS)
        yield socket


async def told(socket: ResumingSocket, type_: str, conversation_id: str, **fields: Any) -> Frame:
    data: Frame = (await socket.event(type_, PATIENCE_SECONDS, conversation_id=conversation_id, **fields))["data"]
    return data


async def clock_told(socket: ResumingSocket, conversation_id: str, metric: str, state: str, *, nth: int = 1) -> Clock:
    """The `nth` announcement of this clock in this state."""

    def find() -> Clock | None:
        said = [
            clock
            for frame in socket.events
            if frame["event"] == "sla.clocks_changed" and frame["data"]["conversation_id"] == conversation_id
            for clock in frame["data"]["clocks"]
            if (clock["metric"], clock["state"]) == (metric, state)
        ]
        return said[nth - 1] if len(said) >= nth else None

    return await socket.wait_for(find, PATIENCE_SECONDS)


async def offer_to(socket: ResumingSocket, conversation_id: str) -> Frame:
    return await socket.wait_for(
        lambda: next((one for one in socket.open_offers() if one["conversation_id"] == conversation_id), None),
        PATIENCE_SECONDS,
    )


async def accept(socket: ResumingSocket, conversation_id: str) -> None:
    offer = await offer_to(socket, conversation_id)
    given = {"offer_id": offer["id"], "token": offer["token"]}
    await socket.command("offer.accept", given, timeout=PATIENCE_SECONDS)


async def promise(lead: Agent, desk: Desk, *, name: str = "", priorities: tuple[int, ...] = (), **body: Any) -> Any:
    """A policy for this desk's queue, before the shipped ones."""
    conditions = {"queue_ids": [str(desk.queue_id)], "priorities": priorities}
    given = {"position": 1, "conditions": conditions, **body}
    return await lead.post("/v1/sla/policies", {"name": name or f"Desk {uuid4()}", "body": given})


async def clocks_of(lead: Agent, conversation_id: str) -> dict[str, Clock]:
    answer = await lead.get(f"/v1/sla/conversations/{conversation_id}/clocks")
    return {clock["metric"]: clock | {"as_of": answer["as_of"]} for clock in answer["clocks"]}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)

"""What a socket starts from: everything its viewer works with, as of one position."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.conversations import service as conversations
from app.realtime.frames import AgentSnapshot
from app.routing import service as routing

MAX_MINE = 200
MAX_QUEUED = 100


async def agent_snapshot(session: AsyncSession, principal: Principal, position: str) -> AgentSnapshot:
    """The agent's own open conversations, then what waits in the queues they may see."""
    mine = await conversations.list_open(session, principal, view="mine", limit=MAX_MINE)
    queued = await conversations.list_open(session, principal, view="queue", limit=MAX_QUEUED)
    works = principal.kind == "agent" and "work" in principal.scopes
    offers = await routing.list_offers(session, principal.id) if works else []
    presence = await routing.get_presence(session, principal.id) if works else None
    return AgentSnapshot(
        position=position,
        conversations=[summary.model_dump(mode="json") for summary in [*mine, *queued]],
        offers=[offer.model_dump(mode="json") for offer in offers],
        presence=presence.model_dump(mode="json") if presence else None,
    )

"""What a socket starts from: everything its viewer works with, as of one position."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.conversations import service as conversations
from app.realtime.audience import Visitor
from app.realtime.frames import AgentSnapshot, VisitorSnapshot
from app.realtime.render import public_message
from app.realtime.shapes import PublicConversation, PublicMessage, PublicName, PublicQueue
from app.routing import service as routing
from app.sla.service import faces

MAX_MINE = 200
MAX_QUEUED = 100
MAX_MESSAGES = 50


async def agent_snapshot(session: AsyncSession, principal: Principal, position: str) -> AgentSnapshot:
    """The agent's own open conversations, then what waits in the queues they may see."""
    mine = await conversations.list_open(session, principal, view="mine", limit=MAX_MINE)
    queued = await conversations.list_open(session, principal, view="queue", limit=MAX_QUEUED)
    works = principal.kind == "agent" and "work" in principal.scopes
    offers = await routing.list_offers(session, principal.id) if works else []
    presence = await routing.get_presence(session, principal.id) if works else None
    return AgentSnapshot(
        position=position,
        conversations=await faces.with_faces(session, [*mine, *queued]),
        offers=offers,
        presence=presence,
    )


async def visitor_snapshot(session: AsyncSession, visitor: Visitor, position: str) -> VisitorSnapshot:
    """The visitor's running conversation with its last public messages; nothing when there is none."""
    conversation_id = await conversations.find_of_contact(
        session, contact_point_id=visitor.contact_point_id, channel_account_id=visitor.channel_account_id
    )
    if conversation_id is None:
        return VisitorSnapshot(position=position, conversation=None, messages=[], queue=None)
    summary = (await conversations.summaries_of(session, [conversation_id], reader_id=None))[conversation_id]
    messages = await conversations.list_public_messages(session, conversation_id, limit=MAX_MESSAGES)
    waits = summary.owner is None and summary.queue is not None and summary.status == "open"
    return VisitorSnapshot(
        position=position,
        conversation=PublicConversation(
            id=summary.id,
            number=summary.number,
            status=summary.status,
            agent=PublicName(name=summary.owner.name) if summary.owner else None,
        ),
        messages=[PublicMessage(**shown) for each in messages if (shown := public_message(each.model_dump()))],
        queue=PublicQueue(name=summary.queue.name, names=summary.queue.names) if waits and summary.queue else None,
    )

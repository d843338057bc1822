"""Accepting an offer, whether work is offered or a colleague asks."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.act import Act
from app.routing.repository import live as live_rows
from app.routing.schemas import OfferAnswered
from app.routing.service import offers, warm_transfers


async def accept_offer(session: AsyncSession, act: Act, *, agent_id: UUID, offer_id: UUID, token: str) -> OfferAnswered:
    """The agent becomes the owner. A repeat with the same token changes nothing and answers the same.

    Raises NotFound `offer_not_found`, Conflict `offer_taken`, `stale_token`, `offer_expired`, `offer_withdrawn`.
    """
    offer = await live_rows.get_offer(session, offer_id)
    accept = offers.accept_offer if offer.from_agent_id is None else warm_transfers.accept
    return await accept(session, act, agent_id=agent_id, offer_id=offer_id, token=token)

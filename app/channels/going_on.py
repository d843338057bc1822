"""The short way through the door: what goes on with an open conversation, as most messages do, is stored in one round
trip instead of eight."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.channels.envelope import InboundEnvelope
from app.conversations.arrival import Received
from app.conversations.continuing import Continuation
from app.conversations.service import receiving
from app.core.act import Act

Incoming = tuple[InboundEnvelope, str]
"""An envelope and its request id."""
Pair = tuple[UUID, UUID]
"""(channel account, contact point)"""


async def store_going_on(session: AsyncSession, act: Act, batch: Sequence[Incoming]) -> dict[int, Received]:
    """By place in the batch, what could be stored so. `session`: of `Database.look`.

    The others are not stored and need the long way: newcomers, conversations that wait or are over, redeliveries,
    files, answers to a thread. Raises what the database raises; then nothing is stored, or the connection was lost and
    nobody knows.
    """
    asked = {
        number: _continuation(*batch[number], contact_point_id=pair[1])
        for number, pair in enumerate(_pairs(batch))
        if pair is not None
    }
    if not asked:
        return {}
    received = await receiving.go_on(session, act, list(asked.values()))
    return {number: one for number, one in zip(asked, received, strict=True) if one is not None}


def _pairs(batch: Sequence[Incoming]) -> list[Pair | None]:
    """Who wrote each, where it may go the short way: somebody proven whom we know by an id of our own. All that one
    contact sends goes one way, so that it stays in order."""
    pairs = [_pair(envelope) for envelope, _ in batch]
    long = {pair for pair, (one, _) in zip(pairs, batch, strict=True) if one.attachments or one.thread_key}
    return [None if pair in long else pair for pair in pairs]


def _pair(envelope: InboundEnvelope) -> Pair | None:
    contact = envelope.contact
    return (envelope.channel_account_id, contact.id) if contact.verified and contact.id is not None else None


def _continuation(envelope: InboundEnvelope, request_id: str, *, contact_point_id: UUID) -> Continuation:
    return Continuation(
        channel=envelope.channel,
        channel_account_id=envelope.channel_account_id,
        contact_point_id=contact_point_id,
        provider_id=envelope.provider_id,
        body=envelope.body,
        provider_at=envelope.provider_at,
        client_id=envelope.client_id,
        automatic=envelope.automatic,
        request_id=request_id,
    )

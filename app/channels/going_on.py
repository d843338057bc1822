"""The short way through the door: what goes on with an open conversation, as most messages do, is stored in two round
trips instead of eight."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.channels.envelope import InboundEnvelope
from app.conversations.arrival import Arrival, Head, Received
from app.conversations.service import receiving
from app.core.act import Act

Incoming = tuple[InboundEnvelope, str]
"""An envelope and its request id."""
Pair = tuple[UUID, UUID]
"""(channel account, contact point)"""


async def store_going_on(session: AsyncSession, act: Act, batch: Sequence[Incoming]) -> dict[int, Received]:
    """By place in the batch, what could be stored so, each statement by itself (`Database.look`).

    The others are not stored and need the long way: newcomers, conversations that wait or are over, redeliveries,
    files, answers to a thread, whatever changed amid it.

    Raises what the database raises; then nothing is stored, or the connection was lost and nobody knows.
    """
    asked = {number: pair for number, pair in enumerate(_pairs(batch)) if pair is not None}
    if not asked:
        return {}
    names = [(*pair, batch[number][0].provider_id) for number, pair in asked.items()]
    heads = await receiving.find_going_on(session, names)
    arrivals = {
        number: _arrival(*batch[number], heads[pair])
        for number, pair in asked.items()
        if pair in heads and heads[pair].channel == batch[number][0].channel
    }
    received = await receiving.go_on(session, act, heads, list(arrivals.values()))
    return {number: one for number, one in zip(arrivals, received, strict=True) if one is not None}


def _pairs(batch: Sequence[Incoming]) -> list[Pair | None]:
    """Who wrote each, where it may go the short way: somebody proven whom we know by an id of our own. All that one
    contact sends goes one way, so that it stays in order."""
    pairs = [_pair(envelope) for envelope, _ in batch]
    long = {
        pair for pair, (envelope, _) in zip(pairs, batch, strict=True) if envelope.attachments or envelope.thread_key
    }
    return [None if pair in long else pair for pair in pairs]


def _pair(envelope: InboundEnvelope) -> Pair | None:
    contact = envelope.contact
    return (envelope.channel_account_id, contact.id) if contact.verified and contact.id is not None else None


def _arrival(envelope: InboundEnvelope, request_id: str, head: Head) -> Arrival:
    return Arrival(
        channel=head.channel,
        channel_account_id=head.channel_account_id,
        provider_id=envelope.provider_id,
        customer_id=head.customer_id,
        contact_point_id=head.contact_point_id,
        thread_key=None,
        body=envelope.body,
        attachments=(),
        provider_at=envelope.provider_at,
        language=head.language,
        rights=head.rights,
        priority=head.priority,
        synthetic=head.synthetic,
        request_id=request_id,
        client_id=envelope.client_id,
        automatic=envelope.automatic,
        brand=head.brand,
    )

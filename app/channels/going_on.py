"""What may take the short way through the door: most messages go on with an open conversation, and are stored in one
round trip instead of eight."""

from collections.abc import Sequence
from uuid import UUID

from app.channels.envelope import InboundEnvelope
from app.conversations.continuing import Continuation

Incoming = tuple[InboundEnvelope, str]
"""An envelope and its request id."""
Pair = tuple[UUID, UUID]
"""(channel account, contact point)"""


def continuations(batch: Sequence[Incoming]) -> dict[int, Continuation]:
    """By place in the batch, what may go the short way if its contact's conversation is open.

    That is what comes from somebody proven whom we know by an id of ours, without files and in answer to nothing. All
    that one contact sends goes one way, so that it stays in order.
    """
    pairs = [_pair(envelope) for envelope, _ in batch]
    long = {pair for pair, (one, _) in zip(pairs, batch, strict=True) if one.attachments or one.thread_key}
    return {
        number: _continuation(*batch[number], contact_point_id=pair[1])
        for number, pair in enumerate(pairs)
        if pair is not None and pair not in long
    }


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

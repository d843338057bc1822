"""What every channel's adapter makes of one incoming message: the only form the door takes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

MAX_PROVIDER_ID = 255


@dataclass(frozen=True, slots=True)
class Contact:
    """The sender's address on the channel. `verified`: the provider, or a token of ours, vouches for it.

    `id`: what the contact point is to be called when it is new, where the sender is known by an id of ours already.
    """

    kind: str
    value: str
    verified: bool
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class InboundEnvelope:
    """One message as it came in.

    `provider_id` names it within the channel account for ever: a second one with the same id is a redelivery.
    `thread_key` is the provider id of an earlier message of the same account that this one answers.
    `provider_at` is the provider's own time, None where it tells none.
    `attachments` are descriptions of files the store holds (`id`, `name`, `media_type`, `size_bytes`), not yet bound.
    `client_id` is the sender's own name for it, where the sender's page waits to see it again.
    `timezone` is an IANA name of ours, for a customer who is new.
    `automatic`: the channel knows that a machine wrote it (an absence note, a bounce), which is never answered by ours.
    """

    channel: str
    channel_account_id: UUID
    provider_id: str
    contact: Contact
    customer_name: str = ""
    language: str = ""
    timezone: str = ""
    body: str = ""
    attachments: tuple[dict[str, Any], ...] = ()
    provider_at: datetime | None = None
    thread_key: str | None = None
    client_id: str | None = None
    automatic: bool = False

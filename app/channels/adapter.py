"""The seam of the channels: what one must do to bring messages in and take them out. docs/adding-a-channel.md."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol

from app.channels.envelope import InboundEnvelope
from app.channels.schemas import AccountFacts
from app.conversations.schemas import OutgoingMessage


@dataclass(frozen=True, slots=True)
class ChannelLimits:
    """What the channel can carry."""

    body_characters: int
    attachments: int
    attachment_bytes: int


@dataclass(frozen=True, slots=True)
class InboundRequest:
    """A provider's request as it came: the raw bytes are what its signature covers. Header names in lower case."""

    raw: bytes
    headers: Mapping[str, str]
    url: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider took it. `provider_id` is its name for the message, where it gives one."""

    provider_id: str | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now: the same message may succeed later."""

    code: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Never: trying again would be refused again. The agent is shown the code."""

    code: str


Outcome = Sent | Retry | Failed


class ChannelAdapter(Protocol):
    """One kind of channel. Stateless but for its clients; tests/contract/channels is the suite it must pass."""

    kind: ClassVar[str]
    limits: ClassVar[ChannelLimits]

    def verify(self, account: AccountFacts, request: InboundRequest) -> None:
        """Raise Unauthenticated unless the request is the provider's own (or a visitor's with a token of ours)."""
        ...

    def normalise(self, account: AccountFacts, request: InboundRequest) -> list[InboundEnvelope]:
        """The messages of a verified request; none for what is not a message. Raises InvalidInput for nonsense.

        The same request gives the same envelopes: a redelivery must be recognised by `provider_id`.
        """
        ...

    async def send(self, message: OutgoingMessage) -> Outcome:
        """Hand one message to the provider. Never raises for what the provider answers."""
        ...

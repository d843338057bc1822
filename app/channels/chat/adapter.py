"""The chat widget as a channel: visitors with tokens of ours, messages read from the log by their sockets."""

from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import ValidationError

from app.channels.adapter import ChannelLimits, InboundRequest, Outcome, Sent
from app.channels.chat.schemas import MAX_ATTACHMENTS, MAX_BODY_CHARACTERS, WidgetMessageIn
from app.channels.chat.visitor_tokens import VisitorPrincipal, VisitorTokens
from app.channels.envelope import Contact, InboundEnvelope
from app.channels.files.schemas import MAX_FILE_BYTES
from app.channels.schemas import AccountFacts
from app.conversations.schemas import OutgoingMessage
from app.conversations.texts import check_text
from app.core.errors import InvalidInput, Unauthenticated

KIND = "chat"


class ChatAdapter:
    kind: ClassVar[str] = KIND
    limits: ClassVar[ChannelLimits] = ChannelLimits(MAX_BODY_CHARACTERS, MAX_ATTACHMENTS, MAX_FILE_BYTES)

    def __init__(self, tokens: VisitorTokens) -> None:
        self._tokens = tokens

    def verify(self, account: AccountFacts, request: InboundRequest) -> None:
        self._visitor(account, request)

    def normalise(self, account: AccountFacts, request: InboundRequest) -> list[InboundEnvelope]:
        return [envelope_of(self._visitor(account, request), parse_message(request.raw))]

    async def send(self, message: OutgoingMessage) -> Outcome:
        """Nothing to hand over: the visitor's socket, or the widget's next read, takes it from the database."""
        return Sent()

    def _visitor(self, account: AccountFacts, request: InboundRequest) -> VisitorPrincipal:
        visitor = self._tokens.read(bearer_token(request.headers.get("authorization", "")), request.received_at)
        if visitor.channel_account_id != account.id:
            raise Unauthenticated("visitor_token_invalid", "The visitor token is of another channel account.")
        return visitor


def bearer_token(header: str) -> str:
    """Raises Unauthenticated when the Authorization header holds none."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("not_authenticated", "Send the visitor token as `Authorization: Bearer ...`.")
    return token.strip()


def parse_message(raw: bytes) -> WidgetMessageIn:
    try:
        return WidgetMessageIn.model_validate_json(raw)
    except ValidationError as error:
        malformed = any(item["type"] == "json_invalid" for item in error.errors())
        fields = [{"path": ".".join(map(str, item["loc"])), "message": item["msg"]} for item in error.errors()]
        raise InvalidInput(
            "malformed_json" if malformed else "invalid_input",
            "The body is not JSON." if malformed else "Some fields are not as the operation expects; see errors.",
            errors=fields,
        ) from error


def envelope_of(
    visitor: VisitorPrincipal, message: WidgetMessageIn, attachments: Sequence[dict[str, Any]] = ()
) -> InboundEnvelope:
    """The visitor's own id stands before the client's, so that nobody can name another visitor's message."""
    check_text(message.body, field="body", maximum=MAX_BODY_CHARACTERS, minimum=0 if attachments else 1)
    return InboundEnvelope(
        channel=KIND,
        channel_account_id=visitor.channel_account_id,
        provider_id=f"{visitor.id}:{message.client_id}",
        contact=Contact("visitor", str(visitor.id), verified=True, id=visitor.contact_point_id),
        customer_name=visitor.name,
        language=visitor.language,
        timezone=visitor.timezone,
        body=message.body,
        attachments=tuple(attachments),
        client_id=message.client_id,
    )

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from app.channels.adapter import InboundRequest
from app.channels.chat.adapter import ChatAdapter
from app.channels.chat.visitor_tokens import VisitorPrincipal, VisitorTokens
from app.channels.schemas import AccountFacts
from app.conversations.schemas import OutgoingMessage
from tests.contract.channels.suite import ChannelContract

NOW = datetime(2026, 11, 22, tzinfo=UTC)
TOKENS = VisitorTokens("a secret of at least thirty-two bytes")


class TestChat(ChannelContract):
    @pytest.fixture
    def adapter(self) -> ChatAdapter:
        return ChatAdapter(TOKENS)

    @pytest.fixture
    def account(self) -> AccountFacts:
        return AccountFacts(uuid4(), "chat", "Shop", "", "pk_x", uuid4(), None, 3, (), {}, True, False)

    @pytest.fixture
    def request_as_sent(self, account: AccountFacts) -> InboundRequest:
        token = TOKENS.make(VisitorPrincipal(uuid4(), account.id, NOW + timedelta(days=1), "Ada", "en"))
        raw = b'{"client_id": "c1", "body": "Where is my parcel?"}'
        return InboundRequest(raw, {"authorization": f"Bearer {token}"}, "/v1/widget/messages", NOW)

    @pytest.fixture
    def outgoing(self, account: AccountFacts) -> OutgoingMessage:
        return OutgoingMessage(uuid4(), uuid4(), 2, "chat", account.id, "visitor", "v1", "Hello", (), "queued", 1)

"""What every channel adapter promises. A channel's test subclasses `ChannelContract` and gives it its fixtures."""

import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from app.channels.adapter import ChannelAdapter, ChannelLimits, Failed, InboundRequest, Retry, Sent
from app.channels.envelope import MAX_PROVIDER_ID
from app.channels.intake import check
from app.channels.schemas import AccountFacts
from app.conversations.schemas import OutgoingMessage
from app.core.errors import InvalidInput, SwitchboardError, Unauthenticated


class ChannelContract:
    """`adapter`, `account`, `request_as_sent` (one message, signed) and `outgoing` come from the channel's fixtures."""

    def test_it_names_its_kind_and_limits(self, adapter: ChannelAdapter, account: AccountFacts) -> None:
        assert adapter.kind == account.kind
        assert isinstance(adapter.limits, ChannelLimits)
        assert adapter.limits.body_characters > 0

    def test_the_providers_request_is_believed(
        self, adapter: ChannelAdapter, account: AccountFacts, request_as_sent: InboundRequest
    ) -> None:
        assert adapter.verify(account, request_as_sent) is None

    def test_a_request_without_its_proof_is_refused(
        self, adapter: ChannelAdapter, account: AccountFacts, request_as_sent: InboundRequest
    ) -> None:
        with pytest.raises(Unauthenticated):
            adapter.verify(account, replace(request_as_sent, headers={}))

    def test_a_proof_for_another_account_is_refused(
        self, adapter: ChannelAdapter, account: AccountFacts, request_as_sent: InboundRequest
    ) -> None:
        with pytest.raises(Unauthenticated):
            adapter.verify(replace(account, id=uuid4()), request_as_sent)

    def test_a_message_becomes_an_envelope_the_door_takes(
        self, adapter: ChannelAdapter, account: AccountFacts, request_as_sent: InboundRequest
    ) -> None:
        envelopes = adapter.normalise(account, request_as_sent)
        assert len(envelopes) == 1
        check(envelopes[0])
        assert (envelopes[0].channel, envelopes[0].channel_account_id) == (account.kind, account.id)
        assert 0 < len(envelopes[0].provider_id) <= MAX_PROVIDER_ID

    def test_a_redelivery_is_the_same_envelope(
        self, adapter: ChannelAdapter, account: AccountFacts, request_as_sent: InboundRequest
    ) -> None:
        assert adapter.normalise(account, request_as_sent) == adapter.normalise(account, request_as_sent)

    @pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b"\xff\xfe", json.dumps({"a": 1}).encode()])
    def test_nonsense_is_refused_or_no_message_but_never_a_crash(
        self, adapter: ChannelAdapter, account: AccountFacts, request_as_sent: InboundRequest, raw: bytes
    ) -> None:
        try:
            envelopes: list[Any] = adapter.normalise(account, replace(request_as_sent, raw=raw))
        except SwitchboardError as refused:
            envelopes = []
            assert isinstance(refused, InvalidInput | Unauthenticated)  # noqa: PT017
        assert envelopes == []

    async def test_sending_ends_in_one_of_three_ways(self, adapter: ChannelAdapter, outgoing: OutgoingMessage) -> None:
        assert isinstance(await adapter.send(outgoing), Sent | Retry | Failed)

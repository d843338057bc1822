from dataclasses import replace
from uuid import UUID, uuid4

from app.channels.envelope import Contact, InboundEnvelope
from app.channels.going_on import continuations

ACCOUNT = uuid4()


def message(sender: UUID, provider_id: str = "p1") -> InboundEnvelope:
    contact = Contact("visitor", str(sender), verified=True, id=sender)
    return InboundEnvelope("chat", ACCOUNT, provider_id, contact, body="hello", client_id=provider_id)


def places(*envelopes: InboundEnvelope) -> list[int]:
    return list(continuations([(envelope, "r1") for envelope in envelopes]))


def test_a_known_contacts_plain_message_may_go_on() -> None:
    sender = uuid4()
    made = continuations([(message(sender), "r1")])[0]
    assert (made.channel, made.channel_account_id, made.contact_point_id) == ("chat", ACCOUNT, sender)
    assert (made.provider_id, made.client_id, made.body, made.request_id) == ("p1", "p1", "hello", "r1")


def test_an_address_that_is_only_claimed_or_has_no_id_of_ours_takes_the_long_way() -> None:
    sender = uuid4()
    plain = message(sender)
    claimed = replace(plain, contact=replace(plain.contact, verified=False))
    by_address = replace(plain, contact=Contact("email", "ada@example.org", verified=True))
    assert places(claimed, by_address) == []


def test_all_that_a_contact_sends_goes_the_long_way_when_one_of_it_must() -> None:
    careful, plain = uuid4(), uuid4()
    with_file = replace(message(careful, "p2"), attachments=({"id": str(uuid4())},))
    in_thread = replace(message(careful, "p2"), thread_key="p0")
    for special in (with_file, in_thread):
        assert places(message(careful), message(plain), special, message(careful, "p3")) == [1]

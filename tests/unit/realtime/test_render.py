"""Events as frames: once per audience, and nothing internal towards a visitor."""

import json
from uuid import UUID

import pytest

from app.events.conversations import ConversationRightsChanged, MessagePosted
from app.events.event import Event, Rights
from app.realtime.audience import Delivery, Visitor
from app.realtime.render import Context, Occurrence, Texts
from tests.unit.realtime.examples import CONVERSATION, EXAMPLES, NOW, SUBJECT, agent

OWNER, CONTACT = UUID(int=200), UUID(int=201)
MESSAGE = {
    "id": str(SUBJECT),
    "conversation_id": str(CONVERSATION),
    "sequence": 1,
    "message_class": "agent_public",
    "direction": "outbound",
    "visibility": "public",
    "author": {"id": str(OWNER), "name": "Wu Gang"},
    "body": "<b>hello</b>",
    "attachments": [],
    "client_id": None,
    "provider_at": None,
    "arrived_at": NOW.isoformat(),
    "delivery_state": "sent",
}
VISITOR = Visitor(contact_point_id=CONTACT, channel_account_id=SUBJECT)


def texts_of(event: Event, message: dict | None = None) -> Texts:
    happened = Occurrence(
        number=9,
        id=SUBJECT,
        type=event.type,
        version=event.version,
        at=NOW,
        payload=event.model_dump(mode="json"),
        event=event,
    )
    context = Context(
        rights={CONVERSATION: Rights(owner_id=OWNER)},
        contact_points={CONVERSATION: CONTACT},
        messages={SUBJECT: message or MESSAGE},
        offers={SUBJECT: {"token": "secret"}},
        owner_names={OWNER: "Wu Gang"},
    )
    return Texts(happened, context, incarnation=3)


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event.type)
def test_a_visitor_never_learns_an_id_of_ours_beyond_their_conversation(event: Event) -> None:
    texts = texts_of(event)
    text = texts.text(VISITOR, texts.delivery(VISITOR)) or ""
    assert str(OWNER) not in text
    for word in ("rights", "author_id", "agent_id", "queue_id", "priority", "disposition", "secret"):
        assert word not in text


def test_a_visitor_learns_the_name_of_who_serves_them_and_nothing_more() -> None:
    event = ConversationRightsChanged(
        conversation_id=CONVERSATION, before=Rights(), after=Rights(owner_id=OWNER), reason="accepted", note="vip"
    )
    frame = json.loads(texts_of(event).text(VISITOR, Delivery.EVENT) or "")
    assert frame["data"] == {"conversation_id": str(CONVERSATION), "agent": {"name": "Wu Gang"}, "queue": None}


def test_a_message_that_is_not_public_has_no_body_for_its_customer() -> None:
    posted = next(event for event in EXAMPLES if isinstance(event, MessagePosted))
    frame = json.loads(texts_of(posted, {**MESSAGE, "visibility": "internal"}).text(VISITOR, Delivery.EVENT) or "")
    assert frame["data"]["message"] is None
    frame = json.loads(texts_of(posted).text(VISITOR, Delivery.EVENT) or "")
    assert frame["data"]["message"]["author"] == {"name": "Wu Gang"}
    assert frame["position"] == "3-9"


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event.type)
def test_a_frame_is_written_once_for_all_of_an_audience(event: Event) -> None:
    texts = texts_of(event)
    first = texts.text(agent(OWNER), Delivery.EVENT)
    assert first is texts.text(agent(SUBJECT, visibility="all"), Delivery.EVENT)
    assert "secret" not in (first or "")
    if event.type == "offer.made":
        assert "secret" in (texts.text(agent(SUBJECT), Delivery.OFFER) or "")

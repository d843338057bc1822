"""What is remembered of messages until their events come."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app.conversations.arrival import Received
from app.conversations.continuing import Continuation, Continued
from app.events.conversations import MessageReceived
from app.events.event import Rights
from app.realtime import just_stored
from app.realtime.just_stored import JustStored
from app.realtime.render import Occurrence

AT = datetime(2026, 3, 2, tzinfo=UTC)
ACCOUNT, CONVERSATION, CONTACT = (UUID(int=number) for number in (1, 2, 3))


def stored(number: int) -> Continued:
    message = Continuation("chat", ACCOUNT, CONTACT, f"p{number}", "hello", None, None, False, "")
    received = Received(CONVERSATION, UUID(int=100 + number), number, AT, duplicate=False)
    return Continued(message, received, Rights(team_id=UUID(int=9)))


def told(number: int) -> Occurrence:
    event = MessageReceived(
        conversation_id=CONVERSATION,
        message_id=UUID(int=100 + number),
        sequence=number,
        message_class="customer",
        channel="chat",
        channel_account_id=ACCOUNT,
        provider_at=None,
        arrived_at=AT,
        effective_at=AT,
    )
    return Occurrence(number, UUID(int=number), event.type, 1, AT, {}, event)


OTHER = Occurrence(50, UUID(int=50), "unknown.type", 1, AT, {}, None)


def test_each_is_taken_once_in_the_order_of_the_events() -> None:
    known = JustStored()
    known.remember([stored(1), stored(2)])
    assert known.take([told(2), told(1)], AT) == [stored(2), stored(1)]
    assert known.take([told(1)], AT) is None


@pytest.mark.parametrize("with_it", [told(2), OTHER], ids=["stored elsewhere", "something else"])
def test_unless_all_are_known_the_database_is_to_be_asked(with_it: Occurrence) -> None:
    known = JustStored()
    known.remember([stored(1)])
    assert known.take([told(1), with_it], AT) is None
    assert known.take([told(1)], AT) is None  # delivered with the others


def test_rights_of_a_second_ago_are_the_present_ones_and_older_are_asked_for() -> None:
    known = JustStored()
    known.remember([stored(1), stored(2)])
    assert known.take([told(1)], AT + just_stored.FRESH_FOR) == [stored(1)]
    assert known.take([told(2)], AT + just_stored.FRESH_FOR + timedelta(milliseconds=1)) is None


def test_only_so_many_wait_for_their_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(just_stored, "AT_MOST", 2)
    known = JustStored()
    known.remember([stored(1), stored(2), stored(3)])
    assert known.take([told(1)], AT) is None
    assert known.take([told(2), told(3)], AT) == [stored(2), stored(3)]

"""What we write: replies to the customer and internal notes."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.conversations.models import Conversation, Delivery, Message
from app.conversations.repository import reading
from app.conversations.repository import writing as repository
from app.conversations.schemas import PostedMessage
from app.conversations.service.locking import lock_visible
from app.conversations.status import UNRESOLVED
from app.conversations.texts import MAX_BODY_CHARACTERS, check_text, preview
from app.core import event_log
from app.core.act import Act
from app.core.errors import Conflict, Forbidden
from app.events.conversations import MessageClass, MessagePosted, NoteAdded

UNSEEN_IN_LISTS: frozenset[MessageClass] = frozenset({"auto_ack", "system"})
"""Whoever looks for work wants to see what the customer said, not what we sent of ourselves."""


async def post_message(
    session: AsyncSession,
    act: Act,
    principal: Principal,
    *,
    conversation_id: UUID,
    body: str,
    client_id: str,
    expected_public_sequence: int | None = None,
    attachments: Sequence[dict[str, Any]] = (),
) -> PostedMessage:
    """Reply to the customer. The same `client_id` of the same author again gives the first result.

    `expected_public_sequence` is the last public message the author has seen: Conflict `newer_reply_exists` when
    somebody else has replied since. `attachments` are descriptions of stored files, as a message carries them.
    """
    check_text(body, field="body", maximum=MAX_BODY_CHARACTERS, minimum=0 if attachments else 1)
    conversation = await lock_visible(session, principal, conversation_id)
    sent = await _find_sent(session, conversation, principal, client_id)
    if sent is not None:
        return sent
    if conversation.status not in UNRESOLVED:
        raise Conflict(
            "conversation_not_open", f"The conversation is {conversation.status}: reopen it first, or begin a new one."
        )
    await _refuse_stale(session, conversation, principal, expected_public_sequence)
    message = next_message(
        act,
        conversation,
        body=body,
        client_id=client_id,
        message_class="agent_public",
        author_id=_author_id(principal),
        attachments=attachments,
    )
    conversation.unanswered_since = None
    session.add(message)
    session.add(delivery_of(act, message, conversation))
    await _mark_own_read(session, principal, message)
    await event_log.append(session, act, [posted_event(conversation, message)])
    return _posted(message, duplicate=False)


async def add_note(
    session: AsyncSession,
    act: Act,
    principal: Principal,
    *,
    conversation_id: UUID,
    body: str,
    client_id: str,
    attachments: Sequence[dict[str, Any]] = (),
) -> PostedMessage:
    """Write an internal note, in any status. The customer never sees it, and it answers nothing."""
    check_text(body, field="body", maximum=MAX_BODY_CHARACTERS, minimum=0 if attachments else 1)
    if principal.kind != "agent":
        raise Forbidden("person_needed", "Only a person who logged in writes notes.")
    conversation = await lock_visible(session, principal, conversation_id)
    sent = await _find_sent(session, conversation, principal, client_id)
    if sent is not None:
        return sent
    message = next_message(
        act,
        conversation,
        body=body,
        client_id=client_id,
        message_class="agent_internal",
        author_id=_author_id(principal),
        attachments=attachments,
    )
    session.add(message)
    await _mark_own_read(session, principal, message)
    added = NoteAdded(
        conversation_id=conversation.id,
        message_id=message.id,
        sequence=message.sequence,
        author_id=principal.id,
        arrived_at=act.now,
        client_id=client_id,
    )
    await event_log.append(session, act, [added])
    return _posted(message, duplicate=False)


async def _find_sent(
    session: AsyncSession, conversation: Conversation, principal: Principal, client_id: str
) -> PostedMessage | None:
    found = await repository.find_sent(session, conversation, author_id=_author_id(principal), client_id=client_id)
    return _posted(found, duplicate=True) if found else None


async def _refuse_stale(
    session: AsyncSession, conversation: Conversation, principal: Principal, expected: int | None
) -> None:
    if expected is None or conversation.last_public_sequence <= expected:
        return
    newer = await repository.find_newer_reply(session, conversation.id, after=expected, not_by=_author_id(principal))
    if newer is not None:
        contents = await reading.list_contents(session, [newer.id])
        author = contents[newer.id].author
        raise Conflict(
            "newer_reply_exists",
            "Somebody else has replied since you read the conversation: read the reply, then send yours again.",
            sequence=newer.sequence,
            author=author.model_dump(mode="json") if author else None,
            replied_at=newer.arrived_at.isoformat(),
        )


def next_message(
    act: Act,
    conversation: Conversation,
    *,
    body: str,
    client_id: str,
    message_class: MessageClass,
    author_id: UUID | None,
    attachments: Sequence[dict[str, Any]] = (),
) -> Message:
    """The next message of the conversation, whose counters and preview follow it."""
    internal = message_class == "agent_internal"
    conversation.last_sequence += 1
    if not internal:
        conversation.last_public_sequence = conversation.last_sequence
    if message_class not in UNSEEN_IN_LISTS:
        conversation.preview = preview(body, attachments)
        conversation.preview_class = message_class
    conversation.last_message_at = max(conversation.last_message_at, act.now)
    conversation.version += 1
    return Message(
        id=act.new_id(),
        arrived_at=act.now,
        conversation_id=conversation.id,
        sequence=conversation.last_sequence,
        message_class=message_class,
        direction="internal" if internal else "outbound",
        visibility="internal" if internal else "public",
        channel_account_id=None if internal else conversation.channel_account_id,
        author_id=author_id,
        body=body,
        attachments=list(attachments),
        client_id=client_id,
    )


def delivery_of(act: Act, message: Message, conversation: Conversation) -> Delivery:
    return Delivery(
        message_id=message.id,
        message_arrived_at=message.arrived_at,
        conversation_id=conversation.id,
        sequence=message.sequence,
        channel_account_id=conversation.channel_account_id,
        state="queued",
        changed_at=act.now,
        run_at=act.now,
    )


def posted_event(conversation: Conversation, message: Message) -> MessagePosted:
    message_class: Any = message.message_class  # written by next_message
    return MessagePosted(
        conversation_id=conversation.id,
        message_id=message.id,
        sequence=message.sequence,
        message_class=message_class,
        channel=conversation.channel,
        channel_account_id=conversation.channel_account_id,
        author_id=message.author_id,
        arrived_at=message.arrived_at,
        client_id=message.client_id,
    )


async def _mark_own_read(session: AsyncSession, principal: Principal, message: Message) -> None:
    """Who writes has read what stands before."""
    if principal.kind == "agent":
        await repository.set_read(
            session, agent_id=principal.id, conversation_id=message.conversation_id, sequence=message.sequence
        )


def _author_id(principal: Principal) -> UUID | None:
    return principal.id if principal.kind == "agent" else None


def _posted(message: Message, *, duplicate: bool) -> PostedMessage:
    return PostedMessage(
        conversation_id=message.conversation_id,
        message_id=message.id,
        sequence=message.sequence,
        arrived_at=message.arrived_at,
        client_id=message.client_id or "",
        duplicate=duplicate,
    )

"""What we write with files: the message and the binding of its files, in one transaction."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.channels.files import service as files
from app.conversations import service as conversations
from app.conversations.schemas import PostedMessage
from app.core.act import Act


async def post_message(
    session: AsyncSession,
    act: Act,
    principal: Principal,
    *,
    conversation_id: UUID,
    body: str,
    client_id: str,
    expected_public_sequence: int | None = None,
    attachment_ids: Sequence[UUID] = (),
) -> PostedMessage:
    """`conversations.post_message` with the author's uploads. Raises Conflict `attachment_used`."""
    posted = await conversations.post_message(
        session,
        act,
        principal,
        conversation_id=conversation_id,
        body=body,
        client_id=client_id,
        expected_public_sequence=expected_public_sequence,
        attachments=await files.describe_own(session, principal.actor, attachment_ids),
    )
    await _bind(session, posted, attachment_ids, visibility="public")
    return posted


async def add_note(
    session: AsyncSession,
    act: Act,
    principal: Principal,
    *,
    conversation_id: UUID,
    body: str,
    client_id: str,
    attachment_ids: Sequence[UUID] = (),
) -> PostedMessage:
    """`conversations.add_note` with the author's uploads, which the customer can never reach."""
    posted = await conversations.add_note(
        session,
        act,
        principal,
        conversation_id=conversation_id,
        body=body,
        client_id=client_id,
        attachments=await files.describe_own(session, principal.actor, attachment_ids),
    )
    await _bind(session, posted, attachment_ids, visibility="internal")
    return posted


async def _bind(
    session: AsyncSession, posted: PostedMessage, attachment_ids: Sequence[UUID], *, visibility: str
) -> None:
    if not posted.duplicate:  # a resend's files are bound already
        place = (posted.message_id, posted.conversation_id)
        await files.bind(session, dict.fromkeys(attachment_ids, place), visibility=visibility)

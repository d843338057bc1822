"""What an agent's page may ask for over its socket: one table, each entry one call of a service."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.channels.replies import service as replies
from app.conversations import service as conversations
from app.conversations.schemas import PostedMessage
from app.core.act import Act
from app.core.errors import Forbidden, InvalidInput
from app.realtime import commands as data
from app.realtime.frames import Command, Result
from app.realtime.service.once import run_once
from app.realtime.shapes import OfferSettled
from app.routing import service as routing
from app.routing.schemas import PresenceView


@dataclass(frozen=True, slots=True)
class AgentCommand:
    scope: str
    data: type[data.CommandData]
    run: Callable[[AsyncSession, Act, Principal, Any], Awaitable[BaseModel]]


async def obey(session: AsyncSession, act: Act, principal: Principal, command: Command) -> Result:
    """Raises ValidationError for malformed data, and whatever the service raises."""
    known = AGENT_COMMANDS.get(command.name)
    if known is None:
        names = ", ".join([*sorted(AGENT_COMMANDS), *data.AGENT_SIGNALS])
        raise InvalidInput("unknown_command", f"There is no such command. Known: {names}.")
    if known.scope not in principal.scopes:
        raise Forbidden("scope_missing", f"This needs the scope {known.scope}.", scope=known.scope)
    given = known.data.model_validate(command.data)
    return await run_once(session, act, command, lambda: known.run(session, act, principal, given))


async def accept_offer(session: AsyncSession, act: Act, principal: Principal, given: data.OfferAccept) -> OfferSettled:
    answered = await routing.accept_offer(
        session, act, agent_id=principal.id, offer_id=given.offer_id, token=given.token
    )
    return OfferSettled(offer_id=answered.offer_id, conversation_id=answered.conversation_id)


async def decline_offer(
    session: AsyncSession, act: Act, principal: Principal, given: data.OfferDecline
) -> OfferSettled:
    answered = await routing.decline_offer(
        session, act, agent_id=principal.id, offer_id=given.offer_id, token=given.token, reason=given.reason
    )
    return OfferSettled(offer_id=answered.offer_id, conversation_id=answered.conversation_id)


async def set_presence(session: AsyncSession, act: Act, principal: Principal, given: data.PresenceSet) -> PresenceView:
    await routing.set_presence(session, act, agent_id=principal.id, readiness=given.readiness, reason=given.reason)
    return await routing.get_presence(session, principal.id)


async def clear_penalty(session: AsyncSession, act: Act, principal: Principal, given: data.Nothing) -> PresenceView:
    await routing.clear_penalty(session, act, agent_id=principal.id)
    return await routing.get_presence(session, principal.id)


async def send_message(session: AsyncSession, act: Act, principal: Principal, given: data.MessageSend) -> PostedMessage:
    return await replies.post_message(
        session,
        act,
        principal,
        conversation_id=given.conversation_id,
        body=given.body,
        client_id=given.client_id,
        expected_public_sequence=given.expected_public_sequence,
        attachment_ids=given.attachments,
    )


async def add_note(session: AsyncSession, act: Act, principal: Principal, given: data.NoteAdd) -> PostedMessage:
    return await replies.add_note(
        session,
        act,
        principal,
        conversation_id=given.conversation_id,
        body=given.body,
        client_id=given.client_id,
        attachment_ids=given.attachments,
    )


async def mark_read(
    session: AsyncSession, act: Act, principal: Principal, given: data.ConversationReadMark
) -> data.ConversationReadMark:
    await conversations.mark_read(
        session, act, principal, conversation_id=given.conversation_id, sequence=given.sequence
    )
    return given


AGENT_COMMANDS = {
    "offer.accept": AgentCommand("work", data.OfferAccept, accept_offer),
    "offer.decline": AgentCommand("work", data.OfferDecline, decline_offer),
    "presence.set": AgentCommand("work", data.PresenceSet, set_presence),
    "presence.clear_penalty": AgentCommand("work", data.Nothing, clear_penalty),
    "message.send": AgentCommand("conversations:write", data.MessageSend, send_message),
    "note.add": AgentCommand("conversations:write", data.NoteAdd, add_note),
    "conversation.read": AgentCommand("conversations:read", data.ConversationReadMark, mark_read),
}

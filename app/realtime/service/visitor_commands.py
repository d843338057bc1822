"""What a visitor's widget may ask for over its socket."""

from typing import Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.channels.chat import service as chat
from app.channels.chat.schemas import WidgetMessageIn
from app.channels.chat.visitor_tokens import VisitorPrincipal
from app.channels.intake import Intake
from app.core.act import Act
from app.core.database import Database
from app.core.errors import InvalidInput, NotFound
from app.realtime.commands import VISITOR_COMMANDS, VisitorMark, VisitorTyping
from app.realtime.frames import Command, Result, Who
from app.realtime.service.once import run_once
from app.realtime.service.signals import Signals
from app.realtime.shapes import VisitorPosted


async def send(
    database: Database, intake: Intake, visitor: VisitorPrincipal, command: Command, *, request_id: str
) -> Result:
    """A message into the door. The client id makes a repeat safe, so the command's key has nothing to add."""
    given = WidgetMessageIn.model_validate(command.data)
    received = await chat.send_message(database, intake, visitor, given, request_id=request_id)
    posted = VisitorPosted(
        conversation_id=received.conversation_id,
        message_id=received.message_id,
        sequence=received.sequence,
        client_id=given.client_id,
        duplicate=received.duplicate,
    )
    return Result(id=command.id, data=posted.model_dump(mode="json"), events=[])


async def obey(
    session: AsyncSession, act: Act, visitor: VisitorPrincipal, signals: Signals, command: Command
) -> Result:
    """typing, delivered, read. Raises ValidationError for malformed data, NotFound before the first message."""
    if command.name == "typing":
        typing = VisitorTyping.model_validate(command.data)
        who = Who(kind="customer", id=None, name=visitor.name)
        await signals.tell_as_visitor(who, await _conversation_of(session, visitor), on=typing.on)
        return Result(id=command.id, data={}, events=[])
    if command.name not in VISITOR_COMMANDS:
        raise InvalidInput("unknown_command", f"There is no such command. Known: {', '.join(VISITOR_COMMANDS)}.")
    mark = VisitorMark.model_validate(command.data)

    async def move_mark() -> VisitorMark:
        state: Literal["read", "delivered"] = "read" if command.name == "read" else "delivered"
        await chat.mark(session, act, visitor, state=state, sequence=mark.sequence)
        return mark

    # Marks move only up, so a repeat does no harm: the key is not stored for what every shown message sends.
    return await run_once(session, act, command.model_copy(update={"key": None}), move_mark)


async def _conversation_of(session: AsyncSession, visitor: VisitorPrincipal) -> UUID:
    found = await chat.find_conversation(session, visitor)
    if found is None:
        raise NotFound("conversation_not_found", "There is no conversation yet: send a message first.")
    return found

"""Operations by which we write: replies to the customer and internal notes, with their files."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from app.access.guards import GUARDED, ActDep, problems, require
from app.access.schemas import Principal
from app.channels.replies import service
from app.conversations.schemas import MessageIn, NoteIn, PostedMessage
from app.core.database import SessionDep
from app.core.idempotency import OnceDep

router = APIRouter(prefix="/v1/conversations/{conversation_id}", tags=["conversations"], responses=GUARDED)

WriterDep = Annotated[Principal, Depends(require("conversations:write"))]


@router.post(
    "/messages",
    status_code=201,
    summary="Reply to the customer",
    response_model=PostedMessage,
    responses=problems(404, 409),
)
async def post_message(
    session: SessionDep, act: ActDep, once: OnceDep, principal: WriterDep, conversation_id: UUID, body: MessageIn
) -> Response:
    return await once(
        session,
        act,
        lambda: service.post_message(
            session,
            act,
            principal,
            conversation_id=conversation_id,
            body=body.body,
            client_id=body.client_id,
            expected_public_sequence=body.expected_public_sequence,
            attachment_ids=body.attachments,
        ),
        status=201,
    )


@router.post(
    "/notes",
    status_code=201,
    summary="Write an internal note",
    response_model=PostedMessage,
    responses=problems(404, 409),
)
async def add_note(
    session: SessionDep, act: ActDep, once: OnceDep, principal: WriterDep, conversation_id: UUID, body: NoteIn
) -> Response:
    return await once(
        session,
        act,
        lambda: service.add_note(
            session,
            act,
            principal,
            conversation_id=conversation_id,
            body=body.body,
            client_id=body.client_id,
            attachment_ids=body.attachments,
        ),
        status=201,
    )

"""Operations on conversations and their messages; writing one is channels/replies, since its files come along."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from app.access.guards import GUARDED, ActDep, problems, require
from app.access.schemas import Principal
from app.conversations import service
from app.conversations.schemas import (
    MAX_SEQUENCE,
    CategoryIn,
    MergeIn,
    MessageOut,
    ReadIn,
    ResolveIn,
    StatusIn,
    Summary,
)
from app.core.database import SessionDep
from app.core.http import PAGE_DEFAULT, LimitQuery, Page
from app.core.idempotency import OnceDep

router = APIRouter(prefix="/v1", tags=["conversations"], responses=GUARDED)

ReaderDep = Annotated[Principal, Depends(require("conversations:read"))]
WriterDep = Annotated[Principal, Depends(require("conversations:write"))]


@router.get("/conversations/{conversation_id}/messages", summary="Messages of a conversation", responses=problems(404))
async def list_messages(
    session: SessionDep,
    principal: ReaderDep,
    conversation_id: UUID,
    before: Annotated[int | None, Query(ge=1, le=MAX_SEQUENCE, description="Only what came before")] = None,
    limit: LimitQuery = PAGE_DEFAULT,
) -> Page[MessageOut]:
    """The last ones before a sequence, oldest first; `next_cursor` is the `before` of the page that precedes it."""
    messages = await service.list_messages(session, principal, conversation_id, before=before, limit=limit)
    earlier = str(messages[0].sequence) if len(messages) == limit and messages[0].sequence > 1 else None
    return Page(items=messages, next_cursor=earlier)


@router.post(
    "/conversations/{conversation_id}/status",
    summary="Change the status",
    response_model=Summary,
    responses=problems(404, 409),
)
async def change_status(
    session: SessionDep, act: ActDep, once: OnceDep, principal: WriterDep, conversation_id: UUID, body: StatusIn
) -> Response:
    async def work() -> Summary:
        await service.change_status(
            session, act, principal, conversation_id=conversation_id, to=body.status, snoozed_until=body.snoozed_until
        )
        return await service.get_summary(session, principal, conversation_id)

    return await once(session, act, work)


@router.post(
    "/conversations/{conversation_id}/resolve",
    summary="Resolve with a disposition",
    response_model=Summary,
    responses=problems(404, 409),
)
async def resolve(
    session: SessionDep, act: ActDep, once: OnceDep, principal: WriterDep, conversation_id: UUID, body: ResolveIn
) -> Response:
    async def work() -> Summary:
        await service.resolve(session, act, principal, conversation_id=conversation_id, disposition=body.disposition)
        return await service.get_summary(session, principal, conversation_id)

    return await once(session, act, work)


@router.post(
    "/conversations/{conversation_id}/reopen",
    summary="Reopen a resolved one",
    response_model=Summary,
    responses=problems(404, 409),
)
async def reopen(
    session: SessionDep, act: ActDep, once: OnceDep, principal: WriterDep, conversation_id: UUID
) -> Response:
    async def work() -> Summary:
        await service.reopen(session, act, principal, conversation_id=conversation_id)
        return await service.get_summary(session, principal, conversation_id)

    return await once(session, act, work)


@router.put(
    "/conversations/{conversation_id}/category",
    summary="Say what it is about",
    response_model=Summary,
    responses=problems(404),
)
async def set_category(
    session: SessionDep, act: ActDep, once: OnceDep, principal: WriterDep, conversation_id: UUID, body: CategoryIn
) -> Response:
    async def work() -> Summary:
        await service.set_category(session, act, principal, conversation_id=conversation_id, category=body.category)
        return await service.get_summary(session, principal, conversation_id)

    return await once(session, act, work)


@router.post(
    "/conversations/{conversation_id}/merge",
    summary="Merge it into another one, which goes on alone",
    response_model=Summary,
    responses=problems(404, 409),
)
async def merge(
    session: SessionDep, act: ActDep, once: OnceDep, principal: WriterDep, conversation_id: UUID, body: MergeIn
) -> Response:
    """The answer is the one that goes on. Messages stay where they are; later ones join the one that goes on."""

    async def work() -> Summary:
        await service.merge(
            session,
            act,
            principal,
            conversation_id=conversation_id,
            into_id=body.into,
            other_customer=body.other_customer,
        )
        return await service.get_summary(session, principal, body.into)

    return await once(session, act, work)


@router.post("/conversations/{conversation_id}/read", status_code=204, summary="Mark as read", responses=problems(404))
async def mark_read(
    session: SessionDep, act: ActDep, principal: ReaderDep, conversation_id: UUID, body: ReadIn
) -> None:
    await service.mark_read(session, act, principal, conversation_id=conversation_id, sequence=body.sequence)


@router.post(
    "/messages/{message_id}/resend", status_code=204, summary="Send a failed message again",
    responses=problems(404, 409),
)  # fmt: skip
async def resend(session: SessionDep, act: ActDep, principal: WriterDep, message_id: UUID) -> None:
    await service.resend(session, act, principal, message_id=message_id)

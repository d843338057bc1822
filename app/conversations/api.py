"""Operations on conversations and their messages; writing one is channels/replies, since its files come along."""

from datetime import datetime
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
    Sort,
    StatusIn,
    Summary,
    View,
)
from app.core.database import SessionDep
from app.core.http import PAGE_DEFAULT, CursorQuery, LimitQuery, Page, cursor_instant, decode_cursor, encode_cursor
from app.core.idempotency import OnceDep
from app.events.conversations import Status

router = APIRouter(prefix="/v1", tags=["conversations"], responses=GUARDED)

ReaderDep = Annotated[Principal, Depends(require("conversations:read"))]
WriterDep = Annotated[Principal, Depends(require("conversations:write"))]


@router.get("/conversations", summary="List conversations")
async def list_conversations(
    session: SessionDep,
    principal: ReaderDep,
    view: View = "all",
    status: Annotated[list[Status] | None, Query(max_length=6)] = None,
    queue_id: UUID | None = None,
    channel: Annotated[str | None, Query(pattern="^[a-z_]{1,20}$")] = None,
    customer_id: UUID | None = None,
    sort: Sort = "newest",
    cursor: CursorQuery = None,
    limit: LimitQuery = PAGE_DEFAULT,
) -> Page[Summary]:
    """`mine` and `team` are the caller's, `queue` is what nobody owns yet; all within what the caller may see."""
    summaries, last = await service.list_summaries(
        session,
        principal,
        view=view,
        statuses=status or (),
        queue_id=queue_id,
        channel=channel,
        customer_id=customer_id,
        sort=sort,
        after=_place(cursor),
        limit=limit,
    )
    return Page(items=summaries, next_cursor=encode_cursor(last[0].isoformat(), str(last[1])) if last else None)


def _place(cursor: str | None) -> tuple[datetime, UUID] | None:
    if cursor is None:
        return None
    at, last_id = decode_cursor(cursor, [cursor_instant, UUID])
    return at, last_id


@router.get("/conversations/{conversation_id}", summary="One conversation", responses=problems(404))
async def get_conversation(session: SessionDep, principal: ReaderDep, conversation_id: UUID) -> Summary:
    return await service.get_summary(session, principal, conversation_id)


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

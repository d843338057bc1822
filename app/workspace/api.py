"""Read-only operations over several packages: counts, the wallboard, a customer's history, one conversation's desk."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from app.access.guards import GUARDED, problems, require
from app.access.schemas import Principal
from app.conversations.schemas import Summary
from app.core.database import SessionDep
from app.core.http import PAGE_DEFAULT, CursorQuery, LimitQuery, Page
from app.workspace import service
from app.workspace.schemas import ConversationDesk, TimelineItem, ViewCounts, Wallboard

router = APIRouter(prefix="/v1", tags=["workspace"], responses=GUARDED)

ReaderDep = Annotated[Principal, Depends(require("conversations:read"))]
BoardReaderDep = Annotated[Principal, Depends(require("routing:read"))]


@router.get("/views", summary="How many open conversations each view holds")
async def get_counts(session: SessionDep, principal: ReaderDep) -> ViewCounts:
    return await service.get_counts(session, principal)


@router.get("/wallboard", summary="Queues and agents as they are now")
async def get_wallboard(request: Request, session: SessionDep, principal: BoardReaderDep) -> Wallboard:
    return await service.get_wallboard(session, principal, request.app.state.clock.now())


@router.get("/customers/{customer_id}/conversations", summary="A customer's conversations, the latest first")
async def list_customer_conversations(
    session: SessionDep,
    principal: ReaderDep,
    customer_id: UUID,
    cursor: CursorQuery = None,
    limit: LimitQuery = PAGE_DEFAULT,
) -> Page[Summary]:
    return await service.list_customer_conversations(session, principal, customer_id, cursor=cursor, limit=limit)


@router.get("/customers/{customer_id}/timeline", summary="A customer's messages on all channels, newest first")
async def list_timeline(
    session: SessionDep,
    principal: ReaderDep,
    customer_id: UUID,
    cursor: CursorQuery = None,
    limit: LimitQuery = PAGE_DEFAULT,
) -> Page[TimelineItem]:
    return await service.list_timeline(session, principal, customer_id, cursor=cursor, limit=limit)


@router.get(
    "/workspace/conversations/{conversation_id}",
    summary="All a console needs to show one conversation",
    responses=problems(404),
)
async def get_desk(session: SessionDep, principal: ReaderDep, conversation_id: UUID) -> ConversationDesk:
    return await service.get_desk(session, principal, conversation_id)

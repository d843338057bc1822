"""Read-only operations over several packages: counts, the wallboard, a customer's history, one conversation's desk."""

from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request

from app.access.guards import GUARDED, problems, require
from app.access.schemas import Principal
from app.conversations.schemas import Sort, View
from app.core.database import SessionDep
from app.core.http import PAGE_DEFAULT, CursorQuery, LimitQuery, Page
from app.events.conversations import Status
from app.routing.service_levels import Formula
from app.sla.schemas import ClockedSummary
from app.sla.service.faces import Standing
from app.workspace import service
from app.workspace.schemas import ConversationDesk, PressingItem, TimelineItem, ViewCounts, Wallboard

router = APIRouter(prefix="/v1", tags=["workspace"], responses=GUARDED)
# Of conversations, yet read with their clocks, which conversations know nothing of.
conversations_router = APIRouter(prefix="/v1", tags=["conversations"], responses=GUARDED)

ReaderDep = Annotated[Principal, Depends(require("conversations:read"))]
BoardReaderDep = Annotated[Principal, Depends(require("routing:read"))]


@router.get("/views", summary="How many open conversations each view holds")
async def get_counts(session: SessionDep, principal: ReaderDep) -> ViewCounts:
    return await service.get_counts(session, principal)


@router.get("/wallboard", summary="Queues and agents as they are now")
async def get_wallboard(
    request: Request, session: SessionDep, principal: BoardReaderDep, service_level: Formula | None = None
) -> Wallboard:
    """With `service_level` only the level by this formula; the answer names each."""
    zone = ZoneInfo(request.app.state.settings.timezone)
    now = request.app.state.clock.now()
    return await service.get_wallboard(session, principal, now, zone=zone, formula=service_level)


@router.get("/workspace/clocks", summary="The clocks a wallboard counts as due soon or as breached")
async def list_pressing(
    request: Request,
    session: SessionDep,
    principal: ReaderDep,
    standing: Standing,
    queue_id: UUID | None = None,
    cursor: CursorQuery = None,
    limit: LimitQuery = PAGE_DEFAULT,
) -> Page[PressingItem]:
    """As many as the wallboard counts for the same caller at the same time; the nearest due time first."""
    now = request.app.state.clock.now()
    return await service.list_pressing(
        session, principal, now, standing=standing, queue_id=queue_id, cursor=cursor, limit=limit
    )


@router.get("/customers/{customer_id}/conversations", summary="A customer's conversations, the latest first")
async def list_customer_conversations(
    session: SessionDep,
    principal: ReaderDep,
    customer_id: UUID,
    cursor: CursorQuery = None,
    limit: LimitQuery = PAGE_DEFAULT,
) -> Page[ClockedSummary]:
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


@conversations_router.get("/conversations", summary="List conversations")
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
) -> Page[ClockedSummary]:
    """`mine` and `team` are the caller's, `queue` is what nobody owns yet; all within what the caller may see."""
    return await service.list_conversations(
        session,
        principal,
        view=view,
        statuses=status or (),
        queue_id=queue_id,
        channel=channel,
        customer_id=customer_id,
        sort=sort,
        cursor=cursor,
        limit=limit,
    )


@conversations_router.get("/conversations/{conversation_id}", summary="One conversation", responses=problems(404))
async def get_conversation(session: SessionDep, principal: ReaderDep, conversation_id: UUID) -> ClockedSummary:
    return await service.get_conversation(session, principal, conversation_id)

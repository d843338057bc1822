"""A wrap-up ended by hand."""

from typing import Literal, cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.core.act import Act
from app.core.errors import NotFound
from app.routing.models import WorkItem
from app.routing.repository import after_work
from app.routing.repository import queues as queue_rows
from app.routing.service.desk import lock_work
from app.routing.service.presences import check_visible
from app.routing.service.publish import publish
from app.routing.service.wrap_ups import end
from app.routing.wrap_up import check_end
from app.routing.wrap_up_schemas import EndWrapUpBody, WrapUpAnswered

SUPERVISE_SCOPE = "routing:write"


async def end_wrap_up(
    session: AsyncSession, act: Act, principal: Principal, *, work_id: UUID, body: EndWrapUpBody
) -> WrapUpAnswered:
    """By its agent, or by a supervisor who sees the agent. A repeat changes nothing.

    Raises NotFound `work_not_found`, Conflict `not_wrapping`, InvalidInput `outcome_required`.
    """
    await _check_may_end(session, principal, await after_work.find_work(session, work_id))
    works, desks = await lock_work(session, {work_id}, act.now)
    work = works[work_id]
    await _check_may_end(session, principal, work)
    if work.state == "done":
        return _answer(work, [])
    by_owner = work.agent_id == principal.id
    queue = await queue_rows.get_queue(session, work.queue_id)
    check_end(work.state, queue.wrap_up, body.outcome, by_owner=by_owner)
    desk = desks[cast(UUID, work.agent_id)]
    reason: Literal["agent", "supervisor"] = "agent" if by_owner else "supervisor"
    return _answer(work, await publish(session, act, end(desk, work, act, reason=reason, outcome=body.outcome)))


async def _check_may_end(session: AsyncSession, principal: Principal, work: WorkItem | None) -> None:
    if work is not None and work.agent_id == principal.id:
        return
    if work is None or work.agent_id is None or SUPERVISE_SCOPE not in principal.scopes:
        raise NotFound("work_not_found", "There is no such work of yours. Reload and try again.")
    await check_visible(session, principal, work.agent_id)


def _answer(work: WorkItem, events: list[UUID]) -> WrapUpAnswered:
    return WrapUpAnswered(work_id=work.id, conversation_id=work.conversation_id, state=work.state, events=events)

"""Tasks that policies create: listed for whom they are, and done once."""

from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, false, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.core import event_log
from app.core.act import Act
from app.core.http import Page, decode_cursor, encode_cursor
from app.events.sla import TaskDone
from app.sla.duties.models import SlaTask
from app.sla.duties.schemas import DutyView, TaskView
from app.sla.duties.service.addressed import none_such, sees


async def list_tasks(
    session: AsyncSession,
    principal: Principal,
    *,
    view: DutyView,
    state: Literal["open", "done"],
    cursor: str | None,
    limit: int,
) -> Page[TaskView]:
    """The oldest first."""
    statement = (
        select(SlaTask).where(SlaTask.state == state, _in_view(principal, view)).order_by(SlaTask.id).limit(limit + 1)
    )
    if cursor is not None:
        statement = statement.where(SlaTask.id > decode_cursor(cursor, (UUID,))[0])
    rows = (await session.scalars(statement)).all()
    more = encode_cursor(str(rows[limit - 1].id)) if len(rows) > limit else None
    return Page(items=[_view(row) for row in rows[:limit]], next_cursor=more)


async def finish_task(session: AsyncSession, act: Act, principal: Principal, *, task_id: UUID) -> TaskView:
    """By whom it is for, or who may see its conversation. Done already: nothing changes. Raises NotFound."""
    task = await session.scalar(
        select(SlaTask).where(SlaTask.id == task_id, _in_view(principal, "all")).with_for_update()
    )
    if task is None:
        raise none_such("task", task_id)
    if task.state == "open":
        task.state, task.done_at, task.done_by = "done", act.now, principal.id
        task.version += 1
        await event_log.append(session, act, [_done(task, principal.id)])
    return _view(task)


def _in_view(principal: Principal, view: DutyView) -> ColumnElement[bool]:
    mine = SlaTask.agent_id == principal.id
    my_teams = SlaTask.team_id == principal.team_id if principal.team_id is not None else false()
    if view == "mine":
        return mine
    return my_teams if view == "team" else or_(mine, my_teams, sees(principal, SlaTask.conversation_id))


def _done(task: SlaTask, by: UUID) -> TaskDone:
    return TaskDone(
        conversation_id=task.conversation_id,
        task_id=task.id,
        done_by=by,
        to_agent_ids=(task.agent_id,) if task.agent_id else (),
        to_team_ids=(task.team_id,) if task.team_id else (),
    )


def _view(row: SlaTask) -> TaskView:
    return TaskView.model_validate(row, from_attributes=True)

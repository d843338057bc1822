"""Queues and who serves in them."""

from typing import Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.agents import service as agents
from app.core.act import Act
from app.core.errors import Conflict, NotFound
from app.core.http import Page, cursor_text, decode_cursor, encode_cursor
from app.events.routing import QueueChanged
from app.routing.fading import check_fading
from app.routing.models import Queue
from app.routing.planning.schemas import MembersChange
from app.routing.queue_schemas import Members, QueueBody, QueueView
from app.routing.ranking import get_policy
from app.routing.repository import queue_versions as version_rows
from app.routing.repository import queues as queue_rows
from app.routing.rings import check_rings
from app.routing.service import queue_versions as versions
from app.routing.service import references
from app.routing.service.loading import queue_facts
from app.routing.service.overflow_chains import check_overflow
from app.routing.service.publish import publish


async def create_queue(session: AsyncSession, act: Act, body: QueueBody, *, synthetic: bool = False) -> QueueView:
    """Raises Conflict `queue_name_taken`, InvalidInput `unknown_reference`, how rings or fading contradict, and for
    overflow that leads nowhere.
    """
    await check_overflow(session, body, queue_id=None)
    await _check_name(session, body.name, None)
    await references.check_queue(session, body)
    queue = Queue(id=act.new_id(), synthetic=synthetic, version=1, created_at=act.now)
    fill(queue, body)
    queue_rows.add_queue(session, queue)
    return await _keep(session, act, queue, body, "created")


async def update_queue(
    session: AsyncSession, act: Act, *, queue_id: UUID, body: QueueBody, version: int | None = None
) -> QueueView:
    """Waiting work has its due time counted anew, a few seconds later (`recounting`).

    Raises as `create_queue`, Conflict `overflow_cycle`, PreconditionFailed if somebody changed it since `version`.
    """
    await check_overflow(session, body, queue_id=queue_id)
    queue = await queue_rows.lock_queue(session, queue_id)
    await versions.check_unchanged(session, queue, version)
    await _check_name(session, body.name, queue_id)
    await references.check_queue(session, body)
    # An older release, which may still be serving, kept no versions.
    await versions.keep(session, queue, made_at=queue.created_at, made_by=versions.UNRECORDED)
    fill(queue, body)
    queue.version += 1
    return await _keep(session, act, queue, body, "updated")


async def restore_queue(
    session: AsyncSession, act: Act, *, queue_id: UUID, restored: int, version: int | None = None
) -> QueueView:
    """The settings of the version `restored` once more, as a new version. Raises what `update_queue` raises,
    NotFound `queue_version_not_found`, Conflict `queue_version_outdated`.
    """
    queue = await queue_rows.get_queue(session, queue_id)
    seen = queue.version if version is None else version
    body = await versions.get_body(session, queue, restored)
    return await update_queue(session, act, queue_id=queue_id, body=body, version=seen)


async def get_queue(session: AsyncSession, queue_id: UUID) -> QueueView:
    return _view(await queue_rows.get_queue(session, queue_id))


async def list_queues(session: AsyncSession, *, cursor: str | None, limit: int) -> Page[QueueView]:
    values = decode_cursor(cursor, (cursor_text, UUID)) if cursor else None
    after = (values[0], values[1]) if values else None
    rows = await queue_rows.list_queues_after(session, after, limit + 1)
    more = encode_cursor(rows[limit - 1].name, str(rows[limit - 1].id)) if len(rows) > limit else None
    return Page(items=[_view(queue) for queue in rows[:limit]], next_cursor=more)


async def list_members(session: AsyncSession, queue_id: UUID) -> Members:
    await queue_rows.get_queue(session, queue_id)
    return Members(agent_ids=(await queue_rows.list_member_ids(session, [queue_id]))[queue_id])


async def add_member(session: AsyncSession, act: Act, *, queue_id: UUID, agent_id: UUID) -> None:
    """Adding a member again changes nothing. Raises NotFound `queue_not_found`, `agent_not_found`."""
    await queue_rows.get_queue(session, queue_id)
    if not await agents.list_facts(session, [agent_id]):
        raise NotFound("agent_not_found", "There is no such agent.")
    if await queue_rows.add_member(session, queue_id, agent_id):
        await _announce(session, act, queue_id, "members")


async def remove_member(session: AsyncSession, act: Act, *, queue_id: UUID, agent_id: UUID) -> None:
    """Work the agent owns stays with them; nothing new comes from this queue."""
    await queue_rows.get_queue(session, queue_id)
    if await queue_rows.remove_member(session, queue_id, agent_id):
        await _announce(session, act, queue_id, "members")


async def change_members(session: AsyncSession, act: Act, *, queue_id: UUID, body: MembersChange) -> Members:
    """Both or none; who is there already, or is not, changes nothing. Raises InvalidInput `unknown_reference`."""
    await queue_rows.get_queue(session, queue_id)
    known = {profile.id for profile in await agents.list_facts(session, body.add)} if body.add else set()
    references.refuse_unknown(
        [
            (f"body.add.{place}", "there is no such agent")
            for place, agent_id in enumerate(body.add)
            if agent_id not in known
        ]
    )
    changed = await queue_rows.add_members(session, queue_id, set(body.add))
    changed += await queue_rows.remove_members(session, queue_id, body.remove)
    if changed:
        await _announce(session, act, queue_id, "members")
    return await list_members(session, queue_id)


async def _keep(
    session: AsyncSession, act: Act, queue: Queue, body: QueueBody, change: Literal["created", "updated"]
) -> QueueView:
    await session.flush()
    await versions.keep(session, queue, made_at=act.now, made_by=act.actor)
    await version_rows.replace_queue_skills(session, queue.id, references.skills_asked(body))
    await _announce(session, act, queue.id, change)
    return _view(queue)


async def _announce(
    session: AsyncSession, act: Act, queue_id: UUID, change: Literal["created", "updated", "members"]
) -> None:
    await publish(session, act, [QueueChanged(queue_id=queue_id, change=change)])


async def _check_name(session: AsyncSession, name: str, queue_id: UUID | None) -> None:
    same = await queue_rows.find_by_name(session, name)
    if same is not None and same.id != queue_id:
        raise Conflict("queue_name_taken", "Another queue has this name. Choose a different one.")


def fill(queue: Queue, body: QueueBody) -> None:
    """Raises InvalidInput for rings that contradict one another."""
    plain = body.model_dump(mode="json")
    for name, value in plain.items():
        setattr(queue, name, value)
    queue.team_id, queue.calendar_id = body.team_id, body.calendar_id
    get_policy(queue.policy)
    facts = queue_facts(queue)
    check_fading(facts.requirements, facts.fading)
    check_rings(facts)


def _view(queue: Queue) -> QueueView:
    return QueueView.model_validate({name: getattr(queue, name) for name in QueueView.model_fields})

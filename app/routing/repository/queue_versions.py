"""Statements on the versions of queues' settings and on the skills they ask for."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import NotFound
from app.routing.models import QueueSkill, QueueVersion, RoutingRulesSkill


async def add_version(session: AsyncSession, version: QueueVersion) -> None:
    """A version that is there already stays as it is."""
    columns = {column.key: getattr(version, column.key) for column in QueueVersion.__table__.columns}
    await session.execute(insert(QueueVersion).values(columns).on_conflict_do_nothing())


async def get_version(session: AsyncSession, queue_id: UUID, version: int) -> QueueVersion:
    found = await session.get(QueueVersion, (queue_id, version))
    if found is None:
        raise NotFound("queue_version_not_found", "This queue has no such version. List its versions and choose one.")
    return found


async def find_version(session: AsyncSession, queue_id: UUID, version: int) -> QueueVersion | None:
    return await session.get(QueueVersion, (queue_id, version))


async def list_versions(session: AsyncSession, queue_id: UUID, *, below: int, limit: int) -> Sequence[QueueVersion]:
    """Newest first."""
    found = select(QueueVersion).where(QueueVersion.queue_id == queue_id, QueueVersion.version < below)
    return (await session.scalars(found.order_by(QueueVersion.version.desc()).limit(limit))).all()


async def replace_queue_skills(session: AsyncSession, queue_id: UUID, skill_ids: Collection[UUID]) -> None:
    await session.execute(delete(QueueSkill).where(QueueSkill.queue_id == queue_id))
    if skill_ids:
        rows = [{"queue_id": queue_id, "skill_id": skill_id} for skill_id in sorted(skill_ids)]
        await session.execute(insert(QueueSkill).values(rows))


async def replace_rules_skills(session: AsyncSession, skill_ids: Collection[UUID]) -> None:
    await session.execute(delete(RoutingRulesSkill))
    if skill_ids:
        rows = [{"skill_id": skill_id} for skill_id in sorted(skill_ids)]
        await session.execute(insert(RoutingRulesSkill).values(rows))

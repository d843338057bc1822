"""Where a skill is in use: who has it, which queues and rules ask for it."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.agents import service as agents
from app.routing.models import Queue
from app.routing.planning.schemas import MAX_HOLDERS, QueueAsking, RuleAsking, SkillHolder, SkillUse
from app.routing.repository import queues as queue_rows
from app.routing.schemas import QueueName
from app.routing.service.rules import get_rules


async def get_skill_use(session: AsyncSession, skill_id: UUID) -> SkillUse:
    """Raises NotFound `skill_not_found`."""
    total, holders = await agents.list_holders(session, skill_id, limit=MAX_HOLDERS)
    queues = [_asking(queue, str(skill_id)) for queue in await queue_rows.list_queues(session)]
    rules = (await get_rules(session)).rules
    return SkillUse(
        agents_total=total,
        agents=[SkillHolder.model_validate(holder) for holder in holders],
        queues=[asking for asking in queues if asking.level is not None or asking.rings or asking.ranks],
        rules=[
            RuleAsking(number=number, name=rule.name, level=rule.effects.requirements.get(skill_id))
            for number, rule in enumerate(rules, start=1)
            if skill_id in (*rule.effects.requirements, *rule.effects.preferred)
        ],
    )


def _asking(queue: Queue, skill: str) -> QueueAsking:
    rings = [number for number, ring in enumerate(queue.rings, start=1) if skill in (ring.get("requirements") or {})]
    name = QueueName(id=queue.id, name=queue.name, names=queue.names)
    ranks = skill in queue.preferred or skill in queue.fading
    return QueueAsking(queue=name, level=queue.requirements.get(skill), rings=rings, ranks=ranks)

"""The routing rules: read, and replaced as a whole by a new version."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.agents import service as agents
from app.core.act import Act
from app.core.errors import PreconditionFailed
from app.events.routing import RoutingRulesChanged
from app.routing import rules as engine
from app.routing.models import RoutingRulesVersion
from app.routing.repository import queue_versions as version_rows
from app.routing.repository import queues as queue_rows
from app.routing.repository import rules as rule_rows
from app.routing.rule_schemas import RulesIn, RulesView, RuleWarning
from app.routing.rules import Rule
from app.routing.service.publish import publish
from app.routing.service.references import NO_SKILL, refuse_unknown

_NONE = RoutingRulesVersion(version=0, rules=[])


async def get_rules(session: AsyncSession) -> RulesView:
    return _view(await rule_rows.find_current(session) or _NONE)


async def put_rules(session: AsyncSession, act: Act, body: RulesIn, *, version: int | None) -> RulesView:
    """For all that comes to routing from now on; what waits already stays as it is.

    Raises InvalidInput `unknown_reference`, PreconditionFailed `routing_rules_changed`.
    """
    await check_references(session, body.rules)
    current = await rule_rows.find_current(session) or _NONE
    made = RoutingRulesVersion(
        id=act.new_id(),
        version=current.version + 1,
        rules=[rule.model_dump(mode="json") for rule in body.rules],
        made_at=act.now,
        made_by=act.actor,
    )
    stale = version is not None and version != current.version
    if stale or not await rule_rows.add_version(session, made):
        raise PreconditionFailed("routing_rules_changed", "Somebody changed the rules. Reload them and edit again.")
    asked = {skill for rule in body.rules for skill in (*rule.effects.requirements, *rule.effects.preferred)}
    await version_rows.replace_rules_skills(session, asked)
    await publish(session, act, [RoutingRulesChanged(version_id=made.id, number=made.version)])
    return _view(made)


async def check_references(session: AsyncSession, rules: Sequence[Rule]) -> None:
    """Raises InvalidInput `unknown_reference` with the path and the reason of each."""
    queue_ids = {rule.effects.queue_id for rule in rules if rule.effects.queue_id is not None}
    skill_ids = {skill for rule in rules for skill in (*rule.effects.requirements, *rule.effects.preferred)}
    found = await queue_rows.list_queues(session, queue_ids) if queue_ids else []
    queues = {queue.id for queue in found if not queue.synthetic}
    skills = await agents.list_known_skills(session, skill_ids) if skill_ids else set()
    refuse_unknown(
        [
            (f"body.rules.{place}.effects.{path}", message)
            for place, rule in enumerate(rules)
            for path, message in _unknown(rule, queues, skills)
        ]
    )


def _unknown(rule: Rule, queues: set[UUID], skills: set[UUID]) -> list[tuple[str, str]]:
    effects = rule.effects
    lost = [("queue_id", "there is no such queue")] if effects.queue_id not in queues | {None} else []
    lost += [(f"preferred.{place}", NO_SKILL) for place, skill in enumerate(effects.preferred) if skill not in skills]
    return lost + [(f"requirements.{skill}", NO_SKILL) for skill in effects.requirements if skill not in skills]


def warnings_of(rules: Sequence[Rule]) -> list[RuleWarning]:
    return [RuleWarning(code="unreachable", rule=rule, by=by) for rule, by in engine.unreachable(rules)]


def _view(version: RoutingRulesVersion) -> RulesView:
    rules = [Rule.model_validate(rule) for rule in version.rules]
    return RulesView(
        version=version.version,
        made_at=version.made_at,
        made_by=version.made_by,
        rules=rules,
        warnings=warnings_of(rules),
    )

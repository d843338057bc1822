"""On which terms an agent gets work: skills, units, limits by channel and queues, changed together or not at all."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.agents import service as agents
from app.core.act import Act
from app.core.errors import Conflict, Forbidden
from app.events.routing import QueueChanged
from app.routing.capacity import DEFAULT_CAPACITY_UNITS
from app.routing.planning.schemas import AgentTermsPatch, AgentTermsView
from app.routing.repository import live as live_rows
from app.routing.repository import queues as queue_rows
from app.routing.service.presences import check_visible
from app.routing.service.publish import publish
from app.routing.service.references import refuse_unknown

PROFILE_SCOPE = "agents:write"
PROFILE_MEMBERS = ("skills", "auto_accept")
"""The agent's own record has these; routing keeps the rest."""


async def get_terms(session: AsyncSession, agent_id: UUID) -> AgentTermsView:
    """Raises NotFound `agent_not_found`. Who never connected has the usual units."""
    agent = await agents.get_agent(session, agent_id)
    found = await live_rows.list_presences(session, [agent_id])
    ledger = found[0][1] if found else None
    return AgentTermsView(
        agent_id=agent_id,
        name=agent.name,
        skills=agent.skills,
        auto_accept=agent.auto_accept,
        capacity_units=ledger.capacity_units if ledger else DEFAULT_CAPACITY_UNITS,
        used_units=ledger.used_units if ledger else 0,
        channel_limits=ledger.channel_limits if ledger else {},
        queue_ids=sorted(await queue_rows.list_queue_ids_of(session, agent_id)),
        version=agent.version,
    )


async def change_terms(
    session: AsyncSession,
    act: Act,
    principal: Principal,
    *,
    agent_id: UUID,
    patch: AgentTermsPatch,
    version: int | None = None,
) -> AgentTermsView:
    """By whoever may see the agent; skills and `auto_accept` only with the scope agents:write.

    Raises NotFound `agent_not_found`, `skill_not_found`, Forbidden `scope_missing`, Conflict `capacity_in_use`,
    InvalidInput `unknown_reference`, PreconditionFailed `version_mismatch`.
    """
    await check_visible(session, principal, agent_id)
    fields = tuple(sorted(name for name in patch.model_fields_set if getattr(patch, name) is not None))
    refused = next((name for name in PROFILE_MEMBERS if name in fields), None)
    if refused and PROFILE_SCOPE not in principal.scopes:
        raise Forbidden("scope_missing", f"To change {refused} needs the scope {PROFILE_SCOPE}.", scope=PROFILE_SCOPE)
    levels = None if patch.skills is None else {level.skill_id: level.proficiency for level in patch.skills}
    await agents.change_terms(
        session,
        act,
        agent_id=agent_id,
        levels=levels,
        auto_accept=patch.auto_accept,
        fields=fields,
        if_match=None if version is None else agents.etag_of(version),
    )
    await _change_ledger(session, act, agent_id, patch)
    if patch.queue_ids is not None:
        await _change_queues(session, act, agent_id, patch.queue_ids)
    return await get_terms(session, agent_id)


async def _change_ledger(session: AsyncSession, act: Act, agent_id: UUID, patch: AgentTermsPatch) -> None:
    if patch.capacity_units is None and patch.channel_limits is None:
        return
    await live_rows.ensure_agents(session, [agent_id], act.now)
    ledger = (await live_rows.lock_ledgers(session, [agent_id]))[agent_id]
    if patch.capacity_units is not None:
        if patch.capacity_units < min(ledger.used_units, ledger.capacity_units):
            raise Conflict(
                "capacity_in_use",
                f"Work of {ledger.used_units} units is held just now. Give at least as many, or lower them later.",
                used_units=ledger.used_units,
            )
        ledger.capacity_units = patch.capacity_units
    if patch.channel_limits is not None:
        ledger.channel_limits = dict(patch.channel_limits)
    await session.flush()


async def _change_queues(session: AsyncSession, act: Act, agent_id: UUID, queue_ids: list[UUID]) -> None:
    known = {queue.id for queue in await queue_rows.list_queues(session, queue_ids)} if queue_ids else set()
    refuse_unknown(
        [
            (f"body.queue_ids.{place}", "there is no such queue")
            for place, queue_id in enumerate(queue_ids)
            if queue_id not in known
        ]
    )
    before = set(await queue_rows.list_queue_ids_of(session, agent_id))
    for queue_id in sorted(known - before):
        await queue_rows.add_member(session, queue_id, agent_id)
    for queue_id in sorted(before - known):
        await queue_rows.remove_member(session, queue_id, agent_id)
    changed = [QueueChanged(queue_id=queue_id, change="members") for queue_id in sorted(before ^ known)]
    if changed:
        await publish(session, act, changed)

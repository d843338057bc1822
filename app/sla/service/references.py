"""A policy may name only who and what is there to do what it asks."""

from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.agents import service as agents
from app.core.database import driver_connection
from app.core.errors import InvalidInput
from app.sla.policies import PolicyBody
from app.sla.references import Kind, Reference, named_by, rings_named_by

PATH = "body.body"
"""Where the policy lies in the request."""


async def check(session: AsyncSession, body: PolicyBody) -> None:
    """Raises InvalidInput `unknown_reference` with the path and the reason of each."""
    named = list(named_by(body))
    rings = await _count_rings(session, _ids(named, "queue"))
    problems = {
        "agent": await _agent_problems(session, _ids(named, "agent")),
        "team": await _team_problems(session, _ids(named, "team")),
        "queue": dict.fromkeys(_ids(named, "queue") - rings.keys(), "there is no such queue"),
    }
    errors = [
        {"path": f"{PATH}.{one.path}", "message": problems[one.kind][one.id]}
        for one in named
        if one.id in problems[one.kind]
    ]
    errors += _ring_errors(body, rings)
    if errors:
        first = errors[0]
        raise InvalidInput("unknown_reference", f"{first['path']}: {first['message']}.", errors=errors)


def _ids(named: Collection[Reference], kind: Kind) -> set[UUID]:
    return {one.id for one in named if one.kind == kind}


async def _agent_problems(session: AsyncSession, agent_ids: set[UUID]) -> dict[UUID, str]:
    profiles = {profile.id: profile for profile in await agents.list_facts(session, agent_ids)} if agent_ids else {}
    unknown = dict.fromkeys(agent_ids - profiles.keys(), "there is no such agent")
    return unknown | {each: "this agent is disabled" for each, profile in profiles.items() if profile.disabled}


async def _team_problems(session: AsyncSession, team_ids: set[UUID]) -> dict[UUID, str]:
    known = await agents.list_known_teams(session, team_ids) if team_ids else set()
    return dict.fromkeys(team_ids - known, "there is no such team")


async def _count_rings(session: AsyncSession, queue_ids: Collection[UUID]) -> dict[UUID, int]:
    """By queue. Queues belong to routing, which neither knows this package nor is known to it."""
    if not queue_ids:
        return {}
    connection = await driver_connection(session)
    rows = await connection.fetch(
        "SELECT id, jsonb_array_length(rings) AS rings FROM queue WHERE id = ANY($1::uuid[])", list(queue_ids)
    )
    return {row["id"]: row["rings"] for row in rows}


def _ring_errors(body: PolicyBody, rings: Mapping[UUID, int]) -> list[dict[str, str]]:
    """Where the policy says for which queues it is, each of them must have the ring."""
    least = min((rings[each] for each in body.conditions.queue_ids if each in rings), default=None)
    if least is None:
        return []
    return [
        {"path": f"{PATH}.{one.path}", "message": f"a queue of this policy has {least} rings"}
        for one in rings_named_by(body)
        if one.ring > least
    ]

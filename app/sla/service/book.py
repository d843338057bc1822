"""Policies and calendars as the deciding parts want them, and the shipped ones of a new installation."""

import json
from collections.abc import Collection
from functools import lru_cache
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.act import Act
from app.core.database import driver_connection
from app.sla import defaults
from app.sla.following import NO_POLICY
from app.sla.policies import Book, PolicyBody, PolicyVersion, in_order

INSTALLING = 0x736C61
"""Advisory lock: two processes of a new installation must not both ship the defaults."""

_VERSIONS = """
SELECT v.id, v.policy_id, p.name, v.version, v.body::text AS body,
       (v.version = p.version AND p.retired_at IS NULL) AS is_current
FROM sla_policy_version v JOIN sla_policy p ON p.id = v.policy_id
WHERE (v.version = p.version AND p.retired_at IS NULL) OR v.id = ANY($1::uuid[])
"""


async def load(session: AsyncSession, act: Act, *, kept: Collection[UUID] = ()) -> Book:
    """The policies in force, the versions in `kept`, all calendars. Ships the defaults where there is no policy."""
    connection = await driver_connection(session)
    rows = await connection.fetch(_VERSIONS, list(kept))
    if not rows:
        await install_defaults(session, act)
        rows = await connection.fetch(_VERSIONS, list(kept))
    versions = [
        PolicyVersion(row["id"], row["policy_id"], row["name"], row["version"], body_of(row["body"])) for row in rows
    ]
    current = [version for version, row in zip(versions, rows, strict=True) if row["is_current"]]
    calendars: dict[UUID, tuple[tuple[object, str], ...]] = {}
    for row in await connection.fetch(
        "SELECT calendar_id, effective_at, spec::text AS spec FROM business_calendar_version"
        " ORDER BY calendar_id, version"
    ):
        calendars[row["calendar_id"]] = (*calendars.get(row["calendar_id"], ()), (row["effective_at"], row["spec"]))
    return Book(in_order(current), {version.id: version for version in versions}, calendars)  # type: ignore[arg-type]


async def install_defaults(session: AsyncSession, act: Act) -> None:
    """Once: on an installation that has or had policies of its own, nothing is added."""
    connection = await driver_connection(session)
    await connection.execute("SELECT pg_advisory_xact_lock($1)", INSTALLING)
    if await connection.fetchval("SELECT EXISTS (SELECT FROM sla_policy)"):
        return
    for name, spec in defaults.CALENDARS:
        calendar_id = act.new_id()
        await connection.execute(
            "INSERT INTO business_calendar (id, name, version, created_at) VALUES ($1, $2, 1, $3)",
            calendar_id,
            name,
            act.now,
        )
        await connection.execute(
            "INSERT INTO business_calendar_version (calendar_id, version, effective_at, spec, made_by)"
            " VALUES ($1, 1, $2, $3::text::jsonb, 'shipped')",
            calendar_id,
            act.now,
            spec.model_dump_json(),
        )
    for name, body in defaults.POLICIES:
        await _add_policy(session, act, name, body)


async def _add_policy(session: AsyncSession, act: Act, name: str, body: PolicyBody) -> None:
    connection = await driver_connection(session)
    policy_id = act.new_id()
    await connection.execute(
        "INSERT INTO sla_policy (id, name, version, created_at) VALUES ($1, $2, 1, $3)", policy_id, name, act.now
    )
    await connection.execute(
        "INSERT INTO sla_policy_version (id, policy_id, version, body, made_at, made_by)"
        " VALUES ($1, $2, 1, $3::text::jsonb, $4, 'shipped')",
        act.new_id(),
        policy_id,
        body.model_dump_json(),
        act.now,
    )


@lru_cache(maxsize=1_000)
def body_of(text: str | None) -> PolicyBody:
    """Of a version as stored; None: of a promise that no policy speaks of."""
    if text is None:
        return NO_POLICY.body
    return PolicyBody.model_validate(json.loads(text))

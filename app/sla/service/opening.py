"""Which calendars are open: what a queue asks of its hours."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import driver_connection
from app.sla.calendar_spec import working_time

MOMENT = timedelta(microseconds=1)
_HISTORIES = """
SELECT calendar_id, effective_at, spec::text AS spec FROM business_calendar_version
WHERE calendar_id = ANY ($1::uuid[]) ORDER BY calendar_id, version
"""


async def list_open(session: AsyncSession, calendar_ids: Collection[UUID], at: datetime) -> set[UUID]:
    """Those of these calendars that are open at the instant, by the version in force then."""
    histories: dict[UUID, tuple[tuple[datetime, str], ...]] = {}
    for row in await (await driver_connection(session)).fetch(_HISTORIES, list(calendar_ids)):
        earlier = histories.get(row["calendar_id"], ())
        histories[row["calendar_id"]] = (*earlier, (row["effective_at"], row["spec"]))
    return {
        calendar_id for calendar_id, history in histories.items() if any(working_time(history).spans(at, at + MOMENT))
    }

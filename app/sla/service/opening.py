"""When calendars are open: what a queue asks of its hours."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.database import driver_connection
from app.sla.business_hours import WorkingTime
from app.sla.calendar_spec import CalendarHistory, working_time

MOMENT = timedelta(microseconds=1)
_HISTORIES = """
SELECT calendar.id, calendar.name, calendar.version, history.effective_at, history.spec::text AS spec
FROM business_calendar AS calendar JOIN business_calendar_version AS history ON history.calendar_id = calendar.id
WHERE calendar.id = ANY ($1::uuid[]) ORDER BY calendar.id, history.version
"""


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """A calendar through all its versions; `version` is the newest."""

    name: str
    version: int
    time: WorkingTime

    def add(self, start: datetime, amount: timedelta) -> datetime | None:
        """The earliest instant by which it was open so long since `start`; None: not within fifty years."""
        return self.time.add(start, amount)

    def is_open(self, at: datetime) -> bool:
        return any(self.time.spans(at, at + MOMENT))


async def load_hours(session: AsyncSession, calendar_ids: Collection[UUID]) -> dict[UUID, OpeningHours]:
    """By calendar; one that does not exist is left out."""
    rows = await (await driver_connection(session)).fetch(_HISTORIES, list(calendar_ids))
    histories: dict[UUID, CalendarHistory] = {}
    for row in rows:
        histories[row["id"]] = (*histories.get(row["id"], ()), (row["effective_at"], row["spec"]))
    return {row["id"]: OpeningHours(row["name"], row["version"], working_time(histories[row["id"]])) for row in rows}

"""The days of a stored or an unsaved calendar, and the countries whose holidays are known."""

from datetime import date
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import InvalidInput, NotFound
from app.sla import calendar_data
from app.sla.calendar_days import CalendarDays, list_days
from app.sla.calendar_spec import CalendarSpec
from app.sla.models import BusinessCalendar, BusinessCalendarVersion
from app.sla.schemas import Country


async def list_calendar_days(session: AsyncSession, *, calendar_id: UUID, first: date, last: date) -> CalendarDays:
    """By the calendar's present version. Raises NotFound `calendar_not_found`, InvalidInput `days_out_of_range`."""
    calendar = await session.get(BusinessCalendar, calendar_id)
    if calendar is None:
        raise NotFound("calendar_not_found", "There is no such calendar.")
    version = await session.get_one(BusinessCalendarVersion, (calendar_id, calendar.version))
    return preview_days(CalendarSpec.model_validate(version.spec), first, last)


def preview_days(spec: CalendarSpec, first: date, last: date) -> CalendarDays:
    """Raises InvalidInput `days_out_of_range`."""
    try:
        return list_days(spec, first, last)
    except ValueError as error:
        raise InvalidInput("days_out_of_range", f"{error}.".capitalize()) from error


def list_countries() -> list[Country]:
    """By code."""
    return [Country(code=code, regions=regions) for code, regions in sorted(calendar_data.countries().items())]

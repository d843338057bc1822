"""Public holidays and make-up working days of a country, as data: which dates close and which weekends open."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import holidays
from chinese_calendar import constants as china

YEARS_REMEMBERED = 2_000
"""Tables kept in memory, one per country, region and year."""


@dataclass(frozen=True, slots=True)
class CountryYear:
    """`known` is false when nobody has published that year yet: both tables are empty and the weekdays rule."""

    known: bool
    closed: Mapping[date, str]
    """Date to the holiday's name."""
    working: frozenset[date]
    """Days off of the ordinary week on which the country works all the same (China: 调休)."""


UNKNOWN_YEAR = CountryYear(known=False, closed={}, working=frozenset())
CHINA_YEARS = frozenset(day.year for day in china.holidays)


class UnknownCountryError(ValueError):
    """The library knows no such country, or no such region of it."""


def countries() -> Mapping[str, list[str]]:
    """ISO 3166 code to its regions."""
    return holidays.list_supported_countries(include_aliases=False)


def require_country(country: str) -> None:
    """Raises UnknownCountryError with the sentence to show."""
    if country not in holidays.list_supported_countries(include_aliases=False):
        raise UnknownCountryError(f"{country!r} is no country with known holidays; give an ISO 3166 code such as CN")


def require_region(country: str | None, region: str) -> None:
    """Raises UnknownCountryError with the sentence to show."""
    regions = holidays.list_supported_countries(include_aliases=False).get(country or "", [])
    if region not in regions:
        known = ", ".join(regions) or "none"
        raise UnknownCountryError(f"{country or 'no country'} has no region {region!r}; its regions are: {known}")


@lru_cache(maxsize=YEARS_REMEMBERED)
def country_year(country: str, region: str | None, year: int) -> CountryYear:
    """The dates of one year. Needs a country and a region that the functions above let pass."""
    if country == "CN":
        return _china(year)
    table = holidays.country_holidays(country, subdiv=region, years=year, expand=False)
    if not table.start_year <= year <= table.end_year:
        return UNKNOWN_YEAR
    working = getattr(table, "weekend_workdays", None) or ()
    closed = {day: name for day, name in table.items() if day.year == year}
    return CountryYear(known=True, closed=closed, working=frozenset(day for day in working if day.year == year))


def _china(year: int) -> CountryYear:
    # The State Council announces each year's exchange of days in the autumn before; computed calendars guess it wrong.
    if year not in CHINA_YEARS:
        return UNKNOWN_YEAR
    return CountryYear(
        known=True,
        closed={day: name for day, name in china.holidays.items() if day.year == year},
        working=frozenset(day for day in china.workdays if day.year == year),
    )

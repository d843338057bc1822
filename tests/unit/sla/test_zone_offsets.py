from datetime import timedelta
from itertools import pairwise

import pytest

from app.sla.calendars import require_zone
from app.sla.zone_offsets import offset_at, offset_periods, year_start
from tests.unit.sla.calendars_at_hand import ZONES, at


@pytest.mark.parametrize("zone", [*ZONES, "Africa/Casablanca", "America/Caracas", "Asia/Pyongyang", "Pacific/Apia"])
def test_offsets_change_exactly_where_the_zone_says(zone: str) -> None:
    known, second = require_zone(zone), timedelta(seconds=1)
    for year in (1883, 1945, 2007, 2011, 2016, 2018, 2026):
        periods = list(offset_periods(known, year_start(year), year_start(year + 1)))
        assert periods[0][0] == year_start(year)
        assert periods[-1][1] == year_start(year + 1)
        for earlier, later in pairwise(periods):
            assert earlier[1] == later[0]
            assert offset_at(known, later[0] - second) == earlier[2] != later[2] == offset_at(known, later[0])


@pytest.mark.parametrize("offset_seconds", range(1, 8))
def test_the_second_a_search_begins_at_does_not_matter(offset_seconds: int) -> None:
    begin = year_start(2026) + timedelta(seconds=offset_seconds)
    periods = offset_periods(require_zone("America/New_York"), begin, year_start(2027))
    assert [(start, offset / timedelta(hours=1)) for start, _, offset in periods] == [
        (begin, -5),
        (at("2026-03-08T07:00:00+00:00"), -4),
        (at("2026-11-01T06:00:00+00:00"), -5),
    ]

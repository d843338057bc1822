"""UUIDv7 ids."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from app.core.ids import new_id

INSTANTS = st.integers(min_value=0, max_value=7_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(INSTANTS)
def test_an_id_says_its_version_and_its_millisecond(now: datetime) -> None:
    made = new_id(now)
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert made.int >> 80 == (now - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)


@given(INSTANTS, st.integers(min_value=1, max_value=10**9))
def test_a_later_id_sorts_after_an_earlier_one(now: datetime, later_by_ms: int) -> None:
    assert new_id(now) < new_id(now + timedelta(milliseconds=later_by_ms))


def test_ids_of_one_instant_differ() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert len({new_id(now) for _ in range(10_000)}) == 10_000

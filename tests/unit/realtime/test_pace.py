"""A peer may burst, then only as fast as the bucket refills."""

from app.realtime.pace import Pace


def test_a_burst_is_allowed_and_then_the_steady_rate() -> None:
    pace = Pace(a_second=2, at_once=3)
    assert [pace.allows(10.0) for _ in range(5)] == [True, True, True, False, False]
    assert [pace.allows(10.5), pace.allows(10.5)] == [True, False]
    assert [pace.allows(1000.0) for _ in range(4)] == [True, True, True, False]

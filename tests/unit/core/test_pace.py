"""How soon one look at the log may follow another."""

import pytest

from app.core.pace import Pace

EVERY_SECONDS, AT_ONCE = 0.02, 5


def test_a_few_looks_follow_one_another_at_once() -> None:
    pace = Pace(EVERY_SECONDS, at_once=AT_ONCE)
    assert [pace.rest_seconds(100.0) for _ in range(AT_ONCE)] == [0.0] * AT_ONCE
    assert pace.rest_seconds(100.0) == pytest.approx(EVERY_SECONDS)


def test_under_steady_traffic_looks_keep_their_distance() -> None:
    pace, at, taken = Pace(EVERY_SECONDS, at_once=AT_ONCE), 100.0, 0
    while at < 110.0:
        at += pace.rest_seconds(at) + 0.0001
        taken += 1
    assert taken == pytest.approx(10 / EVERY_SECONDS, rel=0.05)


def test_after_a_quiet_spell_nobody_waits() -> None:
    pace = Pace(EVERY_SECONDS, at_once=AT_ONCE)
    while not pace.rest_seconds(100.0):
        pass
    assert pace.rest_seconds(100.0 + (AT_ONCE + 3) * EVERY_SECONDS) == 0.0

"""A burst, then only as fast as the bucket refills; asked before, or told how long to rest after."""

import pytest

from app.core.token_bucket import TokenBucket

A_SECOND, AT_ONCE = 50.0, 5


def looks() -> TokenBucket:
    return TokenBucket(a_second=A_SECOND, at_once=AT_ONCE)


def test_a_burst_is_allowed_and_then_the_steady_rate() -> None:
    frames = TokenBucket(a_second=2, at_once=3)
    assert [frames.allows(10.0) for _ in range(5)] == [True, True, True, False, False]
    assert [frames.allows(10.5), frames.allows(10.5)] == [True, False]
    assert [frames.allows(1000.0) for _ in range(4)] == [True, True, True, False]


def test_a_few_looks_follow_one_another_at_once() -> None:
    bucket = looks()
    assert [bucket.rest_seconds(100.0) for _ in range(AT_ONCE)] == [0.0] * AT_ONCE
    assert bucket.rest_seconds(100.0) == pytest.approx(1 / A_SECOND)


def test_under_steady_traffic_looks_keep_their_distance() -> None:
    bucket, at, taken = looks(), 100.0, 0
    while at < 110.0:
        at += bucket.rest_seconds(at) + 0.0001
        taken += 1
    assert taken == pytest.approx(10 * A_SECOND, rel=0.05)


def test_after_a_quiet_spell_nobody_rests() -> None:
    bucket = looks()
    while not bucket.rest_seconds(100.0):
        pass
    assert bucket.rest_seconds(100.0 + (AT_ONCE + 3) / A_SECOND) == 0.0

"""How soon one idle look may follow another."""

import pytest

from app.routing.router_pace import AT_ONCE, EVERY_SECONDS, IdleLooks


def test_a_few_idle_looks_follow_one_another_at_once() -> None:
    looks = IdleLooks()
    assert [looks.rest_seconds(100.0) for _ in range(AT_ONCE)] == [0.0] * AT_ONCE


def test_under_steady_traffic_idle_looks_keep_their_distance() -> None:
    looks, at, taken = IdleLooks(), 100.0, 0
    while at < 110.0:
        at += looks.rest_seconds(at) + 0.0001
        taken += 1
    assert taken == pytest.approx(10 / EVERY_SECONDS, rel=0.05)


def test_after_a_quiet_spell_nobody_waits() -> None:
    looks = IdleLooks()
    while not looks.rest_seconds(100.0):
        pass
    assert looks.rest_seconds(100.0 + (AT_ONCE + 3) * EVERY_SECONDS) == 0.0

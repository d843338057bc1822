"""Presence: who is routable, what is remembered, what silence brings."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.events.routing import Penalty, Readiness, SessionState
from app.routing import presence
from app.routing.presence import Presence

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
READY = Presence(session="connected", readiness="ready")
PRESENCES = st.builds(
    Presence,
    session=st.sampled_from(get_args(SessionState)),
    readiness=st.sampled_from(get_args(Readiness)),
    reason=st.sampled_from(["", "lunch"]),
    pending_reason=st.sampled_from([None, "lunch"]),
    penalty=st.sampled_from(get_args(Penalty)),
)


def test_only_connected_ready_and_unpunished_agents_are_routable() -> None:
    assert READY.is_routable
    assert not replace(READY, session="suspect").is_routable
    assert not replace(READY, readiness="not_ready").is_routable
    assert not replace(READY, penalty="not_responding").is_routable
    assert not replace(READY, pending_reason="lunch").is_routable
    assert not Presence().is_routable


@given(PRESENCES, st.booleans())
def test_asking_to_stop_always_stops_new_work_and_ready_takes_it_back(before: Presence, has_work: bool) -> None:
    asked = presence.not_ready(before, "lunch", has_work=has_work)
    assert not asked.is_routable
    assert (asked.session, asked.penalty) == (before.session, before.penalty)
    done = presence.after_work(asked)
    assert (done.readiness, done.reason, done.pending_reason) == ("not_ready", "lunch", None)
    again = presence.ready(done)
    assert (again.readiness, again.reason, again.pending_reason) == ("ready", "", None)


def test_a_wish_to_stop_applies_at_once_without_work() -> None:
    assert presence.not_ready(READY, "lunch", has_work=False).readiness == "not_ready"
    assert presence.not_ready(READY, "lunch", has_work=True).readiness == "ready"


@given(PRESENCES)
def test_coming_back_changes_neither_readiness_nor_penalty(before: Presence) -> None:
    back = presence.connected(before)
    assert back == replace(before, session="connected")
    assert presence.after_work(before) == before or before.pending_reason is not None


def test_only_clearing_ends_a_penalty() -> None:
    punished = presence.penalised(READY)
    assert not presence.ready(presence.connected(punished)).is_routable
    assert presence.cleared(punished) == READY


def test_a_call_counts_at_the_first_miss_and_digital_work_at_the_second() -> None:
    assert presence.is_penalised_by(1, whole_agent_channel=True)
    assert not presence.is_penalised_by(1, whole_agent_channel=False)
    assert presence.is_penalised_by(2, whole_agent_channel=False)


@pytest.mark.parametrize(
    ("session", "silent_seconds", "found"),
    [
        ("connected", 29.9, "wait"),
        ("connected", 30, "suspect"),
        ("connected", 600, "suspect"),
        ("suspect", 59.9, "wait"),
        ("suspect", 60, "gone"),
        ("gone", 180, "requeue"),
    ],
)
def test_silence(session: SessionState, silent_seconds: float, found: str) -> None:
    assert presence.check(session, NOW - timedelta(seconds=silent_seconds), NOW) == found


@pytest.mark.parametrize(("session", "seconds"), [("connected", 30), ("suspect", 60), ("gone", 180)])
def test_the_next_check_is_when_silence_would_change_something(session: SessionState, seconds: int) -> None:
    at = presence.next_check_at(session, NOW)
    assert at == NOW + timedelta(seconds=seconds)
    assert presence.check(session, NOW, at) != "wait"


def test_a_closed_socket_leaves_another_tab_the_time_for_its_next_beat() -> None:
    left = presence.SUSPECT_AFTER_SECONDS - presence.CLOSED_SOCKET_SECONDS
    assert presence.HEARTBEAT_SECONDS < left < presence.SUSPECT_AFTER_SECONDS

"""Answers to offers, timers of queued work, languages, stored traces: the small rules around the engine."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Conflict
from app.routing import languages, traces
from app.routing.capacity import ledger_of
from app.routing.decisions import Candidate, Removed, Trace
from app.routing.offer_rules import OfferFacts, check_open, check_quoted, unmet
from app.routing.timers import QUIET_SECONDS, next_timer_at

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
AGENT, OTHER = UUID(int=1), UUID(int=2)


def offer(state: str = "pending") -> OfferFacts:
    return OfferFacts(state, AGENT, "token", NOW)


@pytest.mark.parametrize(
    ("agent_id", "token", "code"),
    [(OTHER, "token", "offer_taken"), (AGENT, "guess", "stale_token"), (AGENT, "令牌", "stale_token")],
)
def test_whoever_quotes_another_offer_is_refused(agent_id: UUID, token: str, code: str) -> None:
    with pytest.raises(Conflict) as refused:
        check_quoted(offer(), agent_id=agent_id, token=token)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("expired", "offer_expired"),
        ("withdrawn", "offer_withdrawn"),
        ("declined", "offer_declined"),
        ("accepted", "offer_accepted"),
    ],
)
def test_an_ended_offer_says_how_it_ended(state: str, code: str) -> None:
    with pytest.raises(Conflict) as refused:
        check_open(offer(state), NOW - timedelta(seconds=1))
    assert refused.value.code == code


def test_the_deadline_itself_is_late_and_a_moment_before_is_not() -> None:
    check_quoted(offer(), agent_id=AGENT, token="token")
    check_open(offer(), NOW - timedelta(microseconds=1))
    with pytest.raises(Conflict) as late:
        check_open(offer(), NOW)
    assert late.value.code == "offer_expired"


def test_the_first_unmet_requirement_is_named() -> None:
    assert unmet({"a": 3, "b": 1}, {"a": 3, "b": 1}) is None
    assert unmet({"a": 3, "b": 1}, {"a": 2}) == "a"


SECONDS = st.integers(-10_000, 10_000)


@given(SECONDS, st.lists(SECONDS, max_size=5), st.none() | SECONDS, st.lists(SECONDS, max_size=3))
def test_queued_work_always_has_a_timer_ahead_and_never_later_than_the_next_change(
    due: int, rings: list[int], sticky: int | None, cool_downs: list[int]
) -> None:
    at = next_timer_at(
        NOW,
        ready_at=NOW,
        due_at=NOW + timedelta(seconds=due),
        sticky_until=None if sticky is None else NOW + timedelta(seconds=sticky),
        cool_downs={str(n): (NOW + timedelta(seconds=until)).isoformat() for n, until in enumerate(cool_downs)},
        rings_after_seconds=rings,
    )
    ahead = [seconds for seconds in (due, *rings, *([] if sticky is None else [sticky]), *cool_downs) if seconds > 0]
    assert at > NOW
    assert at <= NOW + timedelta(seconds=min(ahead, default=QUIET_SECONDS))


def test_a_language_is_a_requirement_only_where_somebody_speaks_it() -> None:
    assert languages.requirement("zh-CN", [["en"], ["en", "zh-Hant"]]) == {"language:zh": 1}
    assert languages.requirement("fr", [["en"]]) == {}
    assert languages.skills(["EN_gb", "zh"]) == {"language:en": 1, "language:zh": 1}
    assert languages.split({"language:zh": 1, "skill": 5}) == ({"skill": 5}, ("language:zh", 1))
    assert languages.split({}) == ({}, None)


def test_a_stored_trace_is_plain_json_named_by_rule() -> None:
    trace = Trace(
        queue_id=OTHER,
        policy="default",
        policy_version=3,
        ring=0,
        asked_alone=False,
        rules=("sticky", "load", "stable_hash"),
        eligible=2,
        candidates=(Candidate(AGENT, (0, (0, 0.25), 2**60)), Candidate(OTHER, (0, (0, 0.5), 1))),
        removed=Removed(0, 0, 4, 0, 0, 0),
        ledger_before=ledger_of([("chat", 25)]),
    )
    stored = json.loads(json.dumps(traces.document(trace)))
    assert stored["decided_by"] == "load"
    assert stored["removed"] == {"not_routable": 4}
    assert stored["candidates"][0]["rank"] == {"sticky": 0, "load": [0, 0.25], "stable_hash": str(2**60)}
    assert (stored["ledger_before"]["used_units"], stored["ledger_after"]) == (25, None)

"""What an answer means: for the delivery its next try, for the endpoint its health."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.webhooks.attempts import (
    BREAKER_FAILURES,
    FAILING_MAX,
    JITTER,
    PROBE_SECONDS,
    RETRY_AFTER_MAX_SECONDS,
    SCHEDULE_SECONDS,
    Answer,
    Attempt,
    Health,
    Step,
    answer_of,
    health_after,
    step_after,
)

AT = datetime(2026, 11, 22, 10, tzinfo=UTC)
REFUSED = Answer(500, "http_500")
ids = st.uuids(version=4)


def attempt(answer: Answer, *, tries: int = 0, at: datetime = AT, delivery_id: UUID = UUID(int=0)) -> Attempt:
    return Attempt(delivery_id, tries, at, answer)


@pytest.mark.parametrize(
    ("status", "error"),
    [(200, ""), (204, ""), (299, ""), (301, "redirected"), (308, "redirected"), (304, "redirected")]
    + [(status, f"http_{status}") for status in (100, 199, 400, 404, 410, 429, 500, 503)],
)
def test_only_2xx_is_success(status: int, error: str) -> None:
    assert answer_of(status, None) == Answer(status, error)


def test_the_schedule_is_ten_tries_over_about_three_days() -> None:
    assert len(SCHEDULE_SECONDS) == 10
    assert timedelta(seconds=sum(SCHEDULE_SECONDS)) == timedelta(hours=75, minutes=35, seconds=5)


@given(delivery_id=ids, tries=st.integers(0, len(SCHEDULE_SECONDS) - 2))
def test_a_failure_waits_for_its_step_and_at_most_a_fifth_more(delivery_id: UUID, tries: int) -> None:
    step = step_after(attempt(REFUSED, tries=tries, delivery_id=delivery_id))
    assert step.state == "pending"
    assert step.next_try_at is not None
    pause, least = (step.next_try_at - AT).total_seconds(), SCHEDULE_SECONDS[tries + 1]
    assert least <= pause <= least * (1 + JITTER)


def test_success_ends_it_and_so_does_the_last_failure() -> None:
    assert step_after(attempt(Answer(200), tries=3)) == Step("delivered", None)
    assert step_after(attempt(REFUSED, tries=len(SCHEDULE_SECONDS) - 1)) == Step("dead", None)


@pytest.mark.parametrize(("asked", "waits"), [(60, 60), (2, 5), (-5, 5), (10**12, RETRY_AFTER_MAX_SECONDS)])
def test_retry_after_makes_a_pause_longer_up_to_a_day_and_never_shorter(asked: float, waits: float) -> None:
    step = step_after(attempt(Answer(500, "http_500", asked)))
    assert step.next_try_at == AT + timedelta(seconds=waits)


def test_success_forgets_all_failures() -> None:
    assert health_after(Health(9, AT, AT), [attempt(Answer(204))]) == Health()


def test_ten_failures_in_a_row_open_the_breaker_for_a_minute_at_a_time() -> None:
    nine = health_after(Health(), [attempt(REFUSED)] * (BREAKER_FAILURES - 1))
    assert (nine.is_broken, nine.wait_until) == (False, None)
    ten = nine.after(attempt(REFUSED))
    assert (ten.is_broken, ten.wait_until) == (True, AT + timedelta(seconds=PROBE_SECONDS))
    later = AT + timedelta(hours=1)
    assert ten.after(attempt(REFUSED, at=later)).wait_until == later + timedelta(seconds=PROBE_SECONDS)


@pytest.mark.parametrize(("status", "pauses"), [(429, True), (503, True), (500, False)])
def test_too_many_and_unavailable_speak_for_the_whole_endpoint(status: int, pauses: bool) -> None:
    health = Health().after(attempt(Answer(status, f"http_{status}", 90.0)))
    assert health.wait_until == (AT + timedelta(seconds=90) if pauses else None)


def test_gone_disables_at_once_and_failing_only_after_five_days() -> None:
    gone = Health().after(attempt(Answer(410, "http_410")))
    assert gone.disabled_reason(AT) == "gone"
    failing = Health().after(attempt(REFUSED))
    assert failing.failing_since == AT
    assert failing.disabled_reason(AT + FAILING_MAX - timedelta(seconds=1)) is None
    assert failing.disabled_reason(AT + FAILING_MAX) == "failing"
    assert Health().disabled_reason(AT) is None


@given(st.lists(st.booleans(), max_size=60))
def test_failures_are_those_since_the_last_success(outcomes: list[bool]) -> None:
    attempts = [attempt(Answer(204) if good else REFUSED, delivery_id=uuid4()) for good in outcomes]
    expected = next((n for n, good in enumerate(reversed(outcomes)) if good), len(outcomes))
    assert health_after(Health(), attempts).failures == expected

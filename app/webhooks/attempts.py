"""What follows from the answer to one attempt: for the delivery its next try, for the endpoint its health."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

State = Literal["pending", "delivered", "dead"]

SCHEDULE_SECONDS = (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Before each try, counted from the one before; as Standard Webhooks suggests. Then the delivery is dead."""
JITTER = 0.2
"""Up to so much of the pause is added: who failed together does not come back together."""
RETRY_AFTER_MAX_SECONDS = 86_400.0
GONE = 410
PUTTING_OFF = frozenset({429, 503})
"""With Retry-After they speak for the whole endpoint."""
BREAKER_FAILURES = 10
PROBE_SECONDS = 60
FAILING_MAX = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` is null when none came. `error` is a code, "" for success."""

    status: int | None
    error: str = ""
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """`tries`: made before this one."""

    delivery_id: UUID
    tries: int
    at: datetime
    answer: Answer


def answer_of(status: int, retry_after_seconds: float | None) -> Answer:
    """2xx only is success; redirects are failures, because nobody checked where they lead."""
    if 200 <= status < 300:
        return Answer(status)
    return Answer(status, "redirected" if 300 <= status < 400 else f"http_{status}", retry_after_seconds)


@dataclass(frozen=True, slots=True)
class Step:
    """Where a delivery goes on from an attempt. `next_try_at` is null once it needs none."""

    state: State
    next_try_at: datetime | None


def step_after(attempt: Attempt) -> Step:
    if not attempt.answer.error:
        return Step("delivered", None)
    tries = attempt.tries + 1
    if tries >= len(SCHEDULE_SECONDS):
        return Step("dead", None)
    seconds = SCHEDULE_SECONDS[tries] * (1 + JITTER * _fraction(attempt.delivery_id))
    return Step("pending", attempt.at + timedelta(seconds=max(seconds, _asked_seconds(attempt.answer))))


@dataclass(frozen=True, slots=True)
class Health:
    """Of an endpoint. `failures`: in a row; `wait_until`: nothing is sent to it before, and no try is used up."""

    failures: int = 0
    failing_since: datetime | None = None
    wait_until: datetime | None = None
    gone: bool = False

    @property
    def is_broken(self) -> bool:
        """The breaker is open: one delivery a minute finds out whether it answers again."""
        return self.failures >= BREAKER_FAILURES

    @property
    def pauses(self) -> bool:
        return self.gone or self.wait_until is not None

    def after(self, attempt: Attempt) -> "Health":
        answer, at = attempt.answer, attempt.at
        if not answer.error:
            return Health()
        failed = replace(self, failures=self.failures + 1, failing_since=self.failing_since or at)
        waits: list[float] = [PROBE_SECONDS] if failed.is_broken else []
        if answer.status in PUTTING_OFF and answer.retry_after_seconds is not None:
            waits.append(_asked_seconds(answer))
        wait_until = at + timedelta(seconds=max(waits)) if waits else self.wait_until
        return replace(failed, wait_until=wait_until, gone=answer.status == GONE)

    def disabled_reason(self, at: datetime) -> Literal["gone", "failing"] | None:
        if self.gone:
            return "gone"
        is_over = self.failing_since is not None and at - self.failing_since >= FAILING_MAX
        return "failing" if is_over else None


def health_after(health: Health, attempts: Sequence[Attempt]) -> Health:
    for attempt in attempts:
        health = health.after(attempt)
    return health


def _asked_seconds(answer: Answer) -> float:
    return min(max(answer.retry_after_seconds or 0.0, 0.0), RETRY_AFTER_MAX_SECONDS)


def _fraction(delivery_id: UUID) -> float:
    """In [0, 1), the same for each try of a delivery: ids end with random bits."""
    return delivery_id.int % 1_000 / 1_000

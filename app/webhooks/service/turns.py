"""An endpoint's turn: some of its deliveries are sent, some at a time, and what came of them is recorded at once."""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy.ext.asyncio import AsyncSession

from app import __version__
from app.core import event_log
from app.core.act import Act
from app.core.database import Database
from app.core.due_rows import announce
from app.core.metrics import at_nought
from app.events.webhooks import DisabledReason, WebhookEndpointDisabled
from app.webhooks import repository
from app.webhooks.attempts import BREAKER_FAILURES, Attempt, Health, health_after, step_after
from app.webhooks.delivery_client import DeliveryClient
from app.webhooks.models import WebhookEndpoint
from app.webhooks.repository import Due, Target
from app.webhooks.schemas import ENDPOINTS_MAX
from app.webhooks.signing import secret_of, signature_header

BACKLOG_MAX = 100_000
"""Deliveries that may wait for an endpoint that fails; a replay from the log does for the rest."""
MEASURED_UP_TO = 10_000
TURN_LIMIT = 100
SENT_AT_ONCE = 10
BEGIN_SECONDS = 5
"""No request begins later in a turn, so that a turn of slow ones ends within its lease."""
TICK = timedelta(microseconds=1)

log = structlog.get_logger(__name__)
breakers_total = Counter("switchboard_webhook_breakers_opened_total", "Times an endpoint was left alone for failing")
disabled_total = Counter("switchboard_webhook_endpoints_disabled_total", "Endpoints switched off by us", ["reason"])
at_nought(disabled_total, ("gone", "failing", "backlog"))
pending_gauge = Gauge("switchboard_webhook_pending_deliveries", "Deliveries that wait, up to 10,000 an endpoint")
broken_gauge = Gauge("switchboard_webhook_broken_endpoints", "Endpoints that are left alone at present for failing")
attempts_total = Counter("switchboard_webhook_attempts_total", "Webhook attempts by what became of them", ["state"])


async def take_turn(
    database: Database, act: Act, endpoint_id: UUID, *, client: DeliveryClient, secret_key: str
) -> list[Attempt]:
    """Send what is due, until there is no more, the time is over, or the endpoint should be left alone for a while."""
    async with database.autocommit() as session:
        target = await repository.find_target(session, endpoint_id, now=act.now)
        if target is None:
            return []
        limit = 1 if target.health.is_broken else TURN_LIMIT
        due = await repository.list_due(session, target, now=act.now, limit=limit)
    return await _Turn(client, target, act.now, secret_key).send(due)


async def record_turn(session: AsyncSession, act: Act, endpoint_id: UUID, attempts: Any) -> None:
    """Move the deliveries on, and the endpoint to its next turn."""
    endpoint = await session.get(WebhookEndpoint, endpoint_id, with_for_update=True)
    assert endpoint is not None, "endpoints are marked as deleted, not removed"
    if attempts:
        await repository.record_attempts(session, attempts)
        _count(attempts)
        await _note_health(session, act, endpoint, attempts)
    endpoint.run_at = await _next_turn_at(session, act, endpoint)
    if endpoint.run_at is not None:
        announce(session, endpoint.__tablename__, endpoint.run_at)
    await session.flush()


async def measure_backlog(session: AsyncSession) -> None:
    """Show what waits for all endpoints together."""
    endpoints = await repository.list_endpoints(session, after=None, limit=ENDPOINTS_MAX)
    waiting = [await repository.count_pending(session, each.id, up_to=MEASURED_UP_TO) for each in endpoints]
    pending_gauge.set(sum(waiting))
    broken_gauge.set(sum(each.enabled and each.failures >= BREAKER_FAILURES for each in endpoints))


def _count(attempts: Sequence[Attempt]) -> None:
    for attempt in attempts:
        attempts_total.labels(step_after(attempt).state).inc()


async def _note_health(session: AsyncSession, act: Act, endpoint: WebhookEndpoint, attempts: Sequence[Attempt]) -> None:
    before = Health(endpoint.failures, endpoint.failing_since, endpoint.wait_until)
    health = health_after(before, attempts)
    endpoint.failures, endpoint.failing_since, endpoint.wait_until = (
        health.failures,
        health.failing_since,
        health.wait_until,
    )
    if health.is_broken and not before.is_broken:
        breakers_total.inc()
        log.warning("webhook_breaker_open", endpoint=str(endpoint.id), error=attempts[-1].answer.error)
    reason: DisabledReason | None = health.disabled_reason(act.now)
    if reason is None and health.is_broken:
        pending = await repository.count_pending(session, endpoint.id, up_to=BACKLOG_MAX + 1)
        reason = "backlog" if pending > BACKLOG_MAX else None
    if reason is not None and endpoint.enabled:
        disabled_total.labels(reason).inc()
        await disable(session, act, endpoint, reason)


async def disable(session: AsyncSession, act: Act, endpoint: WebhookEndpoint, reason: DisabledReason) -> None:
    endpoint.enabled = False
    endpoint.disabled_reason = reason
    endpoint.run_at = None
    endpoint.version += 1
    log.warning("webhook_endpoint_disabled", endpoint=str(endpoint.id), reason=reason)
    await event_log.append(session, act, [WebhookEndpointDisabled(endpoint_id=endpoint.id, reason=reason)])


async def _next_turn_at(session: AsyncSession, act: Act, endpoint: WebhookEndpoint) -> datetime | None:
    if not endpoint.enabled or endpoint.deleted_at is not None:
        return None
    next_try_at = await repository.find_next_try(session, endpoint.id, ordered=endpoint.ordered)
    if next_try_at is None:
        return None
    earliest = max(act.now, (endpoint.run_at or act.now) + TICK)  # a due row must move on
    return max(next_try_at, earliest, endpoint.wait_until or earliest)


class _Turn:
    def __init__(self, client: DeliveryClient, target: Target, began_at: datetime, secret_key: str) -> None:
        self._client = client
        self._target = target
        self._secrets = [secret_of(secret_key, target.id, salt) for salt in target.salts]
        self._began_at = began_at
        self._loop_began = asyncio.get_running_loop().time()
        self._health = target.health
        self._attempts: list[Attempt] = []
        self._in_flight = 0

    async def send(self, due: Sequence[Due]) -> list[Attempt]:
        """In the order they ended."""
        lines = deque(_lines(due, ordered=self._target.ordered))
        async with asyncio.TaskGroup() as group:
            for _ in range(min(SENT_AT_ONCE, len(lines))):
                group.create_task(self._send_lines(lines))
        return self._attempts

    async def _send_lines(self, lines: deque[list[Due]]) -> None:
        while lines:
            for due in lines.popleft():
                if not self._may_begin:
                    return
                if not await self._succeeds(due):
                    break

    @property
    def _may_begin(self) -> bool:
        """Were all in flight to fail, the breaker would open at its number and not beyond."""
        at_stake = 1 if self._health.is_broken else BREAKER_FAILURES - self._health.failures
        is_over = self._health.pauses or self._elapsed_seconds > BEGIN_SECONDS
        return not is_over and self._in_flight < at_stake

    @property
    def _elapsed_seconds(self) -> float:
        return asyncio.get_running_loop().time() - self._loop_began

    def _now(self) -> datetime:
        return self._began_at + timedelta(seconds=self._elapsed_seconds)

    async def _succeeds(self, due: Due) -> bool:
        now, body = self._now(), due.body.encode()
        self._in_flight += 1
        answer = await self._client.post(self._target.url, headers=self._headers(due, body, now), body=body, now=now)
        self._in_flight -= 1
        attempt = Attempt(due.id, due.tries, self._now(), answer)
        self._attempts.append(attempt)
        self._health = self._health.after(attempt)
        return not answer.error

    def _headers(self, due: Due, body: bytes, now: datetime) -> dict[str, str]:
        webhook_id, timestamp = str(due.event_uuid), int(now.timestamp())
        headers = {
            "content-type": "application/json",
            "user-agent": f"Switchboard/{__version__}",
            "webhook-id": webhook_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature_header(self._secrets, webhook_id=webhook_id, timestamp=timestamp, body=body),
        }
        return headers | ({"webhook-replayed": "true"} if due.replayed else {})


def _lines(due: Iterable[Due], *, ordered: bool) -> list[list[Due]]:
    """What is sent one after the other; different lines go side by side."""
    if not ordered:
        return [[each] for each in due]
    lines: dict[UUID, list[Due]] = {}
    for each in due:
        lines.setdefault(each.key, []).append(each)
    return list(lines.values())

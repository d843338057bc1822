"""The due rows of webhooks, each an endpoint that has something to be sent, and the end of the delivery log."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from app.core.act import Act
from app.core.clock import Clock
from app.core.config import Settings
from app.core.database import Database
from app.core.due_rows import DueTable
from app.core.tasks import Periodic
from app.webhooks import repository
from app.webhooks.attempts import Attempt
from app.webhooks.delivery_client import DeliveryClient
from app.webhooks.destinations import read_allowed
from app.webhooks.models import WebhookEndpoint
from app.webhooks.schemas import ENDPOINTS_MAX
from app.webhooks.service import turns

KEPT = timedelta(days=30)
DELETED_AT_ONCE = 5_000
NEVER_PARKED = 1_000_000
"""What an endpoint answers is no failure of ours; ours pass, and then it must be served."""


def endpoint_table(settings: Settings, client: DeliveryClient | None = None) -> DueTable:
    """A place for every endpoint there may be, so that none ever waits for another."""
    client = client or DeliveryClient(read_allowed(settings.webhook_allowed_destinations))
    secret_key = settings.secret_key.get_secret_value()

    async def perform(database: Database, act: Act, endpoint_id: UUID) -> Sequence[Attempt]:
        return await turns.take_turn(database, act, endpoint_id, client=client, secret_key=secret_key)

    return DueTable(
        name=WebhookEndpoint.__tablename__,
        perform=perform,
        record=turns.record_turn,
        max_attempts=NEVER_PARKED,
        concurrency=ENDPOINTS_MAX,
        rolling=True,
    )


async def _forget_old_deliveries(database: Database, clock: Clock) -> None:
    while True:
        async with database.transaction() as session:
            before = clock.now() - KEPT
            if await repository.delete_deliveries(session, before=before, limit=DELETED_AT_ONCE) < DELETED_AT_ONCE:
                return


async def _measure_backlog(database: Database, _: Clock) -> None:
    async with database.autocommit() as session:
        await turns.measure_backlog(session)


PERIODIC = (
    Periodic("webhook_deliveries", 3600, _forget_old_deliveries),
    Periodic("webhook_backlog", 30, _measure_backlog),
)

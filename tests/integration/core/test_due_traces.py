"""What due rows bring about, as traces."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import tracing
from app.core.act import Act
from app.core.database import Database
from app.core.due_rows import DueRowRunner, DueTable
from tests.clocks import ManualClock
from tests.collector import Collector
from tests.integration.core.conftest import Switch
from tests.integration.core.reminders import add, mark_done, send

pytestmark = pytest.mark.usefixtures("reminders")

told: dict[UUID, str] = {}


async def tell(session: AsyncSession, act: Act, row_id: UUID, outcome: Any) -> None:
    told[row_id] = tracing.carry(act.request_id)
    await mark_done(session, act, row_id, outcome)


async def tell_all(session: AsyncSession, act: Act, row_ids: Sequence[UUID]) -> None:
    for row_id in row_ids:
        await tell(session, act, row_id, None)


@pytest.mark.parametrize(
    "table",
    [
        DueTable("reminder", tell),
        DueTable("reminder", record_batch=tell_all),
        DueTable("reminder", tell, perform=send),
    ],
)
async def test_what_a_row_brings_about_is_a_trace_of_its_own(
    database: Database, clock: ManualClock, collector: Collector, switch_on: Switch, table: DueTable
) -> None:
    await switch_on(collector.url)
    row_id = await add(database, clock)
    assert await DueRowRunner(database, clock, [table]).run_once(table) == 1
    assert await DueRowRunner(database, clock, [table]).run_once(table) == 0
    await tracing.stop()
    (span,) = collector.named("due.reminder")
    mark = tracing.mark_of(told[row_id])
    assert mark == tracing.Mark(span.trace, span.span.span_id.hex())

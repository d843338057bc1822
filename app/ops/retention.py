"""`switchboard retention`: what is kept how long, which months of the event log may go, and why others stay."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.access.service.sessions import SESSIONS_KEPT_DAYS
from app.channels.files.service import KEPT_UNATTACHED
from app.core import idempotency, partition_drops
from app.core.clock import DatabaseClock
from app.core.config import Settings
from app.core.database import Database
from app.core.dispatcher import DISPATCH_ROWS_KEPT
from app.core.retention import Verdict
from app.webhooks.jobs import KEPT as DELIVERIES_KEPT

MEBIBYTE = 1024**2


@dataclass(frozen=True, slots=True)
class Span:
    what: str
    kept: str
    setting: str = ""
    """The one that changes it; "": it is fixed."""


def spans(settings: Settings) -> list[Span]:
    """Everything that ends by time, and what never does."""
    return [
        Span("event log", f"{settings.keep_events_months} months", "SWITCHBOARD_KEEP_EVENTS_MONTHS"),
        Span(
            "traces of routing decisions",
            f"{settings.keep_traces_months} months, and while the conversation has work",
            "SWITCHBOARD_KEEP_TRACES_MONTHS",
        ),
        Span("webhook deliveries", f"{DELIVERIES_KEPT.days} days"),
        Span("sessions that ended", f"{SESSIONS_KEPT_DAYS} days"),
        Span("answers to an Idempotency-Key", f"{idempotency.KEPT_HOURS} hours"),
        Span("files that no message has", f"{KEPT_UNATTACHED.total_seconds() / 3600:.0f} hours"),
        Span("batches of the dispatcher", f"{DISPATCH_ROWS_KEPT.total_seconds() / 3600:.0f} hours"),
        Span("customers, conversations, messages, files, work, service times", "for ever"),
    ]


@dataclass(frozen=True, slots=True)
class Report:
    """`is_dry`: nothing was dropped; what stands there would be."""

    spans: Sequence[Span]
    verdicts: Sequence[Verdict] | None
    """None: another process is dropping just now."""
    is_dry: bool

    def as_dict(self) -> dict[str, Any]:
        return {
            "dry_run": self.is_dry,
            "kept": [{"what": each.what, "kept": each.kept, "setting": each.setting} for each in self.spans],
            "partitions": None if self.verdicts is None else [_as_dict(each) for each in self.verdicts],
        }

    def as_text(self) -> str:
        kept = [f"{each.what}: {each.kept}{f' ({each.setting})' if each.setting else ''}" for each in self.spans]
        if self.verdicts is None:
            return "\n".join([*kept, "", "Another process is dropping months just now."])
        gone = "goes" if self.is_dry else "dropped"
        months = [
            f"{each.partition.name}  {each.partition.size_bytes / MEBIBYTE:,.1f} MiB  "
            + (gone if each.stays is None else f"{'OVERDUE' if each.is_due else 'stays'}: {each.stays}")
            for each in self.verdicts
        ]
        return "\n".join([*kept, "", *months])


async def run(settings: Settings, url: str, *, dry_run: bool) -> Report:
    """Look, and unless `dry_run` do what the worker does every hour."""
    database = Database(url, application_name="retention", pool_size=2)
    clock = DatabaseClock()
    try:
        async with database.engine.connect() as connection:
            await clock.align(connection)
        return Report(spans(settings), await _verdicts(database, clock, settings.keep_events_months, dry_run), dry_run)
    finally:
        await database.close()


async def _verdicts(
    database: Database, clock: DatabaseClock, keep_months: int, dry_run: bool
) -> Sequence[Verdict] | None:
    if dry_run:
        async with database.transaction() as session:
            return await partition_drops.survey(session, keep_months=keep_months, now=clock.now())
    holder = f"{socket.gethostname()}:retention"
    return await partition_drops.drop_what_is_over(database, clock, holder=holder, keep_months=keep_months)


def _as_dict(verdict: Verdict) -> dict[str, Any]:
    return {
        "name": verdict.partition.name,
        "size_bytes": verdict.partition.size_bytes,
        "is_due": verdict.is_due,
        "stays": verdict.stays,
    }

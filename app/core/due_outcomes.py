"""What becomes of a due row: it is done and counted, or tried again later and later, then parked."""

from uuid import UUID

import structlog
from prometheus_client import Counter, Histogram

log = structlog.get_logger(__name__)

MAX_BACK_OFF_SECONDS = 300
ERROR_TEXT_LIMIT = 500

DONE = Counter("switchboard_due_rows_total", "Due rows worked on", ["table", "outcome"])
LATENESS = Histogram("switchboard_due_rows_lateness_seconds", "From run_at to taken", ["table"])


class RunAtNotMoved(Exception):
    """A handler left `run_at` as it was: the row would come back for ever."""


def back_off_seconds(attempts: int) -> int:
    """2, 4, 8, ... seconds, at most five minutes."""
    return int(min(2 ** min(attempts, 16), MAX_BACK_OFF_SECONDS))


def error_text(error: Exception) -> str:
    # PostgreSQL has no place for a NUL in a text, and an error may quote anything.
    return f"{type(error).__name__}: {error}".replace("\x00", "")[:ERROR_TEXT_LIMIT]


def count_failure(table: str, row_id: UUID, *, attempts: int, parked: bool, error: Exception) -> None:
    DONE.labels(table, "parked" if parked else "retried").inc()
    log.warning("due_row_failed", table=table, id=str(row_id), attempts=attempts, parked=parked, exc_info=error)

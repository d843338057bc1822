"""Due rows: the one mechanism for everything that happens later. The runner stands in `run_due_rows` (see below)."""

from datetime import datetime

from sqlalchemy import DateTime, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column


class DueRow:
    """Columns of a table whose rows become due. A row with `run_at` null has nothing to do.

    Each such table adds an index on run_at where run_at is not null and parked_at is null.
    """

    run_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    leased_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    attempts: Mapped[int] = mapped_column(Integer, server_default="0", default=0)
    last_error: Mapped[str | None] = mapped_column(Text)
    parked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

"""What SLA does by time: the timers of the clocks."""

from app.core.due_rows import DueTable
from app.sla.service.notices import ring

CLOCK_TABLE = DueTable("sla_clock", record_batch=ring, batch=200, batches_at_once=3)

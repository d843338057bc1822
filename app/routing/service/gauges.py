"""What the router measures: work that waits, by queue, and how its decisions come about."""

from collections.abc import Mapping
from datetime import datetime
from typing import get_args
from uuid import UUID

from prometheus_client import Counter, Gauge, Histogram

from app.core.metrics import at_nought
from app.routing.decisions import UnroutableReason
from app.routing.overflow import TRIGGERS, Did
from app.routing.schemas import MeasuredWaits

MAX_QUEUES = 100
"""Those with the most waiting; the others are told together as REST."""
REST = "others"

OFFERS = Counter("switchboard_routing_offers_total", "Offers committed")
UNROUTABLE = Counter("switchboard_routing_unroutable_total", "Work that nobody could ever take, as found", ["reason"])
at_nought(UNROUTABLE, get_args(UnroutableReason))
OVERFLOWED = Counter(
    "switchboard_routing_overflow_total", "Steps of overflow done, by what made them due", ["trigger", "did"]
)
at_nought(OVERFLOWED, TRIGGERS, get_args(Did))
STALE = Counter("switchboard_routing_stale_decisions_total", "Decisions refused at commit time", ["rule"])
DECIDING = Histogram(
    "switchboard_routing_decision_seconds",
    "One look of the engine at all that changed",
    buckets=(0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1),
)
REBUILDS = Counter("switchboard_routing_rebuilds_total", "Rebuilds of the engine from the tables")
REBUILD_TIME = Histogram("switchboard_routing_rebuild_seconds", "Loading the engine from the tables")
WAITING = Gauge("switchboard_routing_waiting", "Queued work the engine holds")
WAITING_IN = Gauge("switchboard_routing_queue_waiting", "Work that waits in a queue", ["queue"])
OLDEST_IN = Gauge("switchboard_routing_queue_oldest_seconds", "How long the first of a queue has waited", ["queue"])
WITHIN_P90 = Gauge(
    "switchboard_routing_wait_within_p90_ratio",
    "Share of the last day's estimated waits that kept their p90",
    ["queue"],
)
WAIT_ERROR = Gauge(
    "switchboard_routing_wait_error_seconds", "Median error of the last day's estimated waits", ["queue"]
)


def show_measured(measured: Mapping[UUID, MeasuredWaits]) -> None:
    """Of the queues with the most answered; a queue without any says nothing."""
    ranked = sorted(measured.items(), key=lambda item: item[1].answered, reverse=True)
    WITHIN_P90.clear()
    WAIT_ERROR.clear()
    for queue_id, found in ranked[:MAX_QUEUES]:
        if found.answered and found.median_error_seconds is not None:
            WITHIN_P90.labels(str(queue_id)).set(found.within_p90 / found.answered)
            WAIT_ERROR.labels(str(queue_id)).set(found.median_error_seconds)


def show_waiting(waiting: Mapping[UUID, tuple[int, datetime]], now: datetime) -> None:
    """`waiting`: by queue, how many and since when. What waits in no queue any more is not shown any more."""
    ranked = sorted(waiting.items(), key=lambda item: item[1][0], reverse=True)
    shown = {str(queue_id): told for queue_id, told in ranked[:MAX_QUEUES]}
    if rest := [told for _, told in ranked[MAX_QUEUES:]]:
        shown[REST] = (sum(count for count, _ in rest), min(oldest for _, oldest in rest))
    WAITING_IN.clear()
    OLDEST_IN.clear()
    for name, (count, oldest) in shown.items():
        WAITING_IN.labels(name).set(count)
        OLDEST_IN.labels(name).set((now - oldest).total_seconds())


def forget_waiting() -> None:
    """Another process has the router now, or none: what this one held says nothing any more."""
    WAITING.set(0)
    WAITING_IN.clear()
    OLDEST_IN.clear()

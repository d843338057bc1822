"""What the page of metrics says of estimated waits."""

from uuid import UUID

from prometheus_client import REGISTRY

from app.routing.schemas import MeasuredWaits
from app.routing.service import gauges

GOOD, NEW = UUID(int=1), UUID(int=2)


def shown(name: str, queue_id: UUID) -> float | None:
    return REGISTRY.get_sample_value(name, {"queue": str(queue_id)})


def test_only_queues_whose_estimates_were_put_to_the_test_are_shown() -> None:
    measured = MeasuredWaits(answered=20, within_p90=18, median_error_seconds=41.5)
    unmeasured = MeasuredWaits(answered=0, within_p90=0, median_error_seconds=None)
    gauges.show_measured({GOOD: measured, NEW: unmeasured})
    assert shown("switchboard_routing_wait_within_p90_ratio", GOOD) == 0.9
    assert shown("switchboard_routing_wait_error_seconds", GOOD) == 41.5
    assert shown("switchboard_routing_wait_error_seconds", NEW) is None
    gauges.show_measured({NEW: unmeasured})
    assert shown("switchboard_routing_wait_within_p90_ratio", GOOD) is None

"""What the router shows of its queues: few labels whatever their number, and nothing once it routes no more."""

from datetime import timedelta
from uuid import UUID

from prometheus_client import REGISTRY

from app.routing.service import gauges
from tests.clocks import ManualClock

WAITING, OLDEST = "switchboard_routing_queue_waiting", "switchboard_routing_queue_oldest_seconds"


def shown(name: str) -> dict[str, float]:
    return {
        sample.labels["queue"]: sample.value
        for family in REGISTRY.collect()
        if family.name == name
        for sample in family.samples
    }


def test_the_queues_with_most_waiting_are_named_and_the_others_told_together(clock: ManualClock) -> None:
    now = clock.now()
    number = gauges.MAX_QUEUES + 3
    waiting = {UUID(int=each): (each, now - timedelta(seconds=number - each)) for each in range(1, number + 1)}
    gauges.show_waiting(waiting, now)
    assert len(shown(WAITING)) == gauges.MAX_QUEUES + 1
    assert shown(WAITING)[str(UUID(int=number))] == number
    assert (shown(WAITING)[gauges.REST], shown(OLDEST)[gauges.REST]) == (1 + 2 + 3, number - 1)

    gauges.show_waiting({UUID(int=1): (1, now)}, now)
    assert shown(WAITING) == {str(UUID(int=1)): 1}

    gauges.forget_waiting()
    assert shown(WAITING) == shown(OLDEST) == {}

"""A few examples of the machine; `make prove PART=router-machine` runs many more."""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.simulation.router_machine import RouterMachine

EXAMPLES, STEPS = 5, 30


def test_any_sequence_of_acts_crashes_and_takeovers_keeps_every_invariant(
    postgres: str, template_database: str
) -> None:
    class Machine(RouterMachine):
        server, template = postgres, template_database

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

"""Many sequences of acts, crashes, freezes and takeovers upon the router's shell, drawn and shrunk by Hypothesis."""

import argparse
import sys
import tempfile
from collections import Counter
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

import hypothesis
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from benchmarks.prove.races import WHAT_CAME, template
from benchmarks.prove.records import Outcome, counted
from tests.conftest import TEMPLATE
from tests.simulation.router_machine import RouterMachine
from tests.simulation.router_truth import KINDS

EXAMPLES, STEPS = 1_000, 60


@dataclass(slots=True)
class Walked:
    examples: int = 0
    steps: int = 0
    faults: tuple[str, ...] = ()
    kinds: Counter[str] = field(default_factory=Counter)


def measure(examples: int, steps: int, seed: int) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="switchboard-machine-") as folder, redirect_stdout(sys.stderr):
        return tell(_walk(Path(folder), examples, steps, seed))


def tell(walked: Walked) -> Outcome:
    """What was promised of the whole form, though the run may have been a shorter one."""
    figures = [
        counted("faults", "sequences that broke an invariant", len(walked.faults), "faults", must=0),
        counted("examples", "sequences tried", walked.examples, "sequences", must=EXAMPLES, at_least=True),
        counted("kinds", WHAT_CAME, len(walked.kinds), "kinds", must=len(KINDS), at_least=True),
    ]
    kinds = ", ".join(f"{count:,} {name}" for name, count in sorted(walked.kinds.items()))
    return Outcome(figures, faults=list(walked.faults), notes=[f"{walked.steps:,} steps, all checked", kinds])


def _walk(folder: Path, examples: int, steps: int, seed: int) -> Walked:
    walked = Walked()

    class Counted(RouterMachine):
        def teardown(self) -> None:
            walked.examples += 1
            walked.steps += self.checked
            walked.kinds += self.run(self.centre.count_kinds())
            super().teardown()

    hypothesis.seed(seed)(Counted)
    with template(folder) as server:
        Counted.server, Counted.template = server, TEMPLATE
        try:
            run_state_machine_as_test(Counted, settings=_settings(examples, steps))
        except Exception as error:
            walked.faults = ("; ".join(_words(error)),)
    return walked


def _words(error: BaseException | None) -> list[str]:
    """Hypothesis tells the shortest sequence in the notes; of a sequence that failed only once, only what it rose from
    tells why."""
    if error is None:
        return []
    return [repr(error), *getattr(error, "__notes__", ()), *_words(error.__cause__ or error.__context__)]


def _settings(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--examples", type=int, default=EXAMPLES)
    parser.add_argument("--steps", type=int, default=STEPS)
    asked = parser.parse_args()
    outcome = measure(asked.examples, asked.steps, asked.seed)
    print(outcome.as_text())
    return 0 if outcome.holds else 1


if __name__ == "__main__":
    sys.exit(main())

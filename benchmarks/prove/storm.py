"""The SLA storm in its full form: clocks due at one instant, and everything that may die does."""

import argparse
import asyncio
import sys
import tempfile
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

from benchmarks.prove.records import Outcome, counted
from tests.simulation.test_storm import FULL, Form, run_storm


def measure(form: Form) -> Outcome:
    """What was told twice, not at all or done by halves comes out as a fault each."""
    with tempfile.TemporaryDirectory(prefix="switchboard-storm-") as folder, redirect_stdout(sys.stderr):
        faults = asyncio.run(run_storm(form, Path(folder)))
    figure = counted("faults", "told twice, not at all, or done by halves", len(faults), "faults", must=0)
    crashes = f"PostgreSQL killed {form.crashes} times"
    note = f"{form.clocks:,} clocks due at one instant; amid a batch the worker killed {form.kills} times, {crashes}"
    return Outcome([figure], faults=faults, notes=[note])


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=FULL.seed)
    parser.add_argument("--clocks", type=int, default=FULL.clocks)
    parser.add_argument("--kills", type=int, default=FULL.kills)
    parser.add_argument("--crashes", type=int, default=FULL.crashes)
    asked = parser.parse_args()
    form = replace(FULL, seed=asked.seed, clocks=asked.clocks, kills=asked.kills, crashes=asked.crashes)
    outcome = measure(form)
    print(outcome.as_text())
    return 0 if outcome.holds else 1


if __name__ == "__main__":
    sys.exit(main())

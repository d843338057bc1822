"""Eight routers and fifty people upon the same few offers, ten thousand rounds, with real transactions."""

import argparse
import asyncio
import gc
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path

import uvloop

from app.ops import migrate
from app.ops.embedded_postgres import EmbeddedPostgres
from benchmarks.prove.records import Outcome, counted
from tests.conftest import FAST_AND_UNSAFE, TEMPLATE, administer, fresh_clone, url_of
from tests.simulation.races import Form, Story, run_races
from tests.simulation.router_truth import KINDS

FULL = Form(seed=1, rounds=10_000)
MOST_TOLD = 20
GARBAGE_AFTER = (100_000, 50, 50)
"""Objects before a collection looks: a tenth of the time otherwise, and nothing here lives in cycles for long."""
WHAT_CAME = "of wrap-ups, warm transfers, last agents, overflow, acceptances, interruptions, idle chats: came about"
MOST_STARVED = FULL.rounds // 1_000
STARVED = "given up by PostgreSQL for lack of time, or their connection gone, and rolled back"
WHAT = (
    "owned twice, above capacity, adrift from the ledger, without a timer, or committed by a deposed router, "
    "looked for after each round"
)


def measure(form: Form) -> Outcome:
    with (
        tempfile.TemporaryDirectory(prefix="switchboard-races-") as folder,
        redirect_stdout(sys.stderr),
        template(Path(folder)) as server,
    ):
        gc.freeze()
        gc.set_threshold(*GARBAGE_AFTER)
        return tell(form, uvloop.run(run_races(form, lambda: fresh_clone(server, TEMPLATE))))


def tell(form: Form, story: Story) -> Outcome:
    """What was promised of the whole form, though the run may have been a shorter one."""
    starved = sum(count for name, count in story.refused.items() if name.endswith(": starved"))
    figures = [
        counted("faults", WHAT, len(story.faults), "faults", must=0),
        counted("rounds", "begun and checked", story.rounds, "rounds", must=FULL.rounds, at_least=True),
        counted("kinds", WHAT_CAME, len(story.kinds), "kinds", must=len(KINDS), at_least=True),
        counted("starved", STARVED, starved, "transactions", must=MOST_STARVED),
    ]
    acts = ", ".join(f"{count:,} {name}" for name, count in sorted(story.acts.items()))
    kinds = ", ".join(f"{count:,} {name}" for name, count in sorted(story.kinds.items()))
    refused = ", ".join(f"{count:,} {name}" for name, count in story.refused.most_common(MOST_TOLD))
    notes = [
        f"{form.routers} routers and {form.people} people a round; the tables emptied every {form.rounds_a_day}",
        f"Done: {acts}",
        f"Came about: {kinds}",
        f"Refused or given back, the most frequent: {refused}",
    ]
    return Outcome(figures, faults=story.faults[:MOST_TOLD], notes=notes + story.scene)


@contextmanager
def template(folder: Path) -> Iterator[str]:
    """A server with a database to clone, by its address. Without fsync: what is proven is what transactions see of one
    another, not what a power cut leaves.
    """
    postgres = EmbeddedPostgres(folder, settings=FAST_AND_UNSAFE)
    server = postgres.start()
    try:
        asyncio.run(_fill(server))
        yield server
    finally:
        postgres.stop()


async def _fill(server: str) -> None:
    await administer(server, f"CREATE DATABASE {TEMPLATE}")
    await migrate.upgrade(url_of(server, TEMPLATE))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=FULL.seed)
    parser.add_argument("--rounds", type=int, default=FULL.rounds)
    parser.add_argument("--people", type=int, default=FULL.people)
    asked = parser.parse_args()
    outcome = measure(replace(FULL, seed=asked.seed, rounds=asked.rounds, people=asked.people))
    print(outcome.as_text())
    return 0 if outcome.holds else 1


if __name__ == "__main__":
    sys.exit(main())

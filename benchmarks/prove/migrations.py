"""The schema is brought up to ours on a database with a long past, while each earlier release in turn serves on it."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

from app.ops.embedded_postgres import EmbeddedPostgres
from app.ops.migrate import LOCK_TIMEOUT_MS
from benchmarks.prove.records import Measured, Outcome, counted
from tests.simulation.releases import RELEASES, NotAtHand, Release
from tests.simulation.upgrade import run_upgrade
from tests.simulation.writing import Form, Story

CONVERSATIONS = 250_000
LOCK_WAIT_MUST_SECONDS = LOCK_TIMEOUT_MS / 1000 + 0.5
"""A statement that queues behind a migration waits as long as the migration waits for its lock, and is then served."""
STEPS = ("migration killed", "migration waiting for a lock", "migration")


def measure(releases: Sequence[Release], form: Form) -> Outcome:
    figures: list[Measured] = []
    faults: list[str] = []
    notes = [f"{form.conversations * 4:,} messages of history, fsync on, {form.writers} writers all the while"]
    for release in releases:
        story = _play(release, form)
        figures += _figures(release, story)
        faults += [f"{release.name}: {fault}" for fault in story.faults]
        notes.append(_note(release, story))
    return Outcome(figures, faults=faults, notes=notes)


def _play(release: Release, form: Form) -> Story:
    with tempfile.TemporaryDirectory(prefix="switchboard-migrations-") as folder, redirect_stdout(sys.stderr):
        settings = {"max_wal_size": "8GB", "shared_buffers": "512MB"}
        postgres = EmbeddedPostgres(Path(folder) / "postgres", settings=settings)
        postgres.start()
        try:
            return asyncio.run(run_upgrade(release, form, Path(folder), postgres.url))
        except NotAtHand as reason:
            return Story(faults=[f"could not be tried: {reason}"])
        finally:
            postgres.stop()


def _figures(release: Release, story: Story) -> list[Measured]:
    waited = max((story.lock_wait_seconds.get(step, 0.0) for step in STEPS), default=0.0)
    what = f"coming from {release.name}: longest seen wait of the serving release for a table's lock"
    return [counted(f"lock-wait-{release.revision}", what, waited, "s", must=LOCK_WAIT_MUST_SECONDS)]


def _note(release: Release, story: Story) -> str:
    slowest = ", ".join(f"{step} {max(taken):.2f} s of {len(taken)}" for step, taken in story.answer_seconds.items())
    ended = "killed amid and refused its lock first" if story.was_killed_amid else "it never met the long transaction"
    return f"coming from {release.name}: {story.answered} posts; the slowest of each step: {slowest}; {ended}"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--conversations", type=int, default=CONVERSATIONS)
    asked = parser.parse_args()
    form = Form(asked.conversations, writers=8, visitors=2_000, posts_between=200, patience_seconds=300)
    outcome = measure(RELEASES, form)
    print(outcome.as_text())
    return 0 if outcome.holds else 1


if __name__ == "__main__":
    sys.exit(main())

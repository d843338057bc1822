"""Schemathesis as everybody who may come, with every phase it has."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

from app.ops import migrate
from app.ops.embedded_postgres import EmbeddedPostgres
from benchmarks.prove.records import Outcome, counted
from tests.strangers.driver import NOT_CALLED, NOT_CHECKED, Run
from tests.strangers.roles import FULL, ROLES, Form, run_strangers

SERVED = {"stranger": 4, "visitor": 8, "agent": 70, "supervisor": 85, "admin": 125}
"""Of some 150 operations: far fewer, and the requests were refused at the door and prove little."""


async def run(form: Form, role: str, folder: Path) -> Run:
    server = EmbeddedPostgres(folder / "postgres")
    url = server.start()
    try:
        await migrate.upgrade(url)
        return await run_strangers(role, form, url, folder)
    finally:
        server.stop()


def measure(form: Form, roles: Sequence[str]) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="switchboard-strangers-") as folder, redirect_stdout(sys.stderr):
        runs = [asyncio.run(run(form, role, Path(folder, role))) for role in roles]
    faults = [fault for each in runs for fault in each.faults]
    figures = [counted("faults", "answers that break the document, or a promise", len(faults), "faults", must=0)]
    notes = [f"left out: {name}: {why}" for name, why in (NOT_CALLED | NOT_CHECKED).items()]
    for each in runs:
        figures.append(counted(f"cases-{each.role}", f"requests as {each.role}", each.cases, "", must=1, at_least=True))
        what, least = f"operations that answered {each.role} with success at least once", SERVED[each.role]
        figures.append(counted(f"served-{each.role}", what, each.served, "", must=least, at_least=True))
        notes.append(f"never served {each.role}: {', '.join(each.not_served)}")
    return Outcome(figures, faults=faults, notes=notes)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=FULL.seed)
    parser.add_argument("--examples", type=int, default=0, help="per operation, role and pass; 0 for the full form's")
    parser.add_argument("--seconds", type=int, default=0, help="per role; 0 for the full form's")
    parser.add_argument("--roles", nargs="+", choices=ROLES, default=ROLES)
    asked = parser.parse_args()
    form = replace(FULL, seed=asked.seed)
    if asked.examples:
        form = replace(form, options=[*form.options, "--max-examples", str(asked.examples)])
    if asked.seconds:
        form = replace(form, options=[*form.options, "--max-time", str(asked.seconds)])
    outcome = measure(form, asked.roles)
    print(outcome.as_text())
    return 0 if outcome.holds else 1


if __name__ == "__main__":
    sys.exit(main())

"""Runs schemathesis against a live server as one role, and turns its report into lines."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.ops.child_process import die_with_parent
from tests.strangers.scene import Scene

ROOT = Path(__file__).parents[2]
DETAILS_CHARACTERS = 6_000
HOOKS = "tests.strangers.hooks"
# Each left out for the reason beside it.
NOT_CALLED = {"access_end_own_session": "it ends the session the run needs; tested in integration/access"}
NOT_CHECKED = {
    "positive_data_acceptance": "422 is also for rules no schema can say; hooks.py holds the schema to all others",
    "object_level_authorization": "needs two principals; tests/journeys/test_bad_input.py holds it for each operation",
}
CONFIG = """\
[checks.negative_data_rejection]
# Beside schemathesis' own: what changed meanwhile (412), too large (413, 431).
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 428, 429, 431]

[phases.stateful]
# What is wrong is refused and leads nowhere; the other phases send plenty of it.
max-steps = 12
generation.mode = "positive"
"""


@dataclass(frozen=True, slots=True)
class Run:
    """`not_served`: operations that never answered with success."""

    role: str
    cases: int
    served: int
    not_served: list[str]
    faults: list[str]


def run_as(role: str, scene: Scene, *, url: str, seed: int, folder: Path, options: Sequence[str]) -> Run:
    """Blocks until it has ended. `options` choose phases and examples."""
    folder.mkdir(parents=True, exist_ok=True)
    report, config = folder / f"{role}.json", folder / "schemathesis.toml"
    config.write_text(CONFIG)
    left_out = [part for name in NOT_CALLED for part in ("--exclude-operation-id", name)]
    command = [
        sys.executable, "-m", "schemathesis.cli", "--no-color", "--config-file", str(config),
        "run", f"{url}/openapi.json",
        "--seed", str(seed), "--generation-database", "none", "--continue-on-failure",
        "--exclude-checks", ",".join(NOT_CHECKED), *left_out, "--report-json-path", str(report),
        *(["--header", f"Authorization: Bearer {scene.token}"] if scene.token else []), *options,
    ]  # fmt: skip
    facts = json.dumps({"ids": scene.ids, "own": scene.own, "role": role, "seed": seed})
    told = {"SCHEMATHESIS_HOOKS": HOOKS, "PYTHONPATH": str(ROOT), "STRANGERS_SCENE": facts}
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **told}, capture_output=True, text=True, check=False,
        preexec_fn=die_with_parent(os.getpid(), signal.SIGTERM),
    )  # fmt: skip
    (folder / f"{role}.txt").write_text(done.stdout + done.stderr)
    answers = folder / "answers.json"
    if not report.exists() or not report.stat().st_size or not answers.exists():
        return Run(role, 0, 0, [], [f"{role}: no report; it said: {(done.stdout + done.stderr)[-1500:]}"])
    return _read(role, json.loads(report.read_text("utf-8")), json.loads(answers.read_text("utf-8")), done.stdout)


def _read(role: str, report: dict[str, Any], answers: dict[str, dict[str, int]], said: str) -> Run:
    faults = [
        f"{role}: {failure['title']}: {operation}"
        for failure in report["failures"]
        for operation in failure["operations"]
    ]
    faults += [f"{role}: {error}" for error in report["errors"]]
    if not report["operations"]:
        return Run(role, 0, 0, [], [*faults, f"{role}: called nothing; it said: {said[-DETAILS_CHARACTERS:]}"])
    if not report["complete"]:
        faults.append(f"{role}: stopped early: {report['stop_reason']}")
    if faults:
        faults.append(said.partition("FAILURES")[2][:DETAILS_CHARACTERS])
    served = {name for name, counts in answers.items() if any(status.startswith("2") for status in counts)}
    return Run(role, report["test_cases"]["generated"], len(served), sorted(answers.keys() - served), faults)

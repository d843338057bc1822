"""`switchboard simulate FILE`: run a scenario through the router's own engine and report."""

import json
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

from app.core.errors import InvalidInput
from app.routing.scenario import read_scenario
from app.routing.simulation import Simulation

EXIT_BAD_SCENARIO = 2
MAX_SCENARIO_BYTES = 16 * 1024 * 1024


def run(path: Path, as_json: bool) -> int:
    """The exit code: 0, or 2 with the path of the wrong field on stderr. Progress goes to stderr."""
    try:
        scenario = read_scenario(_load(path))
    except InvalidInput as error:
        sys.stderr.write(f"{path}: {error.detail}\n")
        return EXIT_BAD_SCENARIO
    started = perf_counter()
    answer = Simulation(scenario, _show_progress).run()
    elapsed_seconds = perf_counter() - started
    answer["decisions_per_second"] = round(int(str(answer["decisions"])) / max(elapsed_seconds, 1e-9))
    sys.stdout.write((json.dumps(answer, ensure_ascii=False) if as_json else _as_text(answer)) + "\n")
    return 0


def _load(path: Path) -> Any:
    try:
        if path.stat().st_size > MAX_SCENARIO_BYTES:
            raise InvalidInput("bad_scenario", f"the file may have {MAX_SCENARIO_BYTES} bytes at most")
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput("bad_scenario", f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InvalidInput("bad_scenario", f"is not JSON: {error}") from error


def _show_progress(share: float) -> None:
    sys.stderr.write(f"simulated {share:.0%}\n")
    sys.stderr.flush()


def _as_text(answer: dict[str, Any]) -> str:
    columns = ("offered", "answered", "left", "level", "mean s", "p95 s", "max s")
    head = f"{'queue':24} " + " ".join(f"{column:>8}" for column in columns)
    rows = [
        f"{name:24.24} {queue['offered']:8} {queue['answered']:8} {queue['abandoned']:8} "
        f"{queue['service_level']:8.1%} {queue['wait_mean_s']:8.1f} {queue['wait_p95_s']:8.1f} "
        f"{queue['wait_max_s']:8.1f}"
        for name, queue in answer["queues"].items()
    ]
    agents = answer["agents"]
    foot = (
        f"agents {agents['occupancy_mean']:.1%} busy (gini {agents['occupancy_gini']:.3f}), "
        f"{answer['decisions']} decisions, {answer['violations']} violations"
    )
    return "\n".join([head, *rows, foot])

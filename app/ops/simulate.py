"""`switchboard simulate FILE`: run scenarios through the router's own engine, report, and compare them on a page."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from app.core.errors import InvalidInput
from app.ops.simulate_page import Run, render
from app.ops.words import Words
from app.routing.scenario import Scenario, read_scenario
from app.routing.simulation import Simulation

EXIT_BAD_SCENARIO = 2
MAX_SCENARIO_BYTES = 16 * 1024 * 1024
MAX_RUNS = 4
"""More lines in one chart cannot be told apart."""


def run(
    path: Path,
    as_json: bool,
    *,
    compare: Path | None = None,
    policies: Sequence[str] = (),
    html: Path | None = None,
    language: str = "en",
) -> int:
    """The exit code: 0, or 2 with the path of the wrong field on stderr. Progress goes to stderr.

    With `compare` or `policies` there are several runs: their answers stand in `runs`, each with its name.
    """
    try:
        cases = _cases(path, compare, policies)
        if html is not None and not html.absolute().parent.is_dir():
            raise InvalidInput("bad_scenario", f"{html}: there is no folder {html.absolute().parent}")
    except InvalidInput as error:
        sys.stderr.write(error.detail + "\n")
        return EXIT_BAD_SCENARIO
    runs = [_simulate(name, scenario) for name, scenario in cases]
    if html is not None:
        try:
            html.write_text(render(Words(language), runs), "utf-8")
        except OSError as error:
            sys.stderr.write(f"{html}: cannot be written: {error.strerror}\n")
            return EXIT_BAD_SCENARIO
    sys.stdout.write((json.dumps(_document(runs), ensure_ascii=False) if as_json else _as_text(runs)) + "\n")
    return 0


def _cases(path: Path, compare: Path | None, policies: Sequence[str]) -> list[tuple[str, Scenario]]:
    """What is to be run, by the names that tell it apart: the file, one by one under the policies, the other file."""
    documents = [(each, _load(each)) for each in (path, *([compare] if compare else []))]
    scenarios = [(each, _read(each, document)) for each, document in documents]
    cases = [(_name(each, scenario), scenario) for each, scenario in scenarios]
    if len(policies) == 1:
        cases.append(_under(path, documents[0][1], policies[0]))
    elif policies:
        cases[:1] = [_under(path, documents[0][1], policy) for policy in policies]
    if len(cases) > MAX_RUNS:
        raise InvalidInput("bad_scenario", f"At most {MAX_RUNS} runs can be compared; name fewer policies.")
    names = [name for name, _ in cases]
    return [
        (f"{number}: {name}" if names.count(name) > 1 else name, one) for number, (name, one) in enumerate(cases, 1)
    ]


def _under(path: Path, document: Any, policy: str) -> tuple[str, Scenario]:
    scenario = _read(path, {**document, "policy": policy})
    return _name(path, scenario), scenario


def _name(path: Path, scenario: Scenario) -> str:
    return f"{path.stem} · {scenario.policy}"


def _read(path: Path, document: Any) -> Scenario:
    try:
        return read_scenario(document)
    except InvalidInput as error:
        raise InvalidInput(error.code, f"{path}: {error.detail}") from error


def _load(path: Path) -> Any:
    def wrong(what: str) -> InvalidInput:
        return InvalidInput("bad_scenario", f"{path}: {what}")

    try:
        if path.stat().st_size > MAX_SCENARIO_BYTES:
            raise wrong(f"the file may have {MAX_SCENARIO_BYTES} bytes at most")
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise wrong(f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise wrong(f"is not JSON: {error}") from error
    except RecursionError as error:
        raise wrong("is nested too deeply") from error


def _simulate(name: str, scenario: Scenario) -> Run:
    started = perf_counter()
    simulation = Simulation(scenario, _show_progress)
    answer = simulation.run()
    elapsed_seconds = perf_counter() - started
    answer["decisions_per_second"] = round(int(str(answer["decisions"])) / max(elapsed_seconds, 1e-9))
    for queue, customers in simulation.unroutable.items():
        sys.stderr.write(f"{name}: no agent could ever take a customer of {queue}: {customers} were not answered\n")
    return Run(name, scenario, answer, simulation.passages, simulation.occupancies)


def _show_progress(share: float) -> None:
    sys.stderr.write(f"simulated {share:.0%}\n")
    sys.stderr.flush()


def _document(runs: Sequence[Run]) -> dict[str, Any]:
    return runs[0].answer if len(runs) == 1 else {"runs": [{"name": run.name, **run.answer} for run in runs]}


def _as_text(runs: Sequence[Run]) -> str:
    if len(runs) == 1:
        return _one_as_text(runs[0].answer)
    return "\n\n".join(f"{run.name}\n{_one_as_text(run.answer)}" for run in runs)


def _one_as_text(answer: dict[str, Any]) -> str:
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

"""The table of benches, and what is the same for all: run one, print its report, say whether every must holds."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from app.ops.bench.measuring import Figure

NAMES = ("ingest", "push", "fanout", "lists", "routing", "sla")
"""Each is a module of this package with `measure(seconds) -> Report`; it is loaded when it is chosen."""


@dataclass(frozen=True, slots=True)
class Report:
    """`faults`: what was wrong with the result, however fast it came. `notes`: how it was measured."""

    figures: list[Figure]
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.faults and all(figure.holds for figure in self.figures)


def run(name: str, *, seconds: float, as_json: bool) -> int:
    """The exit code: 0 when every must holds and nothing was wrong."""
    measure: Callable[[float], Report] = import_module(f"app.ops.bench.{name}").measure
    load = os.getloadavg()[0]
    report = measure(seconds)
    notes = [*report.notes, f"load average {load:.1f} before the run, {os.cpu_count()} cores"]
    figures = [figure.as_dict() for figure in report.figures]
    taken_at = datetime.now(UTC).isoformat(timespec="seconds")
    document = {"bench": name, "figures": figures, "faults": report.faults, "notes": notes, "taken_at": taken_at}
    print(json.dumps(document, ensure_ascii=False) if as_json else as_text(document))  # noqa: T201
    return 0 if report.holds else 1


def as_text(document: dict[str, Any]) -> str:
    lines = [f"  {'':12}{'value':>10}{'limit':>10} {'unit':14}{'ratio':>8}{'must':>7}{'stretch':>9}"]
    for figure in document["figures"]:
        lines.append(
            f"  {figure['id']:12}{figure['value']:10g}{figure['limit']:10g} {figure['unit']:14}"
            f"{figure['ratio']:8g}{figure['must']:7g}{figure['stretch']:9g}  {'holds' if figure['holds'] else 'MISSED'}"
            f"\n      {figure['what']}; rounds {', '.join(f'{each:g}' for each in figure['rounds'])}"
        )
    lines += [f"  WRONG: {fault}" for fault in document["faults"]]
    return "\n".join([*lines, *(f"  {note}" for note in document["notes"])])

"""The bench of routing. Its programs stand in `benchmarks/`: they bring worlds and solvers that the product lacks."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

from app.ops.bench.measuring import Figure
from app.ops.bench.program import Report

SOURCE = Path(__file__).parents[3]


def measure(seconds: float) -> Report:
    """P6, P7 (where scipy is installed), P8 and the rebuild, with the growth curves as notes. Needs a checkout of the
    source.
    """
    if not (SOURCE / "benchmarks").is_dir():
        return Report([], faults=["The bench of routing runs from a checkout of the source."])
    # The installed command does not have the folder that it was started from on its path.
    sys.path.insert(0, str(SOURCE))
    made: dict[str, Any] = importlib.import_module("benchmarks.routing").report(seconds)
    curves = [f"curve over {name}: {json.dumps(points)}" for name, points in made["curves"].items()]
    return Report([_figure(each) for each in made["figures"]], notes=[*made["notes"], *curves])


def _figure(made: dict[str, Any]) -> Figure:
    rounds = tuple((value, limit) for value, limit in made["pairs"])
    return Figure(made["id"], made["what"], made["unit"], rounds, made["must"], made["stretch"], made["line"])

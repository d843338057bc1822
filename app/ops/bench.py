"""`switchboard bench NAME`: a benchmark beside its limits, from the `benchmarks/` folder of the source."""

import importlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BENCHES: Mapping[str, str] = {"routing": "benchmarks.routing"}
EXIT_MISSED = 1
EXIT_UNKNOWN = 2


def run(name: str, *, seconds: float, as_json: bool) -> int:
    """The exit code: 0 when every must holds, 1 when one does not, 2 for a name that is not known."""
    source = Path(__file__).parents[2]
    if name not in BENCHES or not (source / "benchmarks").is_dir():
        sys.stderr.write(f"Choose one of {', '.join(sorted(BENCHES))}, and run from a checkout of the source.\n")
        return EXIT_UNKNOWN
    # The installed command does not have the folder that it was started from on its path.
    sys.path.insert(0, str(source))
    report: dict[str, Any] = importlib.import_module(BENCHES[name]).report(seconds)
    sys.stdout.write((json.dumps(report) if as_json else as_text(report)) + "\n")
    return 0 if all(figure["holds"] for figure in report["figures"]) else EXIT_MISSED


def as_text(report: Mapping[str, Any]) -> str:
    lines = [
        f"{figure['id']:4} {'holds ' if figure['holds'] else 'MISSED'} {figure['ratio']:8.3f}x "
        f"(must {figure['must']}, stretch {figure['stretch']})  {figure['what']}"
        for figure in report["figures"]
    ]
    return "\n".join([*lines, *report.get("notes", ())])

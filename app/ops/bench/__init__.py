"""`switchboard bench NAME`: measures the running product beside its limits. docs/performance.md has the lines."""

from app.ops.bench.program import NAMES, run

__all__ = ["NAMES", "run"]

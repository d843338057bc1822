"""The sources of `app`, parsed once for the tests of the architecture."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Source:
    path: Path
    """Relative to the repository, for example app/routing/engine.py."""
    tree: ast.Module

    @property
    def module(self) -> str:
        parts = self.path.with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def all_sources() -> tuple[Source, ...]:
    files = sorted((ROOT / "app").rglob("*.py"))
    return tuple(Source(file.relative_to(ROOT), ast.parse(file.read_text())) for file in files)

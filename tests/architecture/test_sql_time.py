"""Time is an argument: no statement of ours asks the database what time it is."""

import ast
import re

import pytest

from tests.architecture.sources import Source, all_sources

SQL_TIME = re.compile(
    r"\bnow\s*\(\s*\)|\b(clock|statement|transaction)_timestamp\b|\b(current|local)_?(date|time|timestamp)\b",
    re.IGNORECASE,
)
# The event's partition key is the database's own time, and the dispatcher bounds its search by the same; the clock is
# how all others follow it.
EXCEPTED = {"app/core/models.py": 1, "app/core/positions.py": 2, "app/core/clock.py": 1}


def sql_times(tree: ast.Module) -> list[str]:
    """Texts that ask for the time, and `func.now()`. Docstrings may speak of it."""
    docstrings = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            found += [f"line {node.lineno}: {match[0]}" for match in SQL_TIME.finditer(node.value)]
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "func":
            found += [f"line {node.lineno}: func.{node.attr}"] if SQL_TIME.search(f"{node.attr}()") else []
    return found


@pytest.mark.parametrize("source", all_sources(), ids=lambda source: str(source.path))
def test_no_statement_asks_for_the_time(source: Source) -> None:
    found = sql_times(source.tree)
    assert len(found) <= EXCEPTED.get(str(source.path), 0), found


@pytest.mark.parametrize(
    "text",
    ['x = text("SELECT now()")', 'x = f"{y} < CURRENT_TIMESTAMP"', 'x = "clock_timestamp()"', "x = func.now()"],
)
def test_the_check_finds_what_it_is_for(text: str) -> None:
    assert sql_times(ast.parse(text)) != []


def test_docstrings_may_speak_of_it() -> None:
    assert sql_times(ast.parse('def f():\n    """Never now()."""')) == []

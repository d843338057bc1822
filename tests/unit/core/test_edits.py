"""An edit names the path of what changed, and of lists what was taken out and put in."""

from typing import Any

import pytest

from app.core.edits import edits_between


@pytest.mark.parametrize(
    ("before", "after", "edits"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [("a", 1, 2)]),
        ({"a": {"b": None, "c": 3}}, {"a": {"b": "x", "c": 3}}, [("a.b", None, "x")]),
        ({"a": [1, 2]}, {"a": [2, 3]}, [("a", [1], [3])]),
        ({"a": [1, 2]}, {"a": [2, 1]}, [("a", [1, 2], [2, 1])]),
        ({"a": [1]}, {"a": [1, 1]}, [("a", [1], [1, 1])]),
        ({"t": [{"m": "x", "s": 1}]}, {"t": [{"m": "x", "s": 2}]}, [("t", [{"m": "x", "s": 1}], [{"m": "x", "s": 2}])]),
        ({}, {"2026-10-10": ["09:00-12:00"]}, [("2026-10-10", None, ["09:00-12:00"])]),
    ],
)
def test_edits(before: dict[str, Any], after: dict[str, Any], edits: list[tuple[str, Any, Any]]) -> None:
    assert [(edit.path, edit.before, edit.after) for edit in edits_between(before, after)] == edits

"""What is added to the generated OpenAPI document."""

from typing import Any

from app.core.openapi import say_all


def document(parameter: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    operation = {"parameters": [{"name": "after", "in": "query", "schema": parameter}]}
    return {"paths": {"/things": {"get": operation}}, "components": {"schemas": {"Thing": schema}}}


def test_a_parameter_may_be_left_out_but_is_never_null() -> None:
    made = document({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}], "title": "After"}, {})
    say_all(made)
    parameter = made["paths"]["/things"]["get"]["parameters"][0]["schema"]
    assert parameter == {"type": "integer", "minimum": 1, "title": "After"}


def test_keys_with_a_pattern_are_the_only_ones_and_saying_so_twice_changes_nothing() -> None:
    made = document({"type": "string"}, {"type": "object", "patternProperties": {"^[a-z]+$": {"type": "string"}}})
    say_all(made)
    assert made["components"]["schemas"]["Thing"]["additionalProperties"] is False
    once = str(made)
    say_all(made)
    assert str(made) == once

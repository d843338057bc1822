"""What the generated OpenAPI document leaves out, although the models check it."""

from typing import Any

NOTHING = {"type": "null"}


def say_all(document: dict[str, Any]) -> None:
    """Changes it in place; a document that went through it before stays as it is.

    A parameter that may be left out is no parameter that may be null: in an address or a header nothing is. And where
    the keys of an object have a pattern, a key without it is refused.
    """
    for item in document["paths"].values():
        for operation in item.values():
            for parameter in operation.get("parameters", ()) if isinstance(operation, dict) else ():
                parameter["schema"] = _without_null(parameter["schema"])
    _close_patterns(document)


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    branches = [branch for branch in schema.get("anyOf", ()) if branch != NOTHING]
    if len(branches) != 1:
        return schema
    return {**{name: value for name, value in schema.items() if name != "anyOf"}, **branches[0]}


def _close_patterns(part: Any) -> None:
    if isinstance(part, dict):
        if "patternProperties" in part:
            part.setdefault("additionalProperties", False)
        for each in part.values():
            _close_patterns(each)
    elif isinstance(part, list):
        for each in part:
            _close_patterns(each)

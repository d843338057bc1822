"""Our models as JSON Schema draft 07, which is what an AsyncAPI document is written in."""

from collections.abc import Collection
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from pydantic_core import CoreSchema

Json = dict[str, Any]
REFERENCE = "#/components/schemas/{model}"


class _Plain(GenerateJsonSchema):
    """Without a title on each member: it would repeat the member's name."""

    def field_title_should_be_set(self, schema: CoreSchema) -> bool:
        return False


def schemas_of(models: Collection[type[BaseModel]], *, whole: Collection[type[BaseModel]]) -> Json:
    """Every model, and what they refer to, by name.

    No member but those listed is allowed, unless the model takes others. `whole`: models we send with all of their
    members, so that none is optional for who reads them.
    """
    _, made = models_json_schema(
        [(model, "validation") for model in models], ref_template=REFERENCE, schema_generator=_Plain
    )
    schemas: Json = {name: _as_draft_07(schema) for name, schema in made["$defs"].items()}
    for model in whole:
        schemas[model.__name__]["required"] = list(schemas[model.__name__]["properties"])
    return schemas


def _as_draft_07(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_as_draft_07(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _as_draft_07(value) for name, value in schema.items() if name not in ("prefixItems", "examples")}
    if "prefixItems" in schema:
        found["items"] = _as_draft_07(schema["prefixItems"])
    if found.get("type") == "object" and "properties" in found:
        found.setdefault("additionalProperties", False)
    return found

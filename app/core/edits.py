"""What one version of a stored document says differently from the one before it."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue


class Edit(BaseModel):
    """`path` is dotted, as in refusals. Of a list, `before` has the items taken out and `after` those put in."""

    model_config = ConfigDict(frozen=True)

    path: str
    before: JsonValue
    after: JsonValue


def edits_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Edit]:
    """Of two JSON objects, by path."""
    return list(_edits("", before, after))


def _edits(path: str, before: Any, after: Any) -> Iterator[Edit]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted(before.keys() | after.keys()):
            yield from _edits(f"{path}.{name}" if path else name, before.get(name), after.get(name))
        return
    if isinstance(before, list) and isinstance(after, list):
        taken, put = [each for each in before if each not in after], [each for each in after if each not in before]
        # The same items in another order: only the whole lists tell.
        before, after = (taken, put) if taken or put else (before, after)
    yield Edit(path=path, before=before, after=after)

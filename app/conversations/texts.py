"""What text may be: bounded, and storable."""

from collections.abc import Iterable, Mapping
from typing import Any

from app.core.errors import InvalidInput

MAX_BODY_CHARACTERS = 16_000
PREVIEW_CHARACTERS = 140


def check_text(text: str, *, field: str, maximum: int, minimum: int = 0) -> str:
    """The text itself. Refuses what PostgreSQL or UTF-8 cannot hold, and what is too short or too long."""
    if "\0" in text:
        raise InvalidInput("text_has_nul", f"`{field}` holds a NUL character: remove it.", field=field)
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidInput("text_has_lone_surrogate", f"`{field}` is not valid Unicode text: mend it.", field=field)
    if len(text) > maximum:
        raise InvalidInput("text_too_long", f"`{field}` may have {maximum} characters at most.", field=field)
    if len(text.strip()) < minimum:
        raise InvalidInput("text_empty", f"`{field}` must not be empty.", field=field)
    return text


def preview(body: str, attachments: Iterable[Mapping[str, Any]] = ()) -> str:
    """The beginning of a message on one line, for lists; without words, what its files are called."""
    line = " ".join(body[: PREVIEW_CHARACTERS * 2].split()) or ", ".join(str(one.get("name")) for one in attachments)
    return line if len(line) <= PREVIEW_CHARACTERS else line[: PREVIEW_CHARACTERS - 1] + "…"

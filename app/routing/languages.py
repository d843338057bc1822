"""Languages as requirements: a skill named by its primary tag, which a ring may relax only by naming it."""

from collections.abc import Iterable, Mapping, Sequence

PREFIX = "language:"
LEVEL = 1


def primary(tag: str) -> str:
    """`zh` of `zh-CN`."""
    return tag.replace("_", "-").split("-", 1)[0].lower()


def skills(tags: Sequence[str]) -> dict[str, int]:
    """What an agent's languages are worth to requirements."""
    return {PREFIX + primary(tag): LEVEL for tag in tags}


def requirement(language: str, spoken: Iterable[Sequence[str]]) -> dict[str, int]:
    """The customer's language as a requirement, if one of these people speaks it."""
    wanted = PREFIX + primary(language)
    return {wanted: LEVEL} if any(wanted in skills(tags) for tags in spoken) else {}


def split(requirements: Mapping[str, int]) -> tuple[dict[str, int], tuple[str, int] | None]:
    """A work's stored requirements as (skills, language)."""
    language = next(((name, level) for name, level in requirements.items() if name.startswith(PREFIX)), None)
    return {name: level for name, level in requirements.items() if not name.startswith(PREFIX)}, language

"""Requirements that fade while work waits, as the rings they amount to."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from app.core.errors import InvalidInput
from app.routing.facts import MAX_LEVEL, MIN_LEVEL, Fade, Ring


def with_fading(rings: Sequence[Ring], fading: Mapping[str, Fade]) -> tuple[Ring, ...]:
    """The configured rings in their own order, and between them a ring for each moment at which a minimum falls.

    Work may ask more of a skill than its queue does, so there are steps enough for the highest level.
    """
    falls = _falls(fading)
    merged = [replace(ring, lowers=frozenset(falls.pop(ring.enter_after_seconds, ()))) for ring in rings]
    for after, skills in sorted(falls.items()):
        place = next((place for place, ring in enumerate(merged) if ring.enter_after_seconds > after), len(merged))
        merged.insert(place, Ring(after, lowers=frozenset(skills)))
    return tuple(merged)


def falls_at_seconds(fading: Mapping[str, Fade]) -> list[float]:
    """After how much waiting some minimum falls."""
    return sorted(_falls(fading))


def openings(rings: Sequence[Ring]) -> list[int]:
    """By number of a configured ring (0: none), which of all the rings it is."""
    return [0, *(number for number, ring in enumerate(rings, 1) if not ring.only_fades)]


def check_fading(requirements: Mapping[str, int], fading: Mapping[str, Fade]) -> None:
    """Raises InvalidInput `level_out_of_range`, `fading_contradicts`."""
    for skill, fade in sorted(fading.items()):
        if not MIN_LEVEL <= fade.floor < MAX_LEVEL:
            allowed = f"from {MIN_LEVEL} to {MAX_LEVEL - 1}"
            raise InvalidInput("level_out_of_range", f"fading.{skill}.floor must be {allowed}, not {fade.floor}.")
        if skill in requirements and requirements[skill] <= fade.floor:
            raise InvalidInput(
                "fading_contradicts",
                f"fading.{skill} ends at {fade.floor}, but {requirements[skill]} is required; choose a lower floor.",
                errors=[
                    {
                        "path": f"body.fading.{skill}.floor",
                        "message": "not under what is required: choose a lower floor",
                    }
                ],
            )


def _falls(fading: Mapping[str, Fade]) -> dict[float, set[str]]:
    falls: dict[float, set[str]] = {}
    for skill, fade in fading.items():
        for step in range(1, MAX_LEVEL - fade.floor + 1):
            falls.setdefault(step * fade.step_seconds, set()).add(skill)
    return falls

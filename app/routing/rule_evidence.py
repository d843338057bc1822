"""What the rules made of a work, as it is kept with the work: plain JSON that says which rule gave what."""

from dataclasses import dataclass, replace

from app.routing.rules import Outcome


@dataclass(frozen=True, slots=True)
class Ruled:
    """An outcome and the version of the rules it came from."""

    version: int
    outcome: Outcome

    def where_it_stands(self) -> "Ruled":
        """For work whose queue somebody chose: the rules' queue is not asked, nor are the skills meant for it."""
        fired = (
            replace(step, sets=tuple(name for name in step.sets if not _is_of_place(name)))
            for step in self.outcome.fired
        )
        kept = tuple(step for step in fired if step.sets)
        return replace(self, outcome=replace(self.outcome, queue_id=None, requirements={}, preferred=(), fired=kept))


def _is_of_place(name: str) -> bool:
    return name in ("queue_id", "preferred") or name.startswith("requirements.")


def effects(outcome: Outcome) -> dict[str, object]:
    """By field, without those that no rule set."""
    plain: dict[str, object] = {
        "queue_id": str(outcome.queue_id) if outcome.queue_id else None,
        "tier": outcome.tier,
        "priority": outcome.priority,
        "language": outcome.language,
        "requirements": dict(outcome.requirements) or None,
        "preferred": [str(skill) for skill in outcome.preferred] or None,
    }
    return {name: value for name, value in plain.items() if value is not None}


def document(ruled: Ruled) -> dict[str, object]:
    """`sets` names what a rule was the first to set."""
    return {
        "version": ruled.version,
        "fired": [{"number": one.number, "name": one.name, "sets": list(one.sets)} for one in ruled.outcome.fired],
        "effects": effects(ruled.outcome),
    }

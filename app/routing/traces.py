"""The stored form of a trace: plain JSON that stays readable when the engine's classes change."""

from app.routing.capacity import Ledger
from app.routing.decisions import Trace
from app.routing.ranking import Rank


def document(trace: Trace) -> dict[str, object]:
    """Candidates with their rank vectors named by rule, who was removed by which rule, the ledger around it."""
    return {
        "queue_id": str(trace.queue_id),
        "policy": trace.policy,
        "policy_version": trace.policy_version,
        "ring": trace.ring,
        "asked_alone": trace.asked_alone,
        "decided_by": trace.decided_by,
        "eligible": trace.eligible,
        "candidates": candidates(trace),
        "removed": {rule: count for rule, count in trace.removed._asdict().items() if count},
        "ledger_before": _ledger(trace.ledger_before),
        "ledger_after": _ledger(trace.ledger_after),
    }


def candidates(trace: Trace) -> list[dict[str, object]]:
    """Each with its rank named by rule, the winner first."""
    return [{"agent_id": str(agent_id), "rank": _named(trace.rules, rank)} for agent_id, rank in trace.candidates]


def _named(rules: tuple[str, ...], rank: Rank) -> dict[str, object]:
    """JSON of a rank vector: its parts that are vectors as lists, whole numbers beyond JSON's as text."""
    return {rule: value if type(value) is float else _plain(value) for rule, value in zip(rules, rank, strict=False)}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, int):
        # A hash is wider than JSON's numbers are exact.
        return value if -(2**53) <= value <= 2**53 else str(value)
    return value


def _ledger(ledger: Ledger | None) -> dict[str, object] | None:
    if ledger is None:
        return None
    return {"capacity_units": ledger.capacity_units, "used_units": ledger.used_units, "counts": dict(ledger.counts)}

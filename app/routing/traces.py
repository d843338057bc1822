"""The stored form of a trace: plain JSON that stays readable when the engine's classes change."""

from app.routing.capacity import Ledger
from app.routing.decisions import Trace


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
        "candidates": [
            {
                "agent_id": str(candidate.agent_id),
                "rank": dict(zip(trace.rules, map(_plain, candidate.rank), strict=False)),
            }
            for candidate in trace.candidates
        ],
        "removed": {rule: count for rule, count in trace.removed._asdict().items() if count},
        "ledger_before": _ledger(trace.ledger_before),
        "ledger_after": _ledger(trace.ledger_after),
    }


def _plain(value: object) -> object:
    if type(value) is float:  # nearly all
        return value
    if isinstance(value, int):
        # A hash is wider than JSON's numbers are exact.
        return value if -(2**53) <= value <= 2**53 else str(value)
    return [_plain(part) for part in value] if isinstance(value, tuple) else value


def _ledger(ledger: Ledger | None) -> dict[str, object] | None:
    if ledger is None:
        return None
    return {"capacity_units": ledger.capacity_units, "used_units": ledger.used_units, "counts": dict(ledger.counts)}

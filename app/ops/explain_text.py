"""The words of `switchboard explain`: what was decided and what would be now, from the API's answer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from app.ops.words import Words
from app.routing.decisions import Removed
from app.routing.schemas import DecisionView, Explanation, PresentStanding, WorkView

LANGUAGE_PREFIX = "language:"
NAMES_SHOWN = 20
KEPT = Removed._fields
"""In the order in which the rules are asked; JSON in the database forgets it, as it does that of the ranks."""
RULES = (
    "sticky",
    "least_versatile",
    "skill_fit",
    "only_avoid_interruption",
    "pack_or_spread",
    "spread",
    "longest_idle",
    "stable_hash",
)
INDENT = "   "


@dataclass(frozen=True, slots=True)
class Reader:
    """Whom it is told to and by which names."""

    words: Words
    zone: ZoneInfo
    names: Mapping[UUID, str]
    queue: str
    skills: Mapping[str, str]
    now: datetime

    def name(self, agent_id: object) -> str:
        return self.names.get(UUID(str(agent_id))) or self.words("console.why_table.someone")

    def time(self, at: datetime) -> str:
        return at.astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S")

    def named(self, stem: str, code: object) -> str:
        """A later release may have stored codes that this one has no words for."""
        key = f"{stem}.{code}"
        return self.words(key) if self.words.has(key) else str(code)

    def rule(self, code: object) -> str:
        return self.named("console.why_rule", code)

    def demands(self, requirements: Mapping[str, int]) -> str:
        return ", ".join(self._demand(skill, level) for skill, level in sorted(requirements.items()))

    def _demand(self, skill: str, level: int) -> str:
        if skill.startswith(LANGUAGE_PREFIX):
            return self.words("explain.language", tag=skill.removeprefix(LANGUAGE_PREFIX))
        return self.words("explain.skill", skill=self.skills.get(skill, skill), level=level)


def as_text(reader: Reader, explanation: Explanation) -> str:
    lines = [*_head(reader, explanation.work), "", reader.words("explain.decided")]
    for decision in explanation.decisions:
        lines += _decision(reader, decision)
    if not explanation.decisions:
        lines.append(INDENT + reader.words("console.why_said.nothing"))
    return "\n".join([*lines, "", *_now(reader, explanation)])


def _head(reader: Reader, work: WorkView | None) -> Iterator[str]:
    words = reader.words
    if work is None:
        yield words("explain.no_work")
        return
    state = reader.named("explain.state", work.state)
    holder = reader.name(work.agent_id) if work.agent_id else words("explain.nobody")
    yield words("explain.work", queue=reader.queue, channel=work.channel, state=state, agent=holder)
    yield words(
        "explain.times",
        ready=reader.time(work.ready_at),
        due=reader.time(work.due_at),
        waited=_span(reader.now - work.ready_at),
    )
    yield words("explain.order", tier=work.tier, priority=work.priority, units=work.units)
    if work.requirements:
        yield words("explain.asks", demands=reader.demands(work.requirements))
    if work.unroutable_reason:
        yield words("console.why_said.unroutable", reason=reader.named("console.why_reason", work.unroutable_reason))
    if work.rules:
        for fired in work.rules.fired:
            sets = ", ".join(fired.sets) or words("explain.sets_nothing")
            yield words("explain.fired", version=work.rules.version, number=fired.number, name=fired.name, sets=sets)


def _decision(reader: Reader, decision: DecisionView) -> Iterator[str]:
    yield f"{reader.time(decision.decided_at)}  {_sentence(reader, decision)}"
    trace: Mapping[str, Any] = decision.trace
    if terms := _terms(reader, trace):
        yield INDENT + terms
    yield from _ranked(reader, trace.get("candidates") or [], chosen=decision.outcome == "offer")
    counts = trace.get("removed") or {}
    removed = [(reader.named("console.why_removed", rule), counts[rule]) for rule in KEPT if rule in counts]
    if removed:
        told = " · ".join(reader.words("explain.count", what=what, number=number) for what, number in removed)
        yield INDENT + reader.words("explain.removed", told=told)


def _sentence(reader: Reader, decision: DecisionView) -> str:
    words, trace = reader.words, decision.trace
    name = reader.name(decision.agent_id) if decision.agent_id else ""
    if decision.outcome == "offer":
        if trace.get("decided_by") == "only_candidate":
            return words("console.why_said.only", name=name)
        rule = reader.rule(trace.get("decided_by", "only_candidate"))
        return words("console.why_said.offer", name=name, count=trace.get("eligible", 0), rule=rule)
    if decision.outcome in ("wait", "unroutable"):
        reason = reader.named("console.why_reason", trace.get("reason", "in_line"))
        return words(f"console.why_said.{decision.outcome}", reason=reason)
    if decision.outcome == "due_counted":
        return _due(reader, trace)
    key = f"console.why_said.{decision.outcome}"
    if not name and words.has(f"{key}_queue"):
        return words(f"{key}_queue")
    return words(key, name=name) if words.has(key) else decision.outcome


def _due(reader: Reader, trace: Mapping[str, Any]) -> str:
    calendar, due = (trace.get("calendar") or {}).get("name", ""), datetime.fromisoformat(trace["after"])
    return reader.words(f"console.why_due.{trace['counted']}", calendar=calendar, due=reader.time(due))


def _terms(reader: Reader, trace: Mapping[str, Any]) -> str:
    words, parts = reader.words, []
    if trace.get("policy"):
        policy = reader.named("console.why_policy", trace["policy"])
        parts.append(words("console.why_table.policy", policy=policy, version=trace.get("policy_version", 1)))
        parts.append(_ring(reader, int(trace.get("ring") or 0), bool(trace.get("asked_alone"))))
    before, after = trace.get("ledger_before"), trace.get("ledger_after")
    if before and after:
        used = {"before": before["used_units"], "after": after["used_units"], "capacity": after["capacity_units"]}
        parts.append(words("console.why_table.load", **used))
    return " · ".join(parts)


def _ring(reader: Reader, ring: int, asked_alone: bool) -> str:
    if asked_alone:
        return reader.words("console.why_table.asked_alone")
    return reader.words("console.why_table.ring", ring=ring) if ring else reader.words("console.why_table.ring_own")


def _ranked(reader: Reader, candidates: Sequence[Mapping[str, Any]], *, chosen: bool) -> Iterator[str]:
    """The winner and why each next one stands behind the one before it."""
    words = reader.words
    for place, candidate in enumerate(candidates, start=1):
        told = words("console.why_table.first")
        if place > 1:
            rule = _first_difference(candidates[0]["rank"], candidate["rank"])
            told = words("console.why_table.behind", rule=reader.rule(rule))
        elif chosen and len(candidates) > 1:
            rule = _first_difference(candidate["rank"], candidates[1]["rank"])
            told = words("console.why_table.chosen", rule=reader.rule(rule))
        elif chosen:
            told = words("console.why_table.chosen", rule=reader.rule("only_candidate"))
        yield f"{INDENT}{place}. {reader.name(candidate['agent_id'])}  {told}"


def _first_difference(first: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    return next((rule for rule in RULES if rule in first and first[rule] != other.get(rule)), "stable_hash")


def _now(reader: Reader, explanation: Explanation) -> Iterator[str]:
    words, standing = reader.words, explanation.now
    if standing is None:
        yield words("explain.now_nothing")
        return
    yield words("explain.now", time=reader.time(standing.as_of))
    yield INDENT + _would(reader, standing)
    yield INDENT + _ring(reader, standing.ring, standing.asked_alone)
    if standing.requirements:
        yield INDENT + words("explain.asks", demands=reader.demands(standing.requirements))
    yield from _ranked(reader, standing.candidates, chosen=False)
    for kept in standing.kept_out:
        names = ", ".join(sorted(map(reader.name, kept.agent_ids))[:NAMES_SHOWN])
        more = words("explain.more", number=kept.count - NAMES_SHOWN) if kept.count > NAMES_SHOWN else ""
        what = reader.named("console.why_removed", kept.rule)
        yield INDENT + words("explain.kept_out", what=what, number=kept.count, names=names + more)


def _would(reader: Reader, standing: PresentStanding) -> str:
    if not standing.candidates:
        return reader.words("console.why_now.would_wait")
    return reader.words(
        "console.why_now.would_go", name=reader.name(standing.candidates[0]["agent_id"]), count=standing.eligible
    )


def _span(span: timedelta) -> str:
    minutes, seconds = divmod(max(int(span.total_seconds()), 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"

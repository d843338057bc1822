"""Routing rules: an ordered list that says, from what is known of a conversation, where and how its work waits."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, model_validator

from app.core.numbers import WholeNumber
from app.core.plain_text import NO_NUL
from app.customers.time_zones import require_zone
from app.routing.facts import MAX_LEVEL, MIN_LEVEL

RULES_LIMIT = 200
VALUES_LIMIT = 100
ATTRIBUTES_LIMIT = 20
SPANS_LIMIT = 10
REQUIREMENTS_LIMIT = 20
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_A_DAY = 24 * 60

Word = Annotated[str, Field(min_length=1, max_length=100, pattern=NO_NUL)]
Words = Annotated[list[Word], Field(max_length=VALUES_LIMIT)]
Tag = Annotated[str, Field(min_length=2, max_length=35, pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$")]
Level = Annotated[WholeNumber, Field(ge=MIN_LEVEL, le=MAX_LEVEL)]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Span = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$")]
Spans = Annotated[list[Span], Field(max_length=SPANS_LIMIT)]
Zone = Annotated[str, AfterValidator(require_zone), Field(min_length=1, max_length=64)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Hours(Part):
    """Days and hours on the wall of `zone`. A span that ends before it begins goes on into the next day."""

    zone: Zone
    weekly: dict[Day, Spans] = Field(max_length=len(DAYS), examples=[{"mon": ["09:00-18:00"], "sat": ["22:00-02:00"]}])
    outside: StrictBool = Field(default=False, description="Holds outside of these hours instead of within them")

    @model_validator(mode="after")
    def _names_some_time(self) -> Self:
        spans = [span for each in self.weekly.values() for span in each]
        if not spans:
            raise ValueError("weekly: give at least one span")
        if any(span[:5] == span[6:] for span in spans):
            raise ValueError("weekly: a span has no length")
        return self


class RuleConditions(Part):
    """Each names the values it lets pass; an empty one lets all pass. All of them must agree."""

    channels: Words = Field(default=[])
    channel_account_ids: list[UUID] = Field(default=[], max_length=VALUES_LIMIT)
    brands: Words = Field(default=[])
    categories: Words = Field(default=[])
    segments: Words = Field(default=[])
    languages: Words = Field(default=[], description='"zh" lets "zh-CN" pass')
    attributes: dict[Word, Annotated[list[Word], Field(min_length=1, max_length=VALUES_LIMIT)]] = Field(
        default={}, max_length=ATTRIBUTES_LIMIT, description="Of the customer: each name with the values it lets pass"
    )
    hours: Hours | None = Field(default=None, description="When the conversation comes to routing")


class Effects(Part):
    """What is left out is left to later rules, and at last to the channel account and the queue."""

    queue_id: UUID | None = None
    tier: WholeNumber | None = Field(default=None, ge=0, le=2)
    priority: WholeNumber | None = Field(default=None, ge=0, le=9)
    requirements: dict[UUID, Level] = Field(
        default={}, max_length=REQUIREMENTS_LIMIT, description="Skill to the least proficiency, beside the queue's own"
    )
    preferred: list[UUID] = Field(
        default=[],
        max_length=REQUIREMENTS_LIMIT,
        description="Skills that rank whoever has them, beside the queue's own",
    )
    language: Tag | None = Field(default=None, description="In which to answer, instead of the conversation's own")

    def fields(self) -> dict[str, object]:
        """What it sets, by name; each skill is a field of its own."""
        plain: dict[str, object] = {name: getattr(self, name) for name in ("queue_id", "tier", "priority", "language")}
        given = {name: value for name, value in plain.items() if value is not None}
        given |= {"preferred": tuple(self.preferred)} if self.preferred else {}
        return given | {f"requirements.{skill}": level for skill, level in self.requirements.items()}


class Rule(Part):
    name: Annotated[str, Field(min_length=1, max_length=120, pattern=NO_NUL)]
    enabled: StrictBool = True
    conditions: RuleConditions = RuleConditions()
    effects: Effects = Effects()
    stop: StrictBool = Field(default=False, description="No later rule is asked once this one has fired")

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not self.stop and not self.effects.fields():
            raise ValueError("effects: give at least one, or let the rule stop")
        return self


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """What rules are chosen by. `at` has a zone."""

    channel: str
    at: datetime
    channel_account_id: UUID | None = None
    brand: str = ""
    category: str = ""
    segments: Sequence[str] = ()
    language: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """What became of one rule, counted from 1. `failed`: the first condition that did not hold."""

    number: int
    name: str
    became: Literal["fired", "failed", "disabled", "not_asked"]
    failed: str | None = None
    sets: tuple[str, ...] = ()
    """The fields it was the first to set."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The effects of the rules that fired; of two that set the same field the first one wins."""

    queue_id: UUID | None = None
    tier: int | None = None
    priority: int | None = None
    language: str | None = None
    requirements: Mapping[str, int] = field(default_factory=dict)
    """Skill id to the least proficiency."""
    preferred: tuple[UUID, ...] = ()
    fired: tuple[Step, ...] = ()


def why_not(conditions: RuleConditions, facts: RuleFacts) -> str | None:
    """The first condition that does not hold; None: all do."""
    if conditions.channels and facts.channel not in conditions.channels:
        return "channel"
    if conditions.channel_account_ids and facts.channel_account_id not in conditions.channel_account_ids:
        return "channel_account"
    if conditions.brands and facts.brand not in conditions.brands:
        return "brand"
    if conditions.categories and facts.category not in conditions.categories:
        return "category"
    if conditions.segments and set(conditions.segments).isdisjoint(facts.segments):
        return "segment"
    if conditions.languages and not _speaks(facts.language, conditions.languages):
        return "language"
    if conditions.attributes and not _has_attributes(facts.attributes, conditions.attributes):
        return "attributes"
    if conditions.hours is not None and not _is_within(conditions.hours, facts.at):
        return "hours"
    return None


def _speaks(language: str, tags: Iterable[str]) -> bool:
    spoken = language.lower()
    return any(spoken == tag.lower() or spoken.startswith(f"{tag.lower()}-") for tag in tags)


def _has_attributes(attributes: Mapping[str, Any], wanted: Mapping[str, Sequence[str]]) -> bool:
    return all(not set(values).isdisjoint(_texts(attributes.get(name))) for name, values in wanted.items())


def _texts(value: object) -> list[str]:
    """An attribute as rules write it: a list has each of its values, what is nested has none."""
    if isinstance(value, list):
        return [text for each in value if not isinstance(each, list) for text in _texts(each)]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    return [str(value)] if isinstance(value, str | int | float) else []


def _is_within(hours: Hours, at: datetime) -> bool:
    local = at.astimezone(ZoneInfo(hours.zone))
    minute = local.hour * 60 + local.minute
    today, yesterday = DAYS[local.weekday()], DAYS[(local.date() - timedelta(days=1)).weekday()]
    within = any(
        start <= minute < (end if end > start else MINUTES_A_DAY) for start, end in _minutes(hours, today)
    ) or any(end < start and minute < end for start, end in _minutes(hours, yesterday))
    return within is not hours.outside


def _minutes(hours: Hours, day: str) -> Iterable[tuple[int, int]]:
    spans: Sequence[str] = next((each for name, each in hours.weekly.items() if name == day), ())
    for span in spans:
        yield int(span[:2]) * 60 + int(span[3:5]), int(span[6:8]) * 60 + int(span[9:])


def walk(rules: Sequence[Rule], facts: RuleFacts) -> list[Step]:
    """What became of each rule, in their order."""
    steps: list[Step] = []
    written: set[str] = set()
    stopped = False
    for number, rule in enumerate(rules, 1):
        if stopped or not rule.enabled:
            steps.append(Step(number, rule.name, "not_asked" if stopped else "disabled"))
            continue
        failed = why_not(rule.conditions, facts)
        if failed is not None:
            steps.append(Step(number, rule.name, "failed", failed))
            continue
        sets = tuple(name for name in rule.effects.fields() if name not in written)
        written.update(sets)
        steps.append(Step(number, rule.name, "fired", sets=sets))
        stopped = rule.stop
    return steps


def outcome_of(rules: Sequence[Rule], steps: Sequence[Step]) -> Outcome:
    values: dict[str, Any] = {}
    requirements: dict[str, Any] = {}
    fired = tuple(step for step in steps if step.became == "fired")
    for step in fired:
        effects = rules[step.number - 1].effects.fields()
        for name in step.sets:
            head, _, skill = name.partition(".")
            (requirements if skill else values)[skill or head] = effects[name]
    return Outcome(**values, requirements=requirements, fired=fired)


def apply(rules: Sequence[Rule], facts: RuleFacts) -> Outcome:
    return outcome_of(rules, walk(rules, facts))


def unreachable(rules: Sequence[Rule]) -> list[tuple[int, int]]:
    """(rule, the earlier one that stops whatever this one would let pass), both counted from 1."""
    stops: list[tuple[int, RuleConditions]] = []
    found: list[tuple[int, int]] = []
    for number, rule in enumerate(rules, 1):
        if not rule.enabled:
            continue
        by = next((earlier for earlier, conditions in stops if _covers(conditions, rule.conditions)), None)
        if by is not None:
            found.append((number, by))
        elif rule.stop:
            stops.append((number, rule.conditions))
    return found


def _covers(wide: RuleConditions, narrow: RuleConditions) -> bool:
    """Whatever passes `narrow` passes `wide`. False also where that cannot be told from the lists alone."""
    pairs: list[tuple[Iterable[object], Iterable[object]]] = [
        (getattr(wide, name), getattr(narrow, name))
        for name in ("channels", "channel_account_ids", "brands", "categories", "segments", "languages")
    ]
    pairs += [(values, narrow.attributes.get(name, ())) for name, values in wide.attributes.items()]
    lists = all(not outer or (inner and set(inner) <= set(outer)) for outer, inner in pairs)
    return lists and (wide.hours is None or wide.hours == narrow.hours)

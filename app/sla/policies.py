"""What a policy promises to whom, and which policy wins for a conversation."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, StrictBool, model_validator

from app.core.numbers import WholeNumber
from app.core.plain_text import NO_NUL
from app.sla.actions import Ladders, Part, Threshold
from app.sla.calendar_spec import CalendarHistory, working_time
from app.sla.case_file import GRACE_LIMIT_SECONDS, TARGET_LIMIT_SECONDS, DateMetricName, MetricName
from app.sla.clock import Target
from app.sla.conversation_state import Rules

Family = Literal["queue", "reply", "update", "resolution", "ownership", "promise", "statutory"]
FAMILIES: dict[str, Family] = {
    "queue_wait": "queue",
    "first_reply": "reply",
    "next_reply": "reply",
    "periodic_update": "update",
    "pausable_update": "update",
    "requester_wait": "resolution",
    "agent_work": "resolution",
    "first_resolution": "resolution",
    "total_resolution": "resolution",
    "group_ownership": "ownership",
    "callback_promise": "promise",
    "followup_due": "promise",
    "approval_step": "promise",
    "complaint_ack": "statutory",
    "complaint_decision": "statutory",
}
"""The first policy that matches wins a whole family, so that its metrics are promised by one hand."""
VALUES_LIMIT = 100
THRESHOLDS_LIMIT = 10
# PostgreSQL has no place for a NUL in a text.
Word = Annotated[str, Field(min_length=1, max_length=64, pattern=NO_NUL)]
Words = Annotated[list[Word], Field(max_length=VALUES_LIMIT)]


class Conditions(Part):
    """Each list names the values it lets pass; an empty one lets all pass. All of them must agree."""

    channels: Words = Field(default=[])
    brands: Words = Field(default=[])
    queue_ids: list[UUID] = Field(default=[], max_length=VALUES_LIMIT)
    priorities: list[Annotated[WholeNumber, Field(ge=0, le=9)]] = Field(default=[], max_length=10)
    categories: Words = Field(default=[])
    segments: Words = Field(default=[])
    languages: Words = Field(default=[])


class TargetSpec(Part):
    metric: MetricName
    seconds: WholeNumber = Field(gt=0, le=TARGET_LIMIT_SECONDS)
    longest_pause_seconds: WholeNumber | None = Field(default=None, gt=0, le=TARGET_LIMIT_SECONDS)


class PolicyBody(Part):
    """One version of a policy. Policies are asked by `position`, the lowest first."""

    position: WholeNumber = Field(ge=0, le=100_000)
    conditions: Conditions = Conditions()
    calendar_id: UUID | None = Field(default=None, description="Null: round the clock")
    targets: list[TargetSpec] = Field(default=[], max_length=len(FAMILIES))
    dates: list[DateMetricName] = Field(
        default=[],
        max_length=len(FAMILIES),
        description="Promises with their own date to which the thresholds and ladders apply",
    )
    thresholds: list[Threshold] = Field(default=[], max_length=THRESHOLDS_LIMIT)
    ladders: Ladders = Ladders()
    frozen: list[MetricName] = Field(
        default=[],
        max_length=len(FAMILIES),
        description="Metrics that keep this policy when priority, segment or queue change",
    )
    reopen_grace_seconds: WholeNumber = Field(default=600, ge=0, le=GRACE_LIMIT_SECONDS)
    bot_answers: StrictBool = False

    @model_validator(mode="after")
    def _says_each_thing_once(self) -> Self:
        metrics = [target.metric for target in self.targets]
        if not metrics and not self.dates:
            raise ValueError("targets: give at least one, or name promises with their own date in dates")
        if len(set(metrics)) < len(metrics):
            raise ValueError("targets: give each metric once")
        if len(set(self.dates)) < len(self.dates):
            raise ValueError("dates: give each metric once")
        names = [threshold.name for threshold in self.thresholds]
        if len(set(names)) < len(names):
            raise ValueError("thresholds: give each once")
        return self

    @property
    def families(self) -> set[Family]:
        return {FAMILIES[metric] for metric in (*(target.metric for target in self.targets), *self.dates)}


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    id: UUID
    policy_id: UUID
    name: str
    version: int
    body: PolicyBody


@dataclass(frozen=True, slots=True)
class Attributes:
    """What policies are chosen by."""

    channel: str
    brand: str = ""
    queue_id: UUID | None = None
    priority: int = 3
    category: str = ""
    segments: tuple[str, ...] = ()
    language: str = ""


Selection = Mapping[str, UUID]
"""Family to policy version, and metric to policy version where a frozen one keeps another than its family."""


@dataclass(frozen=True, slots=True)
class Book:
    """The policies in force in their order, every version that some conversation still keeps, and the calendars."""

    current: Sequence[PolicyVersion]
    versions: Mapping[UUID, PolicyVersion]
    calendars: Mapping[UUID, CalendarHistory] = field(default_factory=dict)
    # The conversations of a batch are much alike: what follows from the book alone is worked out once. Not init: a book
    # made from this one by `replace`, as a trial makes it, must not take over what followed from other policies.
    _selected: dict["Attributes", dict[str, UUID]] = field(init=False, default_factory=dict, compare=False, repr=False)
    _rules: dict[frozenset[tuple[str, UUID]], Rules] = field(
        init=False, default_factory=dict, compare=False, repr=False
    )


def in_order(policies: Collection[PolicyVersion]) -> list[PolicyVersion]:
    return sorted(policies, key=lambda policy: (policy.body.position, policy.name))


def why_not(conditions: Conditions, attributes: Attributes) -> str | None:
    """The first condition that does not let the conversation pass; None: all do."""
    language = attributes.language.lower()
    passes = {
        "channel": not conditions.channels or attributes.channel in conditions.channels,
        "brand": not conditions.brands or attributes.brand in conditions.brands,
        "queue": not conditions.queue_ids or attributes.queue_id in conditions.queue_ids,
        "priority": not conditions.priorities or attributes.priority in conditions.priorities,
        "category": not conditions.categories or attributes.category in conditions.categories,
        "segment": not conditions.segments or not set(conditions.segments).isdisjoint(attributes.segments),
        # "zh" lets "zh-CN" pass.
        "language": not conditions.languages
        or any(language == tag.lower() or language.startswith(f"{tag.lower()}-") for tag in conditions.languages),
    }
    return next((name for name, passed in passes.items() if not passed), None)


def select(book: Book, attributes: Attributes) -> dict[str, UUID]:
    """The first match of each family."""
    chosen = book._selected.get(attributes)
    if chosen is None:
        chosen = book._selected[attributes] = {}
        for policy in book.current:
            if why_not(policy.body.conditions, attributes) is None:
                for family in sorted(policy.body.families):
                    chosen.setdefault(family, policy.id)
    return dict(chosen)


def version_for(selection: Selection, metric: str) -> UUID | None:
    """The version that promises this metric; None: no policy does."""
    return selection.get(metric) or selection.get(FAMILIES[metric])


def reselect(book: Book, attributes: Attributes, kept: Selection) -> dict[str, UUID]:
    """`select` after a change of the conversation; each metric that a kept policy has frozen stays with it.

    A policy it has already stays in the version it has: an edit is adopted on purpose, not by the way.
    """
    chosen = select(book, attributes)
    for chosen_family, winner in chosen.items():
        known = kept.get(chosen_family)
        if known is not None and book.versions[known].policy_id == book.versions[winner].policy_id:
            chosen[chosen_family] = known
    for metric, family in FAMILIES.items():
        version_id = version_for(kept, metric)
        if version_id is None or metric not in book.versions[version_id].body.frozen:
            continue
        if version_id != chosen.get(family):
            chosen[metric] = version_id
    return chosen


def adopt(book: Book, attributes: Attributes, kept: Selection) -> dict[str, UUID]:
    """`select` after edits: what is frozen keeps its policy, as it now is; one that was retired freezes nothing."""
    newest = {policy.policy_id: policy.id for policy in book.current}
    renewed = {
        promise: newest[policy_id]
        for promise, version_id in kept.items()
        if (policy_id := book.versions[version_id].policy_id) in newest
    }
    return reselect(book, attributes, renewed)


def rules_of(book: Book, selection: Selection) -> Rules:
    """The promises of all chosen versions together. How a reopening counts is up to the first of them in order."""
    key = frozenset(selection.items())
    rules = book._rules.get(key)
    if rules is None:
        rules = book._rules[key] = _combine(book, selection)
    return rules


def _combine(book: Book, selection: Selection) -> Rules:
    chosen = in_order({version_id: book.versions[version_id] for version_id in selection.values()}.values())
    targets: dict[str, Target] = {}
    for policy in chosen:
        hours = working_time(book.calendars.get(policy.body.calendar_id, ()) if policy.body.calendar_id else ())
        for spec in policy.body.targets:
            if version_for(selection, spec.metric) == policy.id:
                pause = None if spec.longest_pause_seconds is None else timedelta(seconds=spec.longest_pause_seconds)
                targets[spec.metric] = Target(spec.metric, timedelta(seconds=spec.seconds), hours, pause)
    if not chosen:
        return Rules(targets)
    grace = timedelta(seconds=chosen[0].body.reopen_grace_seconds)
    return Rules(targets, reopen_grace=grace, bot_answers=_bot_answers(book, selection))


def _bot_answers(book: Book, selection: Selection) -> bool:
    """Up to the policy that promises the reply; what one of another family says of bots means nothing to it."""
    version_id = version_for(selection, "first_reply")
    return version_id is not None and book.versions[version_id].body.bot_answers


NOT_ADOPTED = "not_adopted"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Why a policy does not rule a family: the condition that did not agree, the policy that came before, or that the
    conversation keeps what it had, frozen or not yet adopted. `lost_by` None: it does."""

    family: str
    policy: PolicyVersion
    lost_by: str | None


def explain_selection(book: Book, attributes: Attributes, kept: Selection) -> list[Candidate]:
    """Every policy of every family in the order asked, among them those that the conversation keeps."""
    chosen = select(book, attributes)
    keeping = [(family, book.versions[version_id]) for family, version_id in _kept_by_family(kept)]
    asked: list[tuple[str, PolicyVersion]] = [
        (family, policy) for policy in book.current for family in sorted(policy.body.families)
    ]
    asked += [one for one in keeping if one[1] not in book.current]
    asked.sort(key=lambda one: (one[0], one[1].body.position, one[1].name))
    return [
        Candidate(
            family,
            policy,
            None if (family, policy) in keeping else _lost_by(book, chosen, family, policy, attributes),
        )
        for family, policy in asked
    ]


def _kept_by_family(kept: Selection) -> set[tuple[str, UUID]]:
    return {(FAMILIES.get(promise, promise), version_id) for promise, version_id in kept.items()}


def _lost_by(book: Book, chosen: Selection, family: str, policy: PolicyVersion, attributes: Attributes) -> str:
    mismatch = why_not(policy.body.conditions, attributes)
    if mismatch is not None:
        return f"condition:{mismatch}"
    winner = chosen[family]
    return NOT_ADOPTED if winner == policy.id else f"policy:{book.versions[winner].name}"

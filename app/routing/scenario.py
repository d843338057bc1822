"""The scenario file of a simulation: queues, agents and customers, checked with the path of a wrong field."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from app.core.errors import InvalidInput
from app.routing.capacity import DEFAULT_CAPACITY_UNITS, DEFAULT_WEIGHTS
from app.routing.facts import MAX_FADING, MAX_LEVEL, MAX_RINGS, MIN_LEVEL, Fade, QueueFacts, Ring
from app.routing.fading import check_fading, with_fading
from app.routing.ranking import POLICIES
from app.routing.rings import check_rings

MAX_AGENTS = 20_000
MAX_QUEUES = 1_000
MAX_DURATION_SECONDS = 366 * 86_400

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Levels = dict[str, Annotated[int, Field(ge=1, le=10)]]
Channel = Literal["phone", "voice", "chat", "social", "sms", "email", "task"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PoissonArrival(_Part):
    kind: Literal["poisson"]
    rate_per_h: Positive


class TimesArrival(_Part):
    kind: Literal["times"]
    at_s: list[NotNegative]


class Duration(_Part):
    """`cv` (standard deviation / mean) shapes lognormal only."""

    kind: Literal["exponential", "constant", "lognormal"]
    mean_s: Positive
    cv: Positive = 1.0


class ServiceLevel(_Part):
    threshold_s: NotNegative


class ScenarioRing(_Part):
    enter_after_s: Positive
    requirements: Levels | None = None


class ScenarioFade(_Part):
    step_s: Positive
    floor: int = Field(default=MIN_LEVEL, ge=MIN_LEVEL, lt=MAX_LEVEL)


class OfferModel(_Part):
    accept_s: NotNegative = 0.0


class ScenarioQueue(_Part):
    name: str = Field(min_length=1)
    channel: Channel
    target_s: NotNegative
    arrival: Annotated[PoissonArrival | TimesArrival, Field(discriminator="kind")]
    handle: Duration
    requirements: Levels = {}
    weight: int | None = Field(default=None, ge=1, le=10_000)
    priority: int = Field(default=0, ge=0, le=9)
    tier: int = Field(default=2, ge=0, le=2)
    patience: Duration | None = None
    service_level: ServiceLevel | None = None
    rings: list[ScenarioRing] = Field(default=[], max_length=MAX_RINGS)
    preferred: list[str] = []
    fading: dict[str, ScenarioFade] = Field(default={}, max_length=MAX_FADING)
    wrap_up: Duration | None = None
    offer: OfferModel = OfferModel()

    @property
    def units(self) -> int:
        return DEFAULT_WEIGHTS[self.channel] if self.weight is None else self.weight

    @property
    def threshold_s(self) -> float:
        return self.target_s if self.service_level is None else self.service_level.threshold_s


class ScenarioAgent(_Part):
    name: str = Field(min_length=1)
    count: int = Field(default=1, ge=1, le=MAX_AGENTS)
    skills: Levels = {}
    capacity: int = Field(default=DEFAULT_CAPACITY_UNITS, ge=1, le=10_000)
    per_channel: dict[Channel, Annotated[int, Field(ge=0)]] = {}


class Scenario(_Part):
    queues: list[ScenarioQueue] = Field(min_length=1, max_length=MAX_QUEUES)
    agents: list[ScenarioAgent] = Field(min_length=1)
    duration_s: Annotated[float, Field(gt=0, le=MAX_DURATION_SECONDS, allow_inf_nan=False)]
    warmup_s: NotNegative = 0.0
    seed: int = 1
    policy: str = "default"
    offer: OfferModel | None = None

    @field_validator("policy")
    @classmethod
    def _known_policy(cls, name: str) -> str:
        if name not in POLICIES:
            raise ValueError(f"must be one of {', '.join(sorted(POLICIES))}")
        return name

    @field_validator("queues")
    @classmethod
    def _distinct_names(cls, queues: list[ScenarioQueue]) -> list[ScenarioQueue]:
        names = [queue.name for queue in queues]
        double = next((name for name in names if names.count(name) > 1), None)
        if double is not None:
            raise ValueError(f"names must differ; {double!r} comes twice")
        return queues


def read_scenario(document: Any) -> Scenario:
    """Raises InvalidInput `bad_scenario`: the path of the first wrong field and what is allowed there."""
    try:
        scenario = Scenario.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = _path(first["loc"], document)
        if first["type"].startswith("union_tag"):
            path += ".kind"
        raise _wrong(path, first["msg"]) from error
    if scenario.warmup_s >= scenario.duration_s:
        raise _wrong("warmup_s", "must be less than duration_s")
    if sum(agent.count for agent in scenario.agents) > MAX_AGENTS:
        raise _wrong("agents", f"may number {MAX_AGENTS} in all")
    _check_rings(scenario)
    return scenario


def queue_facts(scenario: Scenario, number: int) -> QueueFacts:
    """The queue as the engine knows it; its id is its place in the file."""
    model = scenario.queues[number]
    fading = {skill: Fade(fade.step_s, fade.floor) for skill, fade in model.fading.items()}
    return QueueFacts(
        id=UUID(int=number + 1),
        channels=frozenset({model.channel}),
        target_seconds=model.target_s,
        tier=model.tier,
        default_priority=model.priority,
        requirements=model.requirements,
        preferred=frozenset(model.preferred),
        fading=fading,
        rings=with_fading([Ring(ring.enter_after_s, ring.requirements) for ring in model.rings], fading),
        policy=scenario.policy,
    )


def _check_rings(scenario: Scenario) -> None:
    for number in range(len(scenario.queues)):
        try:
            facts = queue_facts(scenario, number)
            check_rings(facts)
        except InvalidInput as error:
            raise _wrong(f"queues[{number}].rings", error.detail) from error
        try:
            check_fading(facts.requirements, facts.fading)
        except InvalidInput as error:
            raise _wrong(f"queues[{number}].fading", error.detail) from error


def _wrong(path: str, allowed: str) -> InvalidInput:
    return InvalidInput("bad_scenario", f"{path}: {allowed}", path=path)


def _path(location: tuple[int | str, ...], document: Any) -> str:
    """queues[0].arrival.kind; names of union branches, which the document does not hold, are left out."""
    path, place = "", document
    location = tuple(step for step in location if step != "[key]")
    for index, step in enumerate(location):
        last = index == len(location) - 1
        if isinstance(step, int):
            path += f"[{step}]"
            place = place[step] if isinstance(place, list) and step < len(place) else None
        elif last or (isinstance(place, Mapping) and step in place):
            path += f".{step}" if path else step
            place = place.get(step) if isinstance(place, Mapping) else None
    return path or "(the file)"

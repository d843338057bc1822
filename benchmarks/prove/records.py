"""What a long form leaves behind: its figures beside what was promised, and how they came about."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

QUIET_LOAD = 3.0
"""Load average from which on a figure says more about its neighbours than about us."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure. With a `limit` the line `must` is one for the ratio to it, else for the value itself."""

    id: str
    what: str
    value: float
    unit: str
    must: float
    at_least: bool
    holds: bool
    limit: float | None = None
    ratio: float | None = None

    @classmethod
    def from_document(cls, made: Mapping[str, Any]) -> "Measured":
        """Benches tell no direction: their stretch lies on the good side of must."""
        at_least = made["at_least"] if "at_least" in made else made["stretch"] > made["must"]
        names = ("id", "what", "value", "unit", "must", "holds")
        return cls(**{n: made[n] for n in names}, at_least=at_least, limit=made.get("limit"), ratio=made.get("ratio"))


def counted(id: str, what: str, value: float, unit: str, *, must: float, at_least: bool = False) -> Measured:
    """A figure with nothing to divide by."""
    holds = value >= must if at_least else value <= must
    return Measured(id, what, value, unit, must, at_least, holds)


@dataclass(frozen=True, slots=True)
class Curve:
    """Points (x, y), to be drawn; `line` is the y that was promised not to be crossed."""

    name: str
    title: str
    x: str
    y: str
    points: Sequence[tuple[float, float]]
    line: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a form says when it ends."""

    figures: list[Measured] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.faults and all(figure.holds for figure in self.figures)

    @classmethod
    def from_document(cls, made: Mapping[str, Any]) -> "Outcome":
        """The last line that a form prints, and every record."""
        return cls(
            [Measured.from_document(each) for each in made.get("figures", ())],
            [
                Curve(**{**each, "points": [(float(x), float(y)) for x, y in each["points"]]})
                for each in made.get("curves", ())
            ],
            list(made.get("faults", ())),
            list(made.get("notes", ())),
        )

    def as_text(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it ran. `load_before`: the load average of the minute before."""

    cores: int
    memory_gib: float
    python: str
    system: str
    load_before: float

    @property
    def was_quiet(self) -> bool:
        return self.load_before < QUIET_LOAD


@dataclass(frozen=True, slots=True)
class Record:
    """`command` repeats it from a checkout of `revision`."""

    part: str
    command: str
    seed: int | None
    revision: str
    taken_at: str
    took_seconds: float
    machine: Machine
    outcome: Outcome

    @property
    def holds(self) -> bool:
        return self.outcome.holds

    def as_json(self) -> str:
        """The file under docs/proof."""
        return json.dumps({**asdict(self), "holds": self.holds}, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Record":
        made = json.loads(text)
        plain = ("part", "command", "seed", "revision", "taken_at", "took_seconds")
        machine, outcome = Machine(**made["machine"]), Outcome.from_document(made["outcome"])
        return cls(**{name: made[name] for name in plain}, machine=machine, outcome=outcome)

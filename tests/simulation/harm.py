"""What is done to a cluster and when: a plan drawn from a seed, and how far the work must be for it."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Literal

Kind = Literal[
    "kill_api",
    "kill_worker",
    "kill_postgres",
    "kill_bus",
    "freeze_router",
    "freeze_api",
    "freeze_postgres",
    "freeze_bus",
    "read_only",
    "slow_line",
    "cut_line",
]

Bus = Literal["postgres", "nats"]

POSTGRES_DOWN_SECONDS = (0.2, 2.0)
BUS_DOWN_SECONDS = (0.0, 3.0)
BUS_FROZEN_SECONDS = (0.5, 4.0)
API_FROZEN_SECONDS = (1.0, 6.0)
POSTGRES_FROZEN_SECONDS = (0.5, 4.0)
LINE_SLOW_SECONDS = (2.0, 8.0)
LINE_CUT_SECONDS = (0.0, 3.0)
READ_ONLY_SECONDS = (1.0, 5.0)
APIS, WORKERS = ("api", "api1"), ("worker0", "worker1")
CLIENTS = "clients"
"""The line from the clients to the api; the others have the names of the processes that reach PostgreSQL by them."""
AT_ONCE = (0.0, 0.0)
ONLY = ("",)
HARM_SHARE = (0.03, 0.9)
FREEZE_SHARE = (0.1, 0.6)
"""In which part of a round's progress the harm falls."""
GAP_SHARE = 0.06
"""Of progress between two kills of one kind: what died has come back and worked."""
ROOM_FOR_GAPS = 0.4
"""Where many are killed, the gap is smaller: so much of the round at most is gaps."""


@dataclass(frozen=True, slots=True)
class Form:
    """How large the run is. The plan of harm follows from `seed` and these alone."""

    seed: int
    conversations: int = 50
    messages: int = 3
    agents: int = 5
    arriving_seconds: float = 25.0
    """Customers come one after another over this time."""
    rounds: int = 1
    api_kills: int = 3
    worker_kills: int = 3
    postgres_kills: int = 2
    bus_kills: int = 0
    freeze_seconds: float = 10.0
    hand_on_share: float = 0.2
    """Of customers who ask for somebody else: the agent transfers the conversation."""
    api_freezes: int = 0
    postgres_freezes: int = 0
    bus_freezes: int = 0
    read_only_spells: int = 0
    """PostgreSQL refuses to write, as one that has just become a replica."""
    slow_lines: int = 0
    cut_lines: int = 0
    apis: int = 1
    bus: Bus = "postgres"
    offset_seconds: float = 0.0
    """By how much the machines of the two workers are ahead and behind."""
    repeat_share: float = 0.0
    """Of messages that are posted twice at once, and of those that come again after later ones."""
    no_round_after_seconds: float = inf
    patience_seconds: float = 300.0
    """Only ends what would hang for ever: on a busy machine a customer waits long behind others."""

    @property
    def has_lines(self) -> bool:
        return self.slow_lines + self.cut_lines > 0

    @property
    def processes(self) -> tuple[str, ...]:
        return (*APIS[: self.apis], *WORKERS)

    @property
    def lines(self) -> tuple[str, ...]:
        return (CLIENTS, *self.processes) if self.has_lines else ()


@dataclass(frozen=True, slots=True, order=True)
class Harm:
    """Done once `after_messages` of the customers' messages were answered with success: at work, on any machine."""

    after_messages: int
    kind: Kind
    lasts_seconds: float
    whom: str = ""
    """A process, or a line, where there are several."""


class Progress:
    """How many of the customers' messages were answered with success, and a way to wait for more."""

    def __init__(self) -> None:
        self.count = 0
        self._more = asyncio.Event()

    def add(self) -> None:
        self.count += 1
        self._more.set()
        self._more = asyncio.Event()

    async def reach(self, count: int) -> None:
        while self.count < count:
            await self._more.wait()


def plan_harm(form: Form) -> list[list[Harm]]:
    """Round by round, each in its order."""
    dice = random.Random(f"harm {form.seed}")
    in_a_round = form.conversations * form.messages // form.rounds
    return [
        sorted(
            replace(harm, after_messages=number * in_a_round + harm.after_messages)
            for harm in _plan_round(form, dice, in_a_round)
        )
        for number in range(form.rounds)
    ]


def _plan_round(form: Form, dice: random.Random, messages: int) -> list[Harm]:
    plan = [Harm(int(messages * dice.uniform(*FREEZE_SHARE)), "freeze_router", form.freeze_seconds)]
    apis = form.processes[: form.apis]
    kinds: tuple[tuple[Kind, int, tuple[float, float], Sequence[str]], ...] = (
        ("kill_api", form.api_kills, AT_ONCE, apis),
        ("kill_worker", form.worker_kills, AT_ONCE, WORKERS),
        ("kill_postgres", form.postgres_kills, POSTGRES_DOWN_SECONDS, ONLY),
        ("kill_bus", form.bus_kills, BUS_DOWN_SECONDS, ONLY),
        ("freeze_api", form.api_freezes, API_FROZEN_SECONDS, apis),
        ("freeze_postgres", form.postgres_freezes, POSTGRES_FROZEN_SECONDS, ONLY),
        ("freeze_bus", form.bus_freezes, BUS_FROZEN_SECONDS, ONLY),
        ("read_only", form.read_only_spells, READ_ONLY_SECONDS, ONLY),
        ("slow_line", form.slow_lines, LINE_SLOW_SECONDS, form.lines),
        ("cut_line", form.cut_lines, LINE_CUT_SECONDS, form.lines),
    )
    for kind, count, span, whom in kinds:
        plan += [Harm(at, kind, dice.uniform(*span), dice.choice(whom)) for at in _moments(count, dice, messages)]
    return plan


def _moments(count: int, dice: random.Random, messages: int) -> list[int]:
    least, most = HARM_SHARE
    gap = min(GAP_SHARE, ROOM_FOR_GAPS * (most - least) / max(count, 1))
    moments: list[float] = []
    while len(moments) < count:
        share = dice.uniform(least, most)
        if all(abs(share - other) >= gap for other in moments):
            moments.append(share)
    return [int(share * messages) for share in moments]

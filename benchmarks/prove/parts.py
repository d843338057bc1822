"""The long forms in their order: what each promises, and the program that measures it."""

from collections.abc import Sequence
from dataclasses import dataclass

BENCH_SECONDS = 60
SEED = 20_261


@dataclass(frozen=True, slots=True)
class Part:
    """`program`: arguments for Python; its last line is an Outcome as JSON. `limit_seconds` ends what hangs."""

    name: str
    title: str
    promise: str
    program: Sequence[str]
    limit_seconds: float
    is_seeded: bool = False

    def arguments(self, seed: int) -> list[str]:
        return [*self.program, *(["--seed", str(seed)] if self.is_seeded else [])]

    def command(self, seed: int) -> str:
        return f"make prove PART={self.name}" + (f" SEED={seed}" if self.is_seeded else "")


def _bench(name: str, title: str, promise: str) -> Part:
    program = ("-m", "app.cli", "bench", name, "--json", "--seconds", str(BENCH_SECONDS))
    return Part(f"bench-{name}", title, promise, program, limit_seconds=1800)


PARTS = (
    Part(
        "storm",
        "Storm of service times",
        "Ten thousand clocks that are due at one instant are each told exactly once, with every action done once, "
        "although the worker is killed five times amid a batch and PostgreSQL twice.",
        ("-m", "benchmarks.prove.storm"),
        limit_seconds=3600,
        is_seeded=True,
    ),
    _bench(
        "ingest",
        "Messages in",
        "Durable messages over HTTP keep at least half the rate of five bare statements in a transaction, 0.3 of a "
        "POST that does nothing, and the door alone half of its own statements sent by the bare driver.",
    ),
    _bench("push", "From a post to the agent's socket", "At most 15 single commits in the median, 50 at p99."),
    _bench("fanout", "One event to 5,000 sockets", "At least 0.15 of a bare server; no loop stalls above 20 ms."),
    _bench("lists", "Lists of a million conversations", "A page 300 days back costs at most 1.5 of the first."),
    _bench("routing", "Routing", "At least 0.05 of a bare heap, 0.93 of the optimum, 0.4 of its own statements."),
    _bench("sla", "Service times", "Clocks fired at 0.05 of a raw loop, and at most 250 ms late at p99."),
)
BY_NAME = {part.name: part for part in PARTS}

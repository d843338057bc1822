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
        "chaos",
        "Chaos",
        "20 rounds of 200 customers and 10 agents amid random kills, freezes, slow and cut lines (api, workers, "
        "PostgreSQL), refused writes, posts that come twice and late, machines whose clocks are 3 s wrong: after each "
        "round nothing is lost, doubled, misordered, owned twice or drifting; at least 1,000 kills in all.",
        ("-m", "benchmarks.prove.chaos"),
        limit_seconds=2 * 3600,
        is_seeded=True,
    ),
    Part(
        "chaos-nats",
        "Chaos with NATS",
        "The same for five rounds with two apis and two workers on NATS, which is killed and frozen too.",
        ("-m", "benchmarks.prove.chaos", "--bus", "nats"),
        limit_seconds=3600,
        is_seeded=True,
    ),
    Part(
        "disk-full",
        "A full disk",
        "PostgreSQL has no room for its tables, takes no writes, has no room for its log: customers are told each "
        "apart (`database_full`, `database_read_only`, `database_unavailable`), nothing that was answered is lost, and "
        "within 30 s of its end messages are taken in again without anybody's help but room and a start.",
        ("-m", "benchmarks.prove.disk_full"),
        limit_seconds=1800,
    ),
    Part(
        "storm",
        "Storm of service times",
        "Ten thousand clocks that are due at one instant are each told exactly once, with every action done once, "
        "although the worker is killed five times amid a batch and PostgreSQL twice.",
        ("-m", "benchmarks.prove.storm"),
        limit_seconds=3600,
        is_seeded=True,
    ),
    Part(
        "races",
        "Routers and people at once",
        "10,000 rounds of eight routers (one true owner, others deposed, taking over or woken) and fifty racing "
        "accepts, declines, expiries, presence changes, transfers cold and warm, wrap-ups and resolutions, amid "
        "overflow, idle chats and edits of queues, on a real PostgreSQL: nothing is owned twice, above capacity, "
        "adrift from the ledger or without a timer, and a deposed router commits nothing.",
        ("-m", "benchmarks.prove.races"),
        limit_seconds=4 * 3600,
        is_seeded=True,
    ),
    Part(
        "router-machine",
        "Any sequence upon the router",
        "1,000 sequences of up to 60 acts (arrivals, answers, presence, transfers cold and warm, wrap-ups, idle chats, "
        "overflow, time, edits of queues, crashes amid a commit, owners that freeze for 10 s and wake after a "
        "takeover), drawn by Hypothesis on a real PostgreSQL: each invariant of routing holds after each step, and "
        "the frozen and the dead commit nothing.",
        ("-m", "benchmarks.prove.router_machine"),
        limit_seconds=2 * 3600,
        is_seeded=True,
    ),
    Part(
        "schemathesis",
        "Strangers of every kind",
        "Schemathesis over the OpenAPI document as stranger, visitor, agent, supervisor and administrator: no 5xx, "
        "every answer as documented, wrong data refused; a stranger gets 401 everywhere but at the operations listed "
        "as public.",
        ("-m", "benchmarks.prove.strangers"),
        limit_seconds=3 * 3600,
        is_seeded=True,
    ),
    Part(
        "reconnect",
        "Two thousand consoles return",
        "2,000 consoles cut at once (by resets, in silence, by the death of the api) are all caught up within 10 s, "
        "without a gap or a double; consoles that were not cut see messages at most 3 times as late as in calm.",
        ("-m", "benchmarks.prove.reconnect"),
        limit_seconds=1800,
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
    Part(
        "growth-routing",
        "Cost of a routing decision, over agents, waiting work and profiles",
        "CPU time of an offer: within 2 from 100 to 5,000 agents and from 100 to 100,000 waiting; at 5,000 agents "
        "never under 20,000 decisions a second, however many profiles; the rebuild of the router's memory linear.",
        ("-m", "benchmarks.prove.growth_routing"),
        limit_seconds=3600,
    ),
    Part(
        "theory",
        "The engine against queueing theory",
        "Six seeds of 140,000 arrivals: the mean wait of Erlang C within 5 %, the abandonment of Erlang A within 3 %, "
        "four chats on 5 agents wait as 20 servers do, specialists with generalists wait at most twice as long as one "
        "pool would and less than by longest idle, within a tier nothing starves, and ten blended agents at 70 % load "
        "answer voice within 90 s on average.",
        ("-m", "benchmarks.prove.theory"),
        limit_seconds=2 * 3600,
    ),
    _bench("sla", "Service times", "Clocks fired at 0.05 of a raw loop, and at most 250 ms late at p99."),
    Part(
        "growth-history",
        "Messages in, over the length of history",
        "With five million messages of history the rate is within 1.3 of that of an empty database.",
        ("-m", "benchmarks.prove.growth_history"),
        limit_seconds=3600,
    ),
    Part(
        "growth-memory",
        "Memory over a million messages",
        "The memory of api and worker stays flat (1.15) from the first hundred thousand messages to a million.",
        ("-m", "benchmarks.prove.growth_memory"),
        limit_seconds=2 * 3600,
    ),
    Part(
        "migrations",
        "Upgrade of a filled database",
        "With a million messages and each earlier release serving on them, the migrations are killed amid, refused a "
        "lock, then got through: no request fails, nothing is lost, nobody waits for a lock longer than its timeout.",
        ("-m", "benchmarks.prove.migrations"),
        limit_seconds=3600,
    ),
    Part(
        "growth-sockets",
        "Cost of a frame, over the number of sockets",
        "The CPU time of a frame to 5,000 sockets is within 2.5 of that of one to 100.",
        ("-m", "benchmarks.prove.growth_sockets"),
        limit_seconds=1800,
    ),
)
BY_NAME = {part.name: part for part in PARTS}

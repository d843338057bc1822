"""The HTML report of a simulation: one page by itself that compares runs in charts and figures, also on paper."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from app.ops.charts import Chart, draw, percent
from app.ops.words import Words
from app.routing import series
from app.routing.scenario import Scenario, ScenarioQueue
from app.routing.series import Points
from app.routing.simulation import Passage

QUEUES_DRAWN = 12
"""The others stand in the table only."""
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #222; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; border-bottom: 1px solid #ccc; }
table { border-collapse: collapse; width: 100%; } caption { text-align: left; font-weight: 600; padding: .4rem 0; }
th, td { border-bottom: 1px solid #ddd; padding: .25rem .5rem; text-align: right; font-variant-numeric: tabular-nums; }
th:first-child { text-align: left; } .charts { display: grid; gap: 1rem; grid-template-columns: repeat(2, 1fr); }
svg { width: 100%; height: auto; border: 1px solid #eee; } .soft { color: #555; } .wrong { color: #b3261e; }
@media (max-width: 50rem) { .charts { grid-template-columns: 1fr; } }
@media print { body { margin: 0; font-size: 11px; } section { break-inside: avoid; } svg { border: 0; } }
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One scenario under one policy, and what came of it."""

    name: str
    scenario: Scenario
    answer: dict[str, Any]
    passages: Sequence[Passage]
    occupancies: Sequence[float]

    def counted(self, queue: str) -> list[Passage]:
        """Those of the queue who came after the warm-up."""
        begin_s = self.scenario.warmup_s
        return [one for one in self.passages if one.queue == queue and one.arrived_s >= begin_s]

    def queue(self, name: str) -> ScenarioQueue | None:
        return next((queue for queue in self.scenario.queues if queue.name == name), None)


def render(words: Words, runs: Sequence[Run]) -> str:
    """Self-contained: no address outside of the page stands in it."""
    names = list(dict.fromkeys(queue.name for run in runs for queue in run.scenario.queues))
    parts = [
        f'<!doctype html><html lang="{words.language}"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(words('simulate.title'))}</title><style>{STYLE}</style></head><body>",
        f"<h1>{escape(words('simulate.title'))}</h1>",
        *_about(words, runs),
        *(_queue_section(words, runs, name, drawn=number < QUEUES_DRAWN) for number, name in enumerate(names)),
        _staff_section(words, runs),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _about(words: Words, runs: Sequence[Run]) -> Iterator[str]:
    told = (
        words(
            "simulate.run",
            name=run.name,
            hours=f"{run.scenario.duration_s / 3600:g}",
            warmup=f"{run.scenario.warmup_s / 3600:g}",
            seed=run.scenario.seed,
            agents=sum(agent.count for agent in run.scenario.agents),
        )
        for run in runs
    )
    yield "<ul>" + "".join(f"<li>{escape(one)}</li>" for one in told) + "</ul>"
    if len(runs) > 1:
        different = [name for name in _names(runs) if not _same_customers(runs, name)]
        key = "simulate.other_customers" if different else "simulate.same_customers"
        yield f'<p class="soft">{escape(words(key, queues=", ".join(different)))}</p>'
    if any(run.answer["violations"] for run in runs):
        yield f'<p class="wrong">{escape(words("simulate.violations"))}</p>'


def _names(runs: Sequence[Run]) -> list[str]:
    return [queue.name for queue in runs[0].scenario.queues]


def _same_customers(runs: Sequence[Run], name: str) -> bool:
    """Streams hang on the seed and the queue, models of arrival, handling and patience make customers of them."""

    def made_of(run: Run) -> object:
        queue = run.queue(name)
        span = (run.scenario.seed, run.scenario.duration_s, run.scenario.warmup_s)
        return queue and (*span, queue.arrival, queue.handle, queue.patience)

    return all(made_of(run) == made_of(runs[0]) for run in runs)


def _queue_section(words: Words, runs: Sequence[Run], name: str, *, drawn: bool) -> str:
    having = [run for run in runs if run.queue(name) is not None]
    charts = ""
    if drawn:
        made = (_waits(words, having, name), _levels(words, having, name), _lengths(words, having, name))
        charts = f'<div class="charts">{"".join(map(draw, made))}</div>'
    return (
        f"<section><h2>{escape(words('simulate.queue', name=name))}</h2>{_table(words, having, name)}{charts}</section>"
    )


def _waits(words: Words, runs: Sequence[Run], name: str) -> Chart:
    return Chart(
        words("simulate.waits"),
        words("simulate.seconds"),
        words("simulate.share_answered"),
        [(run.name, series.wait_curve(run.counted(name))) for run in runs],
        steps=True,
        y_most=1.0,
        y_label=percent,
    )


def _levels(words: Words, runs: Sequence[Run], name: str) -> Chart:
    def points(run: Run) -> Points:
        queue = run.queue(name)
        assert queue is not None
        return series.level_over_time(run.counted(name), queue.threshold_s, run.scenario.duration_s)

    return Chart(
        words("simulate.levels"),
        words("simulate.hours"),
        words("simulate.level"),
        [(run.name, points(run)) for run in runs],
        y_most=1.0,
        y_label=percent,
    )


def _lengths(words: Words, runs: Sequence[Run], name: str) -> Chart:
    def points(run: Run) -> Points:
        passages = [one for one in run.passages if one.queue == name]
        return series.length_over_time(passages, run.scenario.duration_s)

    told = [(run.name, points(run)) for run in runs]
    return Chart(words("simulate.lengths"), words("simulate.hours"), words("simulate.waiting"), told)


def _staff_section(words: Words, runs: Sequence[Run]) -> str:
    chart = Chart(
        words("simulate.occupancy"),
        words("simulate.agents_by_load"),
        words("simulate.busy_share"),
        [(run.name, series.by_load(run.occupancies)) for run in runs],
        y_most=1.0,
        y_label=percent,
    )
    rows: list[Row] = [
        ("simulate.occupancy_mean", lambda run: run.answer["agents"]["occupancy_mean"], percent_1),
        ("simulate.occupancy_gini", lambda run: run.answer["agents"]["occupancy_gini"], three_places),
        ("simulate.decisions", lambda run: run.answer["decisions"], whole),
    ]
    heading = escape(words("simulate.staff"))
    table = _figures(words, runs, rows)
    return f'<section><h2>{heading}</h2>{table}<div class="charts">{draw(chart)}</div></section>'


Row = tuple[str, Callable[[Run], float], Callable[[float], str]]


def percent_1(share: float) -> str:
    return f"{share:.1%}"


def whole(number: float) -> str:
    return f"{number:,.0f}"


def seconds(number: float) -> str:
    return f"{number:,.1f}"


def three_places(number: float) -> str:
    return f"{number:.3f}"


FIGURES = (
    ("offered", whole),
    ("answered", whole),
    ("abandoned", whole),
    ("service_level", percent_1),
    ("wait_mean_s", seconds),
    ("wait_p50_s", seconds),
    ("wait_p95_s", seconds),
    ("wait_max_s", seconds),
)


def _table(words: Words, runs: Sequence[Run], name: str) -> str:
    def value_of(figure: str) -> Callable[[Run], float]:
        return lambda run: run.answer["queues"][name][figure]

    return _figures(words, runs, [(f"simulate.figure.{figure}", value_of(figure), shown) for figure, shown in FIGURES])


def _figures(words: Words, runs: Sequence[Run], rows: Sequence[Row]) -> str:
    """A column for each run and, from the second on, one for its difference to the first."""
    head = [f"<th scope='col'>{escape(words('simulate.figure'))}</th>"]
    for number, run in enumerate(runs):
        head.append(f"<th scope='col'>{escape(run.name)}</th>")
        head += [f"<th scope='col'>{escape(words('simulate.difference'))}</th>"] if number else []
    body = "".join(_figure_row(words(key), [value(run) for run in runs], shown) for key, value, shown in rows)
    return f"<table><thead><tr>{''.join(head)}</tr></thead><tbody>{body}</tbody></table>"


def _figure_row(what: str, values: Sequence[float], shown: Callable[[float], str]) -> str:
    cells = [f"<td>{shown(values[0])}</td>"]
    for value in values[1:]:
        change = value - values[0]
        sign = "+" if change > 0 else "−" if change < 0 else "±"
        cells.append(f"<td>{shown(value)}</td><td>{sign}{shown(abs(change))}</td>")
    return f"<tr><th scope='row'>{escape(what)}</th>{''.join(cells)}</tr>"

"""The page of docs/proof, made from the records alone: what was promised, what was measured, when, how to repeat."""

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.prove.parts import Part
from benchmarks.prove.records import QUIET_LOAD, Curve, Machine, Measured, Record

HEAD = f"""# Proof
What the product promises under load and harm, and what was measured. `make prove` runs every long form below, one
after another, and writes this page with one record each (JSON, beside it); `make prove PART=storm` runs one. Do not
edit: what stands here is made from the records.

A figure taken while the load average before was {QUIET_LOAD:g} or more is marked *busy*: rely on counts then, not on
speeds. Speeds are ratios to a limit measured in the same run; [performance.md](../performance.md) says what each is.
"""


def render(parts: Sequence[Part], records: Mapping[str, Record]) -> str:
    """Markdown. A part without a record is told as not run."""
    rows = [_row(part, records.get(part.name)) for part in parts]
    table = ["| form | holds | taken at (UTC) | load before | took | repeat |", "| --- | --- | --- | --- | --- | --- |"]
    sections = [_section(part, records.get(part.name)) for part in parts]
    return "\n".join([HEAD, *table, *rows, "", *sections]).rstrip() + "\n"


def _row(part: Part, record: Record | None) -> str:
    link = f"[{part.title}](#{_anchor(part.title)})"
    if record is None:
        return f"| {link} | not run yet | | | | `make prove PART={part.name}` |"
    verdict = "yes" if record.holds else "**no**"
    return (
        f"| {link} | {verdict} | {record.taken_at[:16].replace('T', ' ')} | {_load(record.machine)}"
        f" | {_span(record.took_seconds)} | `{record.command}` |"
    )


def _section(part: Part, record: Record | None) -> str:
    lines = [f"## {part.title}", f"Promised: {part.promise}", ""]
    if record is None:
        return "\n".join([*lines, f"Not run yet: `make prove PART={part.name}`.", ""])
    outcome, machine = record.outcome, record.machine
    if outcome.figures:
        lines += ["| figure | measured | promised | holds |", "| --- | --- | --- | --- |"]
        lines += [_figure_row(figure) for figure in outcome.figures]
        lines.append("")
    lines += [f"- **Wrong**: {_inline(fault)}" for fault in outcome.faults]
    lines += [f"- {_inline(note)}" for note in outcome.notes]
    lines += [
        f"- Revision {record.revision}, {machine.cores} cores, {machine.memory_gib:g} GiB, Python {machine.python},"
        f" {machine.system}. Record: [{part.name}.json]({part.name}.json)",
        "",
    ]
    return "\n".join([*lines, *_pictures(outcome.curves)])


def _figure_row(figure: Measured) -> str:
    direction = "at least" if figure.at_least else "at most"
    if figure.ratio is None or figure.limit is None:
        measured, promised = f"{_number(figure.value)} {figure.unit}", f"{direction} {_number(figure.must)}"
    else:
        measured = (
            f"{_number(figure.ratio)} ({_number(figure.value)} to {_number(figure.limit)}, {_inline(figure.unit)})"
        )
        promised = f"{direction} {_number(figure.must)} of the limit"
    verdict = "yes" if figure.holds else "**no**"
    return f"| {figure.id}: {_inline(figure.what)} | {measured} | {promised} | {verdict} |"


def _pictures(curves: Iterable[Curve]) -> list[str]:
    return [f"![{_inline(curve.title)}]({curve.name}.svg)\n" for curve in curves]


def _load(machine: Machine) -> str:
    return f"{machine.load_before:.1f}" + ("" if machine.was_quiet else " *busy*")


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 or value == round(value) else f"{value:.3g}"


def _inline(words: str) -> str:
    """One line that breaks no table."""
    return " ".join(words.split()).replace("|", "\\|").replace("<", "&lt;")


def _anchor(title: str) -> str:
    """As pages of Markdown name their headings."""
    return "".join(letter for letter in title.lower().replace(" ", "-") if letter.isalnum() or letter == "-")

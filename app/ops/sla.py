"""`switchboard sla FILE`: the pure engine on a file of cases, for support and for tests."""

import json
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

import typer

from app.sla import case_file
from app.sla.business_hours import BusinessHours
from app.sla.case_file import Case, CaseCalendar, CaseFile, WrongFileError

FILE_LIMIT_BYTES = 256 * 1024 * 1024
PROBLEMS_SHOWN = 20
CALENDARS_KEPT = 200
"""Ready in memory: a table of a year takes some 60 kB, and a file may have a calendar for each of 100,000 cases."""


def run(path: Path, *, as_json: bool) -> int:
    """Print the answer and return the exit code: 0, or 2 for a file that cannot be used."""
    try:
        file = case_file.parse(_read(path))
    except OSError as error:
        typer.echo(f"{path}: {error.strerror or error}", err=True)
        return 2
    except WrongFileError as error:
        for field, sentence in error.problems[:PROBLEMS_SHOWN]:
            typer.echo(f"{field}: {sentence}", err=True)
        return 2
    document = {"cases": answers(file)}
    typer.echo(json.dumps(document, ensure_ascii=False) if as_json else as_text(document))
    return 0


def answers(file: CaseFile) -> list[dict[str, Any]]:
    """One answer for each case; what deserves a warning goes to stderr."""
    for field in case_file.unknown_fields(file):
        typer.echo(f"{field}: no such field; it is left out of account", err=True)
    ready: dict[str, BusinessHours] = {}
    found = []
    for number, case in enumerate(file.cases):
        hours = hours_of(case.calendar, ready)
        answer = case_file.answer(case, hours)
        _warn_of_unknown_years(number, case, answer, hours)
        found.append(answer)
    return found


def hours_of(calendar: CaseCalendar, ready: dict[str, BusinessHours]) -> BusinessHours:
    """Files of many cases tend to share a few calendars, whose year tables cost more than the clocks."""
    name = repr(calendar)
    if name not in ready and len(ready) >= CALENDARS_KEPT:
        ready.clear()
    return ready.setdefault(name, BusinessHours(calendar.as_calendar()))


def as_text(document: dict[str, Any]) -> str:
    lines = []
    for number, case in enumerate(document["cases"]):
        lines.append(f"case {number}")
        for clock in case["clocks"]:
            due = clock["breached_at"] or clock["due_at"] or "-"
            lines.append(
                f"  {clock['metric']} {clock['seq']}: {clock['state']}, {clock['elapsed_seconds']} s, due {due}"
            )
    return "\n".join(lines)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        text = file.read(FILE_LIMIT_BYTES + 1)
    if len(text) > FILE_LIMIT_BYTES:
        raise WrongFileError([("the file", f"is larger than {FILE_LIMIT_BYTES} bytes; split it")])
    return text


def _warn_of_unknown_years(number: int, case: Case, answer: dict[str, Any], hours: BusinessHours) -> None:
    times = chain.from_iterable((clock["started_at"], clock["due_at"]) for clock in answer["clocks"])
    years = [case.now.year, *(datetime.fromisoformat(at).year for at in times if at)]
    unknown = hours.calendar.unknown_years(min(years), max(years))
    if unknown:
        typer.echo(
            f"cases[{number}].calendar.country: the holidays of {case.calendar.country} in"
            f" {', '.join(map(str, unknown))} are not known; the week alone decides there",
            err=True,
        )

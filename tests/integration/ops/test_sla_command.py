import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.cli import cli
from app.ops.sla import CALENDARS_KEPT, hours_of
from app.sla.business_hours import BusinessHours
from app.sla.case_file import CaseCalendar, Weekly

CASE: dict[str, Any] = {
    "calendar": {"timezone": "Asia/Shanghai", "weekly": {"thu": ["09:00-17:00"], "fri": ["09:00-17:00"]}},
    "targets": [{"metric": "first_reply", "seconds": 3600}],
    "events": [{"at": "2026-09-30T10:00:00+00:00", "type": "message", "class": "customer"}],
    "now": "2026-10-09T01:30:00+00:00",
}


def run(tmp_path: Path, case: dict[str, Any], *options: str) -> Result:
    path = tmp_path / "cases.json"
    path.write_text(json.dumps({"cases": [case, case]}))
    return CliRunner().invoke(cli, ["sla", str(path), *options])


def test_stdout_is_one_json_document(tmp_path: Path) -> None:
    result = run(tmp_path, CASE | {"calendar": CASE["calendar"] | {"country": "CN"}}, "--json")
    assert result.exit_code == 0
    assert result.stderr == ""
    first, second = json.loads(result.stdout)["cases"]
    assert first == second
    assert first["clocks"][0]["due_at"] == "2026-10-08T02:00:00+00:00"
    assert first["clocks"][0]["state"] == "breached"


def test_without_json_a_person_can_read_it(tmp_path: Path) -> None:
    result = run(tmp_path, CASE)
    assert result.exit_code == 0
    assert "first_reply 1: breached, " in result.stdout


def test_what_was_left_out_of_account_is_said_on_stderr(tmp_path: Path) -> None:
    calendar = CASE["calendar"] | {"country": "CN"}
    late = CASE | {"calendar": calendar, "events": [], "now": "2190-01-01T00:00:00Z", "grace": 5}
    result = run(tmp_path, late, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"cases": [{"clocks": []}, {"clocks": []}]}
    assert "cases[0].grace: no such field" in result.stderr
    assert "the holidays of CN in 2190 are not known" in result.stderr


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_wrong_file_ends_with_2_and_the_path_of_the_field(tmp_path: Path, options: list[str]) -> None:
    result = run(tmp_path, CASE | {"targets": [{"metric": "first_reply", "seconds": 0}]}, *options)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "cases[0].targets[0].seconds: Input should be greater than 0" in result.stderr


def test_a_file_that_is_not_there_ends_with_2(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["sla", str(tmp_path / "none.json"), "--json"])
    assert result.exit_code == 2
    assert "No such file" in result.stderr


def test_only_so_many_calendars_of_a_file_are_kept_ready() -> None:
    ready: dict[str, BusinessHours] = {}
    made = [CaseCalendar(timezone="UTC", weekly=Weekly(), region=str(number)) for number in range(2 * CALENDARS_KEPT)]
    for calendar in made:
        assert hours_of(calendar, ready) is hours_of(calendar.model_copy(), ready)
        assert len(ready) <= CALENDARS_KEPT

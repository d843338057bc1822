"""`switchboard simulate` prints the answer on stdout, and the path of a wrong field with exit code 2."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from app.ops.simulate import run

SCENARIO: dict[str, Any] = {
    "duration_s": 3600,
    "queues": [
        {
            "name": "billing",
            "channel": "phone",
            "target_s": 20,
            "arrival": {"kind": "poisson", "rate_per_h": 30},
            "handle": {"kind": "exponential", "mean_s": 60},
        }
    ],
    "agents": [{"name": "a", "count": 2}],
}


def test_the_answer_is_one_json_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "scenario.json"
    file.write_text(json.dumps(SCENARIO))
    assert run(file, True) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer) == {"queues", "agents", "violations", "decisions", "decisions_per_second"}
    assert answer["queues"]["billing"]["offered"] == answer["queues"]["billing"]["answered"] > 0


def test_the_answer_can_be_read_by_a_person(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "scenario.json"
    file.write_text(json.dumps(SCENARIO))
    assert run(file, False) == 0
    assert "billing" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (json.dumps(SCENARIO | {"duration_s": -1}), "duration_s: "),
        ("{", "is not JSON"),
        ("[1]", "(the file): "),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_wrong_file_exits_with_two_and_says_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    file = tmp_path / "scenario.json"
    file.write_text(text)
    assert run(file, True) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert told in captured.err


def test_a_missing_file_exits_with_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "nowhere.json", True) == 2
    assert "cannot be read" in capsys.readouterr().err


def write(folder: Path, **changes: Any) -> Path:
    file = folder / f"{changes.get('policy', 'scenario')}.json"
    file.write_text(json.dumps(SCENARIO | changes))
    return file


def test_one_policy_is_compared_with_the_files_own_before_the_same_customers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "report.html"
    assert run(write(tmp_path), True, policies=["longest_idle"], html=page) == 0
    runs = json.loads(capsys.readouterr().out)["runs"]
    assert [one["name"] for one in runs] == ["scenario · default", "scenario · longest_idle"]
    assert len({one["queues"]["billing"]["offered"] for one in runs}) == 1
    html = page.read_text("utf-8")
    assert "All runs meet the same customers" in html
    assert html.count("<svg") == 4
    assert "Queue billing" in html


def test_the_page_asks_for_nothing_outside_of_itself_and_can_be_read_as_markup(tmp_path: Path) -> None:
    file = write(tmp_path, queues=[SCENARIO["queues"][0] | {"name": "<b>&'\""}])
    assert run(file, True, compare=write(tmp_path, seed=2, policy="least_loaded"), html=tmp_path / "r.html") == 0
    html = (tmp_path / "r.html").read_text("utf-8")
    assert not re.search(r"""(?:src|href|url|@import)\s*[=(:]""", html)
    assert set(re.findall(r"https?://[^\s\"']+", html)) == {"http://www.w3.org/2000/svg"}
    assert "<b>" not in html
    assert "Not the same customers in" in html
    for picture in re.findall(r"<svg.*?</svg>", html, re.DOTALL):
        ElementTree.fromstring(picture)


def test_a_queue_that_nobody_could_ever_serve_is_told_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(write(tmp_path, queues=[SCENARIO["queues"][0] | {"requirements": {"zh": 5}}]), True) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["queues"]["billing"]["answered"] == 0
    assert "no agent could ever take a customer of billing" in captured.err


def test_the_page_speaks_chinese_when_asked(tmp_path: Path) -> None:
    assert run(write(tmp_path), True, policies=["longest_idle"], html=tmp_path / "r.html", language="zh-CN") == 0
    html = (tmp_path / "r.html").read_text("utf-8")
    assert '<html lang="zh-CN">' in html
    assert "队列 billing" in html


def test_several_policies_are_compared_with_one_another_and_in_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(write(tmp_path), False, policies=["least_loaded", "longest_idle"]) == 0
    told = capsys.readouterr().out
    assert "scenario · least_loaded" in told
    assert "scenario · longest_idle" in told
    assert "scenario · default" not in told


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"policies": ["best"]}, "policy: must be one of"),
        ({"compare": Path("/nowhere/other.json")}, "other.json: cannot be read"),
        ({"html": Path("/nowhere/at/all.html")}, "there is no folder"),
        ({"policies": ["default", "longest_idle"] * 3}, "At most 4 runs"),
    ],
)
def test_what_cannot_be_compared_or_written_exits_with_two_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: dict[str, Any], said: str
) -> None:
    assert run(write(tmp_path), True, **options) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err

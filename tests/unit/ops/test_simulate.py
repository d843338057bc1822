"""`switchboard simulate` prints the answer on stdout, and the path of a wrong field with exit code 2."""

import json
from pathlib import Path
from typing import Any

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

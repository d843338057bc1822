"""`make prove` end to end with a small storm, and what a form that fails leaves behind."""

import shutil
from dataclasses import replace
from pathlib import Path

from benchmarks.prove import parts
from benchmarks.prove.__main__ import FOLDER, prove, write_page
from benchmarks.prove.records import Record

STORM = parts.BY_NAME["storm"]
SMALL_STORM = replace(STORM, program=(*STORM.program, "--clocks", "40", "--kills", "1", "--crashes", "0"))


def scripted(code: str, limit_seconds: float = 60) -> parts.Part:
    return parts.Part("storm", "A form", "Something.", ("-c", code), limit_seconds)


def run(forms: list[parts.Part], seed: int, folder: Path) -> int:
    return prove(forms, seed, folder, before_each=lambda: None)


def read(folder: Path) -> Record:
    return Record.from_json((folder / "storm.json").read_text("utf-8"))


def test_a_small_storm_leaves_its_record_and_the_page(tmp_path: Path) -> None:
    assert run([SMALL_STORM], 3, tmp_path) == 0
    record = read(tmp_path)
    assert record.holds
    assert record.seed == 3
    assert [figure.value for figure in record.outcome.figures] == [0]
    assert "40 clocks" in record.outcome.notes[0]
    assert "`make prove PART=storm SEED=3`" in (tmp_path / "README.md").read_text("utf-8")


def test_a_form_that_dies_leaves_its_last_words_and_exit_code_1(tmp_path: Path) -> None:
    assert run([scripted("raise SystemExit('no room left')")], 1, tmp_path) == 1
    [fault] = read(tmp_path).outcome.faults
    assert "no room left" in fault
    assert "no room left" in (tmp_path / "README.md").read_text("utf-8")


def test_a_form_that_hangs_is_ended_and_told(tmp_path: Path) -> None:
    hanging = "import time; print('begun', flush=True); time.sleep(600)"
    assert run([scripted(hanging, limit_seconds=1)], 1, tmp_path) == 1
    [fault] = read(tmp_path).outcome.faults
    assert "not done within 1 s" in fault
    assert "begun" in fault


def test_figures_that_do_not_hold_are_exit_code_1_though_nothing_died(tmp_path: Path) -> None:
    figure = '{"id": "P1", "what": "w", "value": 1, "unit": "s", "must": 0, "at_least": false, "holds": false}'
    assert run([scripted(f"print('{{\"figures\": [{figure}]}}')")], 1, tmp_path) == 1
    assert read(tmp_path).outcome.faults == []


def test_pictures_of_curves_are_written_beside_the_record(tmp_path: Path) -> None:
    curve = '{"name": "growth-x", "title": "t", "x": "x", "y": "y", "points": [[0, 1], [2, 3]]}'
    assert run([scripted(f"print('{{\"curves\": [{curve}]}}')")], 1, tmp_path) == 0
    assert (tmp_path / "growth-x.svg").read_text("utf-8").startswith("<svg")


def test_the_page_in_the_repository_is_made_from_its_records(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "proof")
    write_page(tmp_path / "proof")
    assert (tmp_path / "proof" / "README.md").read_text("utf-8") == (FOLDER / "README.md").read_text("utf-8")

"""`make prove` end to end with forms that are scripted: records, page, pictures, and what one that fails leaves."""

import shutil
from dataclasses import replace
from pathlib import Path

from benchmarks.prove import parts
from benchmarks.prove.__main__ import FOLDER, prove, write_page
from benchmarks.prove.records import Record


def scripted(code: str, limit_seconds: float = 60) -> parts.Part:
    return parts.Part("storm", "A form", "Something.", ("-c", code), limit_seconds)


def run(forms: list[parts.Part], seed: int, folder: Path) -> int:
    return prove(forms, seed, folder, before_each=lambda: None)


def read(folder: Path) -> Record:
    return Record.from_json((folder / "storm.json").read_text("utf-8"))


def test_a_form_that_holds_leaves_its_record_and_the_page(tmp_path: Path) -> None:
    told = "import sys; print('{\"notes\": [\"told ' + ' '.join(sys.argv[1:]) + '\"]}')"
    assert run([replace(scripted(told), is_seeded=True)], 3, tmp_path) == 0
    record = read(tmp_path)
    assert (record.holds, record.seed) == (True, 3)
    assert record.outcome.notes == ["told --seed 3"]
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

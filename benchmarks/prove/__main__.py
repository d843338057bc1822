"""`make prove`: runs the long forms in their order, writes a record each and the page that tells of all."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.prove.page import render
from benchmarks.prove.parts import BY_NAME, PARTS, SEED, Part
from benchmarks.prove.plots import plot
from benchmarks.prove.records import Record
from benchmarks.prove.running import ROOT, await_quiet, run_part

FOLDER = ROOT / "docs" / "proof"


def main() -> int:
    """0 when every part that was run holds, 1 when one does not."""
    asked = _parser().parse_args()
    parts = [BY_NAME[asked.part]] if asked.part else list(PARTS)
    return prove([] if asked.page_only else parts, asked.seed, asked.folder)


def prove(parts: Sequence[Part], seed: int, folder: Path, *, before_each: Callable[[], None] = await_quiet) -> int:
    """The page is written anew after each part: an interrupted run has not run in vain."""
    folder.mkdir(parents=True, exist_ok=True)
    write_page(folder)
    failed = 0
    for part in parts:
        before_each()
        print(f"{part.name}: {part.title} ...", flush=True)
        record = run_part(part, seed)
        write_record(folder, record)
        write_page(folder)
        failed += not record.holds
        print(f"{part.name}: {'holds' if record.holds else 'DOES NOT HOLD'}, {record.took_seconds:.0f} s", flush=True)
        for fault in record.outcome.faults:
            print(f"  {fault}", flush=True)
    return 1 if failed else 0


def write_record(folder: Path, record: Record) -> None:
    (folder / f"{record.part}.json").write_text(record.as_json(), "utf-8")
    for curve in record.outcome.curves:
        (folder / f"{curve.name}.svg").write_text(plot(curve), "utf-8")


def write_page(folder: Path) -> None:
    records = {path.stem: Record.from_json(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))}
    (folder / "README.md").write_text(render(PARTS, records), "utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make prove", description=__doc__)
    parser.add_argument("--part", choices=[*BY_NAME, ""], default="", help="only this one; all when left out")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--page-only", action="store_true", help="make the page from the records there are")
    return parser


if __name__ == "__main__":
    sys.exit(main())

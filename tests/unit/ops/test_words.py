"""The command line's texts: each that is asked for is there, none is left over, plurals agree."""

import re
from pathlib import Path

import pytest

from app.ops.words import LANGUAGES, LOCALES, Words

OPS = Path(__file__).parents[3] / "app" / "ops"
SOURCES = "\n".join(path.read_text("utf-8") for path in sorted(OPS.glob("*.py")))
ASKED = re.compile(r"""["']((?:explain|simulate)\.[a-z0-9_.]+)["']""")
STEMS = re.compile(r"""named\(\s*["']([a-z_.]+)["']|["']((?:explain|simulate)\.[a-z_.]+)\.\{""")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_that_is_asked_for_is_there(language: str) -> None:
    words = Words(language)
    plain = {re.sub(r"_(one|other)$", "", key) for key in words.keys}
    missing = [key for key in ASKED.findall(SOURCES) if key not in plain and not _is_stem(key, plain)]
    assert missing == []


def test_no_text_of_the_command_line_is_left_that_nothing_asks_for() -> None:
    asked, stems = set(ASKED.findall(SOURCES)), tuple(f"{one or other}." for one, other in STEMS.findall(SOURCES))
    ours = {key for key in Words("en").keys if key.startswith(("explain.", "simulate."))}
    assert {
        key for key in ours if re.sub(r"_(one|other)$", "", key) not in asked and not key.startswith(stems)
    } == set()


def test_one_and_many_are_told_apart_in_english() -> None:
    words = Words("en")
    assert "the only one of 1 who" in words("console.why_said.offer", name="Ada", count=1, rule="better skills")
    assert "chosen among 3" in words("console.why_said.offer", name="Ada", count=3, rule="better skills")


def test_every_language_has_its_file() -> None:
    assert {path.stem for path in LOCALES.glob("*.json")} == set(LANGUAGES)


def _is_stem(key: str, known: set[str]) -> bool:
    return any(other.startswith(f"{key}.") for other in known)

"""Every language says everything: equal keys, equal places to fill in."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

LOCALES = Path(__file__).parents[2] / "locales"
ENGLISH = LOCALES / "en.json"
OTHERS = sorted(file.name for file in LOCALES.glob("*.json") if file != ENGLISH)
PLACE = re.compile(r"\{(\w+)\}")


def flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in tree.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat


def texts(file: Path) -> dict[str, str]:
    return flatten(json.loads(file.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", OTHERS)
def test_the_keys_are_those_of_english(name: str) -> None:
    assert set(texts(LOCALES / name)) == set(texts(ENGLISH))


@pytest.mark.parametrize("name", OTHERS)
def test_each_text_fills_in_the_same_places(name: str) -> None:
    english = texts(ENGLISH)
    for key, value in texts(LOCALES / name).items():
        assert set(PLACE.findall(value)) == set(PLACE.findall(english[key])), key


@pytest.mark.parametrize("name", [ENGLISH.name, *OTHERS])
def test_no_text_is_empty(name: str) -> None:
    if not (LOCALES / name).exists():
        pytest.skip("the pages bring the first texts")
    assert [key for key, value in texts(LOCALES / name).items() if not value.strip()] == []

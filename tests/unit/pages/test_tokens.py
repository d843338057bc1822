"""The colours of tokens.css meet the contrasts that the specification of the pages promises."""

import re

import pytest

from app.pages import api

TOKENS = (api.STATIC / "shared" / "tokens.css").read_text("utf-8")
PAIRS = dict(re.findall(r"--([a-z0-9-]+): (light-dark\([^)]*\));", TOKENS))
COLOURS = {name: re.findall(r"#[0-9A-Fa-f]{6}", value) for name, value in PAIRS.items()}
THEMES = {"light": 0, "dark": 1}
BACKGROUNDS = ("surface", "bg", "raised", "selected")
TEXT = 4.5
CONTROL = 3.0
CASES = [
    *[(name, ground, TEXT) for name in ("text", "text-2", "text-3", "accent") for ground in BACKGROUNDS],
    *[("edge", ground, CONTROL) for ground in BACKGROUNDS],
    *[(name, f"{name}-soft", TEXT) for name in ("ok", "warn", "bad", "bot")],
    *[(name, "surface", TEXT) for name in ("ok", "warn", "bad")],
    ("on-accent", "accent", TEXT),
    ("on-accent", "accent-hover", TEXT),
    ("on-accent", "bad", TEXT),
    ("text", "bot-soft", TEXT),
    ("text-3", "bot-soft", TEXT),
    ("note-text", "note", TEXT),
    ("note", "note-text", TEXT),
    ("note-edge", "note", CONTROL),
]


def luminance(colour: str) -> float:
    """WCAG 2.2 relative luminance."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_black_on_white_is_twenty_one_to_one() -> None:
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(("front", "back", "least"), CASES)
def test_the_contrast_is_enough(front: str, back: str, least: float, theme: str) -> None:
    at = THEMES[theme]
    assert contrast(COLOURS[front][at], COLOURS[back][at]) >= least


def test_styles_take_their_colours_from_the_tokens() -> None:
    for name in ("shared/page.css", "console/console.css", "wallboard/wallboard.css", "admin/admin.css"):
        found = re.findall(r"#[0-9A-Fa-f]{3,8}\b(?!\s*\{)", (api.STATIC / name).read_text("utf-8"))
        assert set(found) <= {"#0b152680"}, name

"""Every visible string comes from locales/, and every key the pages ask for is there."""

import json
import re
from pathlib import Path

import pytest

from app.pages import api, assets

STATIC = api.STATIC
WORDS = {tag: json.loads((api.LOCALES / f"{tag}.json").read_text("utf-8")) for tag in assets.LANGUAGES}
SCRIPTS = sorted(STATIC.rglob("*.js"))
PAGES = sorted(STATIC.rglob("*.html"))
WHOLE_KEY = re.compile(r"""["'`]((?:admin|common|console|widget|wallboard|shop|problem)\.[a-z0-9_.]+)["'`]""")
KEY_STEM = re.compile(r"`((?:admin|common|console|widget|wallboard|shop|problem)\.[a-z0-9_.]*)\$\{")
CHOICE_STEM = re.compile(r"choice\(\"(console\.[a-z_]+)\"")
# The sign-in form is told its page; the launcher's labels are put into the loader by the server.
PAGE_STEMS = ("admin.title", "console.title", "wallboard.title", "widget.launcher.")
TEXT_CALL = re.compile(r"(?:text:|title:|placeholder[:=]|\"aria-label\":)\s*\"([^\"]*)\"")
SET_TEXT = re.compile(r"setText\([^,()]+,\s*\"([^\"]+)\"\)")
# tests/unit/ops/test_words.py looks for these.
OF_THE_COMMAND_LINE = ("explain.", "simulate.")
# Names are the same in every language.
NAMES = {"Switchboard", "Switchboard API", "Leaf &amp; Clay"}


def without_comments(source: str) -> str:
    return re.sub(r"^\s*(//|\*|/\*).*$", "", source, flags=re.MULTILINE)


def plain(key: str) -> str:
    return re.sub(r"_(one|other)$", "", key)


@pytest.mark.parametrize("language", assets.LANGUAGES)
def test_every_key_the_pages_ask_for_has_a_text(language: str) -> None:
    known = {plain(key) for key in WORDS[language]}
    missing = {
        f"{script.relative_to(STATIC)}: {key}"
        for script in SCRIPTS
        for key in WHOLE_KEY.findall(script.read_text("utf-8"))
        if plain(key) not in known and not any(other.startswith(f"{key}.") for other in known)
    }
    assert missing == set()


def test_every_key_made_of_a_stem_and_a_value_has_some_text() -> None:
    stems = {stem for script in SCRIPTS for stem in KEY_STEM.findall(script.read_text("utf-8"))}
    assert {stem for stem in stems if not any(key.startswith(stem) for key in WORDS["en"])} == set()


def test_no_key_is_left_that_nothing_asks_for() -> None:
    sources = "\n".join(script.read_text("utf-8") for script in SCRIPTS)
    whole = {plain(key) for key in WHOLE_KEY.findall(sources)}
    stems = (*KEY_STEM.findall(sources), *CHOICE_STEM.findall(sources), *PAGE_STEMS, *OF_THE_COMMAND_LINE)
    assert {key for key in WORDS["en"] if plain(key) not in whole and not key.startswith(stems)} == set()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(STATIC)))
def test_no_text_stands_in_code(script: Path) -> None:
    source = without_comments(script.read_text("utf-8"))
    found = [
        text for text in [*TEXT_CALL.findall(source), *SET_TEXT.findall(source)] if re.search(r"[^\W\d_]{2}", text)
    ]
    # Keyboard names are printed on the keys.
    assert [text for text in found if text not in NAMES and not text.startswith(("Alt+", "Ctrl+"))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(STATIC)))
def test_pages_hold_no_text_and_nothing_inline(page: Path) -> None:
    source = page.read_text("utf-8")
    texts = {text.strip() for text in re.findall(r">([^<]+)<", source)} - {""}
    assert texts <= NAMES
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\bsrc=)", source)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(STATIC)))
def test_no_script_makes_markup_or_code_of_text(script: Path) -> None:
    source = without_comments(script.read_text("utf-8"))
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", source)


@pytest.mark.parametrize("key", sorted(WORDS["zh-CN"]))
def test_chinese_texts_use_full_width_punctuation(key: str) -> None:
    assert not re.search(r"[一-鿿][,;:?!]", WORDS["zh-CN"][key])

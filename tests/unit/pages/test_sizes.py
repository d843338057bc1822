"""What a browser must fetch stays within the budgets of the pages' specification, packed as it travels."""

import re

import pytest

from app.pages import api
from app.pages.assets import Asset

KILOBYTE = 1000
LOADER_BUDGET = 6 * KILOBYTE
PANEL_BUDGET = 45 * KILOBYTE
WIDGET_TEXTS_BUDGET = 4 * KILOBYTE
CONSOLE_BUDGET = 180 * KILOBYTE
WIDGET_REQUESTS = 8
CONSOLE_REQUESTS = 25
ADMIN_BUDGET = 60 * KILOBYTE
ADMIN_SECTION_BUDGET = 20 * KILOBYTE
ADMIN_REQUESTS = 15
ADMIN_SECTIONS = (
    *("calendars", "calendar-editor", "policies", "policy-editor", "adoption", "attainment"),
    *("duties", "causes", "cause-editor", "acknowledgement", "acknowledgement-editor", "teams", "rules", "rule-editor"),
    *("queues", "queue-editor", "skills", "skill-editor", "agents", "agent-editor"),
)
IMPORT = re.compile(r"""(?:from|import)\s+["'](\.[^"']+)["']""")


def packed(asset: Asset) -> int:
    return len(asset.gzipped or asset.body)


def module_tree(start: str) -> set[str]:
    """Every module below /assets that `start` brings along."""
    from posixpath import dirname, join, normpath

    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        source = api.assets().files[name].body.decode()
        waiting += [normpath(join(dirname(name), found)) for found in IMPORT.findall(source)]
    return seen


def test_the_loader_is_within_its_budget() -> None:
    assert packed(api.assets().pages["widget/widget.js"]) <= LOADER_BUDGET


def test_the_panel_is_within_its_budget() -> None:
    names = module_tree("widget/panel.js") | {"widget/all.css"}
    assert sum(packed(api.assets().files[name]) for name in names) <= PANEL_BUDGET


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_the_widgets_texts_are_within_their_budget(language: str) -> None:
    assert packed(api.assets().files[f"texts/widget.{language}.json"]) <= WIDGET_TEXTS_BUDGET


def test_the_widget_needs_no_more_requests_than_promised() -> None:
    loader, style, texts = 1, 1, 1
    assert loader + style + texts + len(module_tree("widget/panel.js")) <= WIDGET_REQUESTS


def test_the_console_is_within_its_budgets() -> None:
    others = {"console/all.css", "texts/console.en.json", "shared/favicon.svg", "shared/ping-worker.js"}
    names = module_tree("console/main.js") | others
    page = api.assets().pages["console/index.html"]
    assert sum(packed(api.assets().files[name]) for name in names) + packed(page) <= CONSOLE_BUDGET
    assert len(names) + 1 <= CONSOLE_REQUESTS


def test_the_administration_fetches_a_section_only_when_it_is_looked_at() -> None:
    frame = module_tree("admin/main.js")
    names = frame | {"admin/all.css", "texts/admin.en.json", "shared/favicon.svg"}
    page = api.assets().pages["admin/index.html"]
    assert sum(packed(api.assets().files[name]) for name in names) + packed(page) <= ADMIN_BUDGET
    assert len(names) + 1 <= ADMIN_REQUESTS
    for section in ADMIN_SECTIONS:
        own = module_tree(f"admin/{section}.js") - frame
        assert f"admin/{section}.js" in own
        assert sum(packed(api.assets().files[name]) for name in own) <= ADMIN_SECTION_BUDGET, section

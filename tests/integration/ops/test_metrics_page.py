"""docs/metrics.md, the alert rules and the dashboard name what is exported, all of it and nothing else."""

import importlib
import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

from app.core.config import Settings
from app.core.database import Database
from app.core.due_rows import DueRowRunner
from app.main import create_app
from app.routing.repository import checks
from app.sla.jobs import CLOCK_TABLE
from tests.clocks import ManualClock

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "metrics.md").read_text("utf-8")
ALERTS = yaml.safe_load((ROOT / "deploy" / "prometheus-alerts.yaml").read_text("utf-8"))
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "switchboard.json").read_text("utf-8"))
RULES: list[dict[str, Any]] = [rule for group in ALERTS["groups"] for rule in group["rules"]]
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
GRAFANA_SCHEMA = 42  # of Grafana 12, the last of the classic form
GRID_COLUMNS = 24
# Of Prometheus itself: whether it could scrape.
OF_THE_SCRAPER = {"up"}
OF_POSTGRESQL = {"max_connections", "pg_stat_statements"}
WORDS_OF_PROMQL = {
    *("sum", "max", "min", "count", "by", "le", "rate", "increase", "histogram_quantile", "absent"),
}


@pytest.fixture(scope="module")
def exported() -> dict[str, tuple[str, str]]:
    """By name as it is scraped (histograms without suffix): type and labels."""
    for module in ("app.main", "app.worker"):
        importlib.import_module(module)
    found = {}
    for collector in REGISTRY._collector_to_names:
        for family in collector.describe() if hasattr(collector, "describe") else ():
            name = family.name + ("_total" if family.type == "counter" else "")
            found[name] = (family.type, ", ".join(getattr(collector, "_labelnames", ())))
    return {name: told for name, told in found.items() if name.startswith("switchboard_")}


def series(exported: dict[str, tuple[str, str]]) -> set[str]:
    """Every name a query may ask for."""
    suffixes = {"histogram": ("_bucket", "_sum", "_count")}
    return {name + suffix for name, (kind, _) in exported.items() for suffix in suffixes.get(kind, ("",))}


def names_in(expression: str) -> set[str]:
    """Names of series: neither words of the language, nor labels and their values, nor durations."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|by \([^)]*\)", "", expression)
    return set(re.findall(r"[a-z_]{2,}", bare)) - WORDS_OF_PROMQL


def test_each_metric_is_on_the_page_with_its_labels_and_nothing_else_is(exported: dict[str, tuple[str, str]]) -> None:
    rows = re.findall(r"^\| `(switchboard_\w+)` \| ([a-z_, ]*) \| (.*) \|$", PAGE, re.MULTILINE)
    assert {name: labels for name, labels, _ in rows} == {name: labels for name, (_, labels) in exported.items()}
    assert [name for name, _, text in rows if text.endswith("(histogram)") != (exported[name][0] == "histogram")] == []


def test_the_page_speaks_of_no_metric_that_is_not_exported(exported: dict[str, tuple[str, str]]) -> None:
    assert set(re.findall(r"switchboard_\w+", PAGE)) - exported.keys() - series(exported) == set()


def test_each_line_of_trouble_on_the_page_is_an_alert_and_the_other_way_round() -> None:
    rows = re.findall(r"^\| (\w+) \((page|ticket)\) \| `([^`]+)`(?: for (\w+))? \| .+ \| .+ \|$", PAGE, re.MULTILINE)
    told = {name: (severity, line, wait or "0m") for name, severity, line, wait in rows}
    assert len(told) == len(rows)
    assert told == {rule["alert"]: (rule["labels"]["severity"], rule["expr"], rule["for"]) for rule in RULES}


def test_the_log_lines_and_operations_that_the_page_sends_one_to_are_there() -> None:
    lines = [line for line in PAGE.splitlines() if re.match(r"\| \w+ \((page|ticket)\)", line)]
    named = {word for line in lines for word in re.findall(r"`([a-z_]+)`", line.rsplit("|", 2)[1])}
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "app").rglob("*.py"))
    assert {
        word for word in named - OF_POSTGRESQL if f'"{word}"' not in sources and f" {word} " not in sources
    } == set()
    operations = {operation for line in lines for operation in re.findall(r"`(GET|POST) (/v1/[^`]+)`", line)}
    paths = create_app(Settings()).openapi()["paths"]
    assert {(method, path) for method, path in operations if method.lower() not in paths.get(path, {})} == set()


def test_counters_whose_rise_is_an_alert_are_there_before_it(exported: dict[str, tuple[str, str]]) -> None:
    """One that appears with its first occurrence has never risen. Failures that must come often may."""
    must_be_there = {
        name
        for rule in RULES
        if rule["expr"].endswith("> 0")
        for name in re.findall(r"increase\((\w+)", rule["expr"])
        if exported[name][1]
    }
    database = Database("postgresql://nobody@127.0.0.1:1/none", application_name="tests")
    DueRowRunner(database, ManualClock(), [CLOCK_TABLE])
    shown = {sample.name for family in REGISTRY.collect() for sample in family.samples}
    assert must_be_there <= shown
    assert set(re.findall(r"SELECT '(\w+)'", str(checks.VIOLATIONS))) == set(checks.RULES)


def test_queries_name_only_what_is_exported(exported: dict[str, tuple[str, str]]) -> None:
    known = series(exported) | OF_THE_SCRAPER
    queries = [rule["expr"] for rule in RULES]
    queries += [target["expr"] for panel in PANELS for target in panel["targets"]]
    assert {name for query in queries for name in names_in(query)} - known == set()


def test_labels_in_queries_are_labels_of_what_they_ask(exported: dict[str, tuple[str, str]]) -> None:
    of_the_scraper = {"instance", "job", "le"}
    for query in (target["expr"] for panel in PANELS for target in panel["targets"]):
        labels = set(re.findall(r"[{,]\s*(\w+)\s*=~?\"", query))
        labels |= {label.strip() for group in re.findall(r"by \(([^)]*)\)", query) for label in group.split(",")}
        bases = {re.sub(r"_(bucket|sum|count)$", "", name) for name in names_in(query)}
        known = {label for base in bases for label in exported[base][1].split(", ")}
        assert labels - of_the_scraper <= known, query


def test_the_dashboard_is_of_the_present_schema_with_ids_of_its_own_and_panels_beside_one_another() -> None:
    assert DASHBOARD["schemaVersion"] == GRAFANA_SCHEMA
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in PANELS:
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references) > 0
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    assert all(place["x"] + place["w"] <= GRID_COLUMNS for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)


def test_each_alert_of_ours_has_its_panel_with_the_same_line() -> None:
    shown = {panel["title"]: panel["targets"][0]["expr"] for panel in PANELS}
    for rule in RULES:
        if names_in(rule["expr"]) != OF_THE_SCRAPER:
            assert rule["expr"].startswith(shown[rule["alert"]] + " "), rule["alert"]

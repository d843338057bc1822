"""deploy/compose.yaml and its example settings, as far as they can be held to account without Docker."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.core.config import Settings
from tests.journeys.fleet import PLACES, ROOT

DEPLOY = ROOT / "deploy"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def test_every_service_is_pinned_confined_and_restarted(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert re.search(r":(\d|\$\{)", service["image"]), f"{name}: which version?"
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service, name
        assert service["restart"] == ("no" if name == "migrate" else "unless-stopped"), name
        if name != "postgres":  # it goes over to its own user by itself and writes where it likes
            assert service["read_only"] is True, name
            assert service["cap_drop"] == ["ALL"], name


def test_only_the_proxy_can_be_reached_from_outside_and_it_cannot_reach_the_database(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]
    networks = {name: set(service["networks"]) for name, service in services.items()}
    assert [name for name, found in networks.items() if "front" in found] == ["api1", "api2", "proxy"]
    assert not networks["proxy"] & networks["postgres"]


def test_who_listens_is_asked_for_its_health_and_waited_for(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name in ("postgres", "nats", "proxy"):
        assert services[name]["healthcheck"]["test"][0] == "CMD", name
    assert "healthcheck" not in services["api1"], "the image's own counts"
    assert services["proxy"]["depends_on"] == {name: {"condition": "service_healthy"} for name in ("api1", "api2")}
    for name in ("api1", "api2", "worker1", "worker2"):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_the_addresses_of_proxy_and_apis_are_the_same_in_all_files(compose: dict[str, Any]) -> None:
    address = {
        name: compose["services"][name]["networks"]["front"]["ipv4_address"] for name in ("api1", "api2", "proxy")
    }
    assert (f"{address['api1']}:8080", f"{address['api2']}:8080") == PLACES
    assert environment_example()["SWITCHBOARD_TRUSTED_PROXIES"] == address["proxy"]


def test_secrets_are_files_or_blanks_and_stay_out_of_git(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert "POSTGRES_PASSWORD" not in service.get("environment", {}), name
    assert environment_example()["SWITCHBOARD_SECRET_KEY"] == ""
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {"deploy/secrets/", "deploy/switchboard.env"} <= set(ignored)
    assert all(secret["file"].startswith("secrets/") for secret in compose["secrets"].values())


def test_the_example_of_the_environment_sets_what_there_is(tmp_path: Path) -> None:
    known = {f"SWITCHBOARD_{name}".upper() for name in Settings.model_fields} | {"DATABASE_URL", "PORT"}
    assert set(environment_example()) <= known
    filled = tmp_path / "env"
    filled.write_text((DEPLOY / "switchboard.env.example").read_text())
    settings = Settings(_env_file=filled)
    assert settings.cookie_secure
    assert settings.public_url.startswith("https://")


def environment_example() -> dict[str, str]:
    lines = (DEPLOY / "switchboard.env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))

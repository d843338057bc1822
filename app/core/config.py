"""Settings: everything an installation may set, read once from the environment and passed on as an argument."""

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.core.retention import KEEP_MONTHS_MIN

KEEP_MONTHS_MAX = 1_200
"""A hundred years: for ever."""


def _require_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError, OSError) as error:
        raise ValueError("expected a time zone such as Asia/Shanghai") from error


class Settings(BaseSettings):
    """One installation's settings. Every variable is prefixed `SWITCHBOARD_`, but DATABASE_URL and PORT."""

    model_config = SettingsConfigDict(env_prefix="SWITCHBOARD_", env_file=".env", extra="ignore", frozen=True)

    database_url: str = Field(default="", validation_alias="DATABASE_URL")
    data_dir: Path = Path(".switchboard")
    host: str = "127.0.0.1"
    port: int = Field(default=8080, validation_alias="PORT", ge=0, le=65535)
    secret_key: SecretStr = SecretStr("")
    """Signs visitor tokens. `up` makes one in the data folder; elsewhere it must be set (32 bytes or more)."""
    public_url: str = ""
    """The address browsers use, when a proxy stands before us. Empty: the Host header names it."""
    timezone: Annotated[str, AfterValidator(_require_zone)] = "UTC"
    """Whose midnight begins a day of the wallboard: a name of the IANA database."""
    cookie_secure: bool = False
    """Set behind TLS, so that the session cookie never travels in the clear."""
    trusted_proxies: str = ""
    """Comma-separated addresses whose X-Forwarded-For is believed. Empty: none."""
    connections_per_address: int = Field(default=4_000, ge=0, le=1_000_000)
    """HTTP and sockets together, to one api process: an office of a thousand behind one address may need them all.
    Those of trusted proxies are not counted. 0: no limit."""
    hsts_seconds: int = Field(default=0, ge=0, le=2 * 366 * 86_400)
    """How long browsers must not come back without TLS. Set it when every way to this host has TLS; 0: not told."""
    webhook_allowed_destinations: str = ""
    """Comma-separated hosts and networks that webhooks may go to although they are not public, over http too."""
    log_format: Literal["json", "console"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    bus_url: str = Field(
        default="", pattern=r"^$|^(nats|tls)://[^\s,]+(\s*,\s*(nats|tls)://[^\s,]+)*$", max_length=2_000
    )
    """Addresses of a NATS that carries wake-ups and signals between processes. Empty: PostgreSQL carries them."""
    database_pool_size: int = Field(default=10, ge=2, le=100)
    tracing: Literal["off", "on", "from_proxy"] = "off"
    """OpenTelemetry traces, set up further by the OTEL_ variables. `from_proxy`: callers' `traceparent` is believed."""
    worker_metrics_port: int = Field(default=0, ge=0, le=65535)
    """Where a worker serves /metrics, on 127.0.0.1 alone. 0: nowhere; an api serves its own on its own port."""
    keep_events_months: int = Field(default=13, ge=KEEP_MONTHS_MIN, le=KEEP_MONTHS_MAX)
    """Whole months for which the event log stays, after the month an event was made in."""
    keep_traces_months: int = Field(default=13, ge=1, le=KEEP_MONTHS_MAX)
    """The same for the traces of routing decisions, once their work is done."""

"""What other packages and the API see of channel accounts and their files."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from app.channels.acknowledgement.settings import Acknowledgement
from app.core.plain_text import NO_NUL, NOT_BLANK

MAX_ORIGINS = 50
MAX_ORIGIN_CHARACTERS = 255

ChannelKind = Literal["chat"]
AccountName = Annotated[str, StringConstraints(strip_whitespace=True, pattern=NOT_BLANK, min_length=1, max_length=100)]
Brand = Annotated[str, StringConstraints(strip_whitespace=True, pattern=NO_NUL, max_length=100)]
HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\]")


def check_origin(origin: str) -> str:
    """An exact web origin as browsers send it: scheme://host[:port], lower case, no path, no wildcard."""
    wanted = origin.strip().lower()
    parts = urlsplit(wanted)
    host, colon, port = parts.netloc.rpartition(":") if re.search(r":\d+$", parts.netloc) else (parts.netloc, "", "")
    default = {"http": "80", "https": "443"}.get(parts.scheme)
    if default is None or not HOST.fullmatch(host) or wanted != f"{parts.scheme}://{parts.netloc}":
        raise ValueError("an origin is http(s)://host or http(s)://host:port, without a path")
    if colon and (port == default or not 0 < int(port) < 65_536):
        raise ValueError("leave the port out when it is the scheme's own; otherwise it is between 1 and 65535")
    return wanted


Origin = Annotated[str, StringConstraints(max_length=MAX_ORIGIN_CHARACTERS), AfterValidator(check_origin)]
Origins = Annotated[list[Origin], Field(max_length=MAX_ORIGINS)]


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What the door and the widget need of a channel account. Rights and priority come from its queue."""

    id: UUID
    kind: str
    name: str
    brand: str
    public_key: str
    queue_id: UUID
    team_id: UUID | None
    priority: int
    allowed_origins: tuple[str, ...]
    settings: dict[str, Any]
    enabled: bool
    synthetic: bool


class ChannelAccountIn(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "name": "Shop",
                "queue_id": "019ab3f0-7c1e-7b52-9d7e-0c7c5f1f6a10",
                "allowed_origins": ["https://shop.example"],
                "acknowledgement": {"when": "outside_hours", "texts": {"en": "Thank you! We will answer {due}."}},
            }
        },
    )

    kind: ChannelKind = "chat"
    name: AccountName
    brand: Brand = ""
    queue_id: UUID
    allowed_origins: Origins = Field(default_factory=list)
    acknowledgement: Acknowledgement = Acknowledgement()
    synthetic: StrictBool = Field(default=False, description="Made by a probe: left out of reports, SLA and webhooks")


class ChannelAccountPatch(BaseModel):
    """Only what is given is changed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"brand": "Teapots", "enabled": True}})

    name: AccountName | None = None
    brand: Brand | None = None
    queue_id: UUID | None = None
    allowed_origins: Origins | None = None
    acknowledgement: Acknowledgement | None = None
    enabled: StrictBool | None = None


class ChannelAccountOut(BaseModel):
    id: UUID
    kind: str
    name: str
    brand: str
    public_key: str
    queue_id: UUID
    allowed_origins: list[str]
    acknowledgement: Acknowledgement
    enabled: bool
    synthetic: bool
    version: int
    created_at: datetime

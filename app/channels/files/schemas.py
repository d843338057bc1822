"""What others see of a file."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

MAX_FILE_BYTES = 20 * 1024 * 1024


class FileDescription(BaseModel):
    """As a message carries it."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    media_type: str
    size_bytes: int


class FileLink(BaseModel):
    """`url` is a path on this server; anybody who has it may read the file until `expires_at`."""

    url: str
    expires_at: datetime

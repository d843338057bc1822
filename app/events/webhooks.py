"""What happens to webhook endpoints."""

from typing import Literal
from uuid import UUID

from app.events.event import Event

DisabledReason = Literal["by_admin", "gone", "failing", "backlog"]


class EndpointEvent(Event):
    endpoint_id: UUID

    @property
    def key(self) -> UUID:
        return self.endpoint_id


class WebhookEndpointChanged(EndpointEvent):
    type = "webhook.endpoint_changed"
    change: Literal["created", "updated", "secret_rotated", "deleted"]


class WebhookEndpointDisabled(EndpointEvent):
    """Nothing is sent to it until somebody enables it. `gone`: it answered 410; `failing`: for five days;
    `backlog`: it fails, and more waits for it than is kept. A replay sends what it missed."""

    type = "webhook.endpoint_disabled"
    reason: DisabledReason

"""What happens to customers and their contact points."""

from uuid import UUID

from app.events.event import Event


class CustomerEvent(Event):
    customer_id: UUID

    @property
    def key(self) -> UUID:
        return self.customer_id


class CustomerCreated(CustomerEvent):
    type = "customer.created"


class CustomerUpdated(CustomerEvent):
    type = "customer.updated"
    fields: tuple[str, ...]


class ContactPointAdded(CustomerEvent):
    type = "contact_point.added"
    contact_point_id: UUID
    kind: str
    verified: bool

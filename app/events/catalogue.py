"""Every event there is, by (type, version): the published vocabulary of the log."""

from typing import Any

from app.events import agents, conversations, customers, routing, sla, webhooks
from app.events.event import Event

EVENTS: tuple[type[Event], ...] = (
    conversations.ConversationOpened,
    conversations.ConversationStatusChanged,
    conversations.ConversationRightsChanged,
    conversations.ConversationPriorityChanged,
    conversations.ConversationCategorised,
    conversations.ConversationMerged,
    conversations.MessageReceived,
    conversations.MessagePosted,
    conversations.NoteAdded,
    conversations.DeliveryChanged,
    conversations.ConversationRead,
    customers.CustomerCreated,
    customers.CustomerUpdated,
    customers.ContactPointAdded,
    agents.AgentCreated,
    agents.AgentUpdated,
    agents.AgentDisabled,
    agents.SessionStarted,
    agents.SessionEnded,
    agents.TeamChanged,
    agents.SkillChanged,
    agents.ApiKeyChanged,
    agents.ChannelAccountChanged,
    routing.WorkChanged,
    routing.WorkUnroutable,
    routing.WorkReassignRefused,
    routing.WorkOverflowed,
    routing.OfferMade,
    routing.OfferEnded,
    routing.TransferOffered,
    routing.TransferEnded,
    routing.PresenceChanged,
    routing.WrapUpBegan,
    routing.WrapUpEnded,
    routing.QueueChanged,
    routing.RoutingRulesChanged,
    sla.ClocksChanged,
    sla.SlaWarned,
    sla.SlaBreached,
    sla.SlaEscalated,
    sla.SlaCorrected,
    sla.PauseOver,
    sla.EscalationAccepted,
    sla.EscalationEnded,
    sla.CauseGiven,
    sla.RemedyNoted,
    sla.TaskCreated,
    sla.TaskDone,
    sla.Promised,
    sla.PromiseKept,
    sla.PromiseCancelled,
    sla.PolicyChanged,
    sla.CalendarChanged,
    webhooks.WebhookEndpointChanged,
    webhooks.WebhookEndpointDisabled,
)
BY_NAME: dict[tuple[str, int], type[Event]] = {(event.type, event.version): event for event in EVENTS}


def parse(type_: str, version: int, payload: dict[str, Any]) -> Event:
    """The event a stored row tells. KeyError: a type or version this release does not know."""
    return BY_NAME[type_, version].model_validate(payload)

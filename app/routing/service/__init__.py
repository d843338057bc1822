"""The face of routing: every use-case other packages and the API may call."""

from app.routing.service.agent_terms import change_terms, get_terms
from app.routing.service.answers import accept_offer
from app.routing.service.by_hand import assign, pick, take_back_transfer, transfer
from app.routing.service.days import empty_day, list_days
from app.routing.service.ending import end_wrap_up
from app.routing.service.offers import decline_offer
from app.routing.service.presences import (
    beat,
    clear_penalty,
    clear_penalty_of,
    connect,
    disconnect,
    set_presence,
    set_presence_of,
)
from app.routing.service.queue_looks import look_at_queue
from app.routing.service.queue_versions import list_versions
from app.routing.service.queues import (
    add_member,
    change_members,
    create_queue,
    get_queue,
    list_members,
    list_queues,
    remove_member,
    restore_queue,
    update_queue,
)
from app.routing.service.rule_trials import try_rules
from app.routing.service.rule_versions import list_rules_versions, restore_rules
from app.routing.service.rules import get_rules, put_rules
from app.routing.service.skill_use import get_skill_use
from app.routing.service.views import (
    explain,
    get_presence,
    list_calendar_ids,
    list_offers,
    list_presences,
    list_queue_lines,
)
from app.routing.service.waits import list_measured, list_paces, list_places

__all__ = [
    "accept_offer",
    "add_member",
    "assign",
    "beat",
    "change_members",
    "change_terms",
    "clear_penalty",
    "clear_penalty_of",
    "connect",
    "create_queue",
    "decline_offer",
    "disconnect",
    "empty_day",
    "end_wrap_up",
    "explain",
    "get_presence",
    "get_queue",
    "get_rules",
    "get_skill_use",
    "get_terms",
    "list_calendar_ids",
    "list_days",
    "list_measured",
    "list_members",
    "list_offers",
    "list_paces",
    "list_places",
    "list_presences",
    "list_queue_lines",
    "list_queues",
    "list_rules_versions",
    "list_versions",
    "look_at_queue",
    "pick",
    "put_rules",
    "remove_member",
    "restore_queue",
    "restore_rules",
    "set_presence",
    "set_presence_of",
    "take_back_transfer",
    "transfer",
    "try_rules",
    "update_queue",
]

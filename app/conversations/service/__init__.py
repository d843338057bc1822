"""The use-cases of conversations, one file a group of verbs; other packages call them through here."""

from app.conversations.repository.last_owners import list_last_owners
from app.conversations.repository.quiet import list_written
from app.conversations.repository.rights import ids_of_contact, visible_ids
from app.conversations.service.acknowledging import acknowledge, list_acknowledged_contacts
from app.conversations.service.announcing import announce
from app.conversations.service.categories import set_category
from app.conversations.service.marks import (
    find_outgoing,
    mark_customer_delivery,
    mark_read,
    record_failed,
    record_sent,
    resend,
)
from app.conversations.service.merging import merge
from app.conversations.service.ownership import place, raise_priorities, set_owner, set_owners, set_queue
from app.conversations.service.posting import add_note, post_message
from app.conversations.service.reading import (
    facts_and_contents_of,
    facts_of,
    find_of_contact,
    get_summary,
    list_messages,
    list_open,
    list_public_messages,
    list_summaries,
    list_unowned_of_contacts,
    load_contents,
    rights_of,
    summaries_of,
)
from app.conversations.service.receiving import receive
from app.conversations.service.statuses import change_status, end_by_customer, reopen, resolve, run_due

__all__ = [
    "acknowledge",
    "add_note",
    "announce",
    "change_status",
    "end_by_customer",
    "facts_and_contents_of",
    "facts_of",
    "find_of_contact",
    "find_outgoing",
    "get_summary",
    "ids_of_contact",
    "list_acknowledged_contacts",
    "list_last_owners",
    "list_messages",
    "list_open",
    "list_public_messages",
    "list_summaries",
    "list_unowned_of_contacts",
    "list_written",
    "load_contents",
    "mark_customer_delivery",
    "mark_read",
    "merge",
    "place",
    "post_message",
    "raise_priorities",
    "receive",
    "record_failed",
    "record_sent",
    "reopen",
    "resend",
    "resolve",
    "rights_of",
    "run_due",
    "set_category",
    "set_owner",
    "set_owners",
    "set_queue",
    "summaries_of",
    "visible_ids",
]

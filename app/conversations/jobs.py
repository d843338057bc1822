"""The due rows of conversations: waking from snooze, closing what was resolved."""

from app.conversations.service.statuses import run_due
from app.core.due_rows import DueTable

CONVERSATION_TABLE = DueTable(name="conversation", record=run_due)

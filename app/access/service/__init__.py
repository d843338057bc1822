"""Use-cases of access: accounts, log-ins, API keys."""

from app.access.service.accounts import (
    bootstrap_admin,
    change_account,
    create_account,
    create_account_as,
    get_account,
    list_accounts,
    map_accounts,
    map_supervisors,
    refuse_beyond,
    reset_password,
)
from app.access.service.api_keys import create_api_key, list_api_keys, revoke_api_key
from app.access.service.sessions import (
    change_password,
    delete_old,
    end_all_sessions,
    end_session,
    list_sessions,
    log_in,
)

__all__ = [
    "bootstrap_admin",
    "change_account",
    "change_password",
    "create_account",
    "create_account_as",
    "create_api_key",
    "delete_old",
    "end_all_sessions",
    "end_session",
    "get_account",
    "list_accounts",
    "list_api_keys",
    "list_sessions",
    "log_in",
    "map_accounts",
    "map_supervisors",
    "refuse_beyond",
    "reset_password",
    "revoke_api_key",
]

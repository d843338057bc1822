"""Use-cases of access: logging in and out, accounts, API keys."""

from app.access.service.accounts import (
    bootstrap_admin,
    change_account,
    change_password,
    create_account,
    get_account,
    list_accounts,
)
from app.access.service.keys import create_api_key, list_api_keys, revoke_api_key
from app.access.service.sessions import authenticate_token, list_sessions, log_in, log_out, revoke_session

__all__ = [
    "authenticate_token",
    "bootstrap_admin",
    "change_account",
    "change_password",
    "create_account",
    "create_api_key",
    "get_account",
    "list_accounts",
    "list_api_keys",
    "list_sessions",
    "log_in",
    "log_out",
    "revoke_api_key",
    "revoke_session",
]

"""Password hashes: argon2id at OWASP's 19 MiB, 2 passes, 1 lane."""

import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

STANDARD = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""28 ms a hash, measured; docs/decisions/0002-dependencies.md. Tests that only need an account pass a cheaper one."""
NOBODYS_HASH = "$argon2id$v=19$m=19456,t=2,p=1$YiLf8PT/qmbMKXliMsSRFA$GUYam9mmT84P9dg9MFbflQ+9CqMRhiAr8iMhvlXSxqQ"
"""Checked when a login does not exist, so that the answer takes as long as for one that does."""


def hash_password(password: str, hasher: PasswordHasher = STANDARD) -> str:
    """Takes CPU for some 30 ms: call it in a thread."""
    return hasher.hash(_normalised(password))


def is_right(password_hash: str, password: str) -> bool:
    """Takes as long as the hash's own parameters ask for: call it in a thread."""
    try:
        return STANDARD.verify(password_hash, _normalised(password))
    except (VerificationError, InvalidHashError):
        return False


def _normalised(password: str) -> str:
    """One keyboard sends é as one character, another as two."""
    return unicodedata.normalize("NFKC", password)

"""Passwords and opaque tokens: made at random, stored only as hashes."""

import asyncio
import hashlib
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

API_KEY_PREFIX = "sbk_"
# OWASP's argon2id profile: 19 MiB, two passes, one lane; 28 ms on two shared cores.
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Verified against when the login is unknown, so that the time an answer takes tells nothing.
_NOBODY = HASHER.hash(secrets.token_urlsafe(16))


async def hash_password(password: str) -> str:
    return await asyncio.to_thread(HASHER.hash, password)


async def verify_password(password_hash: str | None, password: str) -> bool:
    """In constant effort, whether or not the account exists (`password_hash` None)."""

    def verify() -> bool:
        try:
            return HASHER.verify(password_hash or _NOBODY, password)
        except (VerificationError, InvalidHashError):
            return False

    return await asyncio.to_thread(verify) and password_hash is not None


def random_password() -> str:
    """128 bits, in characters that can be read aloud."""
    return secrets.token_hex(16)


def new_token(prefix: str = "") -> str:
    return prefix + secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """Tokens carry 256 random bits, so a plain hash suffices and look-up by it leaks nothing by timing."""
    return hashlib.sha256(token.encode()).digest()

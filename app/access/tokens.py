"""Session tokens and API keys: 256 random bits outside, only their SHA-256 inside."""

import base64
import hashlib

TOKEN_BYTES = 32
SESSION_PREFIX = "sbs_"
API_KEY_PREFIX = "sbk_"
SHOWN_LENGTH = 10
"""Of an API key, prefix included: enough to tell keys apart, far too little to guess the rest."""
TOKEN_MAX_LENGTH = 100


def token_of(prefix: str, entropy: bytes) -> str:
    """`entropy` is TOKEN_BYTES from the system's random source."""
    return prefix + base64.urlsafe_b64encode(entropy).decode().rstrip("=")


def hash_of(token: str) -> bytes:
    """A plain hash is enough: nobody guesses 256 random bits, so a slow one would only slow each request."""
    return hashlib.sha256(token.encode()).digest()


def is_api_key(token: str) -> bool:
    return token.startswith(API_KEY_PREFIX)

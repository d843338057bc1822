"""The one written form of each kind of address, so that equal addresses are equal values."""

import re

from app.core.errors import InvalidInput

PHONE_PUNCTUATION = re.compile(r"[\s().\-/]")


def normalise(kind: str, value: str) -> str:
    """The form stored and compared. An e-mail is compared without case, a phone number without punctuation."""
    trimmed = value.strip()
    if not trimmed:
        raise InvalidInput("contact_value_empty", "A contact point needs a value.")
    match kind:
        case "email":
            return trimmed.casefold()
        case "phone":
            return PHONE_PUNCTUATION.sub("", trimmed)
        case _:
            return trimmed

"""What a file may be called, and how its name travels in a header."""

import unicodedata
from urllib.parse import quote

MAX_NAME_CHARACTERS = 150
FALLBACK = "file"
# Reserved in some file system or other, or with a meaning in headers.
FORBIDDEN = frozenset('/\\:*?"<>|;%')
UNRESERVED = "!#$&+-.^_`|~"
"""What RFC 5987 lets stand in `filename*` besides letters and digits."""


def clean_name(given: str) -> str:
    """The last part of a path without control, format and reserved characters, short enough, ending kept."""
    last = unicodedata.normalize("NFC", given).replace("\\", "/").rstrip("/ ").rpartition("/")[2]
    # Category C: controls, marks that turn the writing direction, halves of surrogate pairs.
    kept = "".join(
        "_" if character in FORBIDDEN else character
        for character in last
        if unicodedata.category(character)[0] != "C" and unicodedata.category(character) not in ("Zl", "Zp")
    )
    return _shortened(" ".join(kept.split()).strip(". ")) or FALLBACK


def _shortened(name: str) -> str:
    if len(name) <= MAX_NAME_CHARACTERS:
        return name
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending) > 10:
        return name[:MAX_NAME_CHARACTERS]
    return f"{stem[: MAX_NAME_CHARACTERS - len(ending) - 1]}.{ending}"


def disposition(name: str) -> str:
    """`Content-Disposition` of a download (RFC 6266): a plain name for old readers, the true one for the rest."""
    plain = "".join(character if " " <= character < "\x7f" and character not in '"\\%' else "_" for character in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=UNRESERVED)}"

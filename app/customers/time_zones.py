"""Time zones as customers have them: names of the IANA database, or none."""

from zoneinfo import ZoneInfo


def is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def known_or_none(name: str) -> str:
    """The name itself, or "" for one we do not know: a browser newer than our data is no mistake of its user's."""
    return name if is_zone(name) else ""


def require_zone(name: str) -> str:
    if name and not is_zone(name):
        raise ValueError("give an IANA name such as Asia/Shanghai, or nothing")
    return name

"""The texts of locales/ for what the command line tells people."""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path

LOCALES = Path(__file__).parents[2] / "locales"
LANGUAGES = ("en", "zh-CN")


class Words:
    """`words(key, ...)`: the text with its places filled in, those not given left empty as on the pages. With
    `count`, its plural form where there is one.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self._texts: Mapping[str, str] = json.loads((LOCALES / f"{language}.json").read_text("utf-8"))

    @property
    def keys(self) -> Collection[str]:
        return self._texts.keys()

    def has(self, key: str) -> bool:
        return key in self._texts

    def __call__(self, key: str, **places: object) -> str:
        form = "one" if places.get("count") == 1 and self.language == "en" else "other"
        text = self._texts.get(f"{key}_{form}") if "count" in places else None
        return (self._texts[key] if text is None else text).format_map(defaultdict(str, places))

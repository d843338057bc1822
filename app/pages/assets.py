"""The static files of the pages, read once, with what a browser needs to cache them."""

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
GZIP_LEAST_BYTES = 600
"""Below it the header of the second packet costs more than what is saved."""
VERSION_MARK = "__ASSETS__"
LABELS_MARK = "__LABELS__"
LANGUAGES = ("en", "zh-CN")
# A page loads its own texts only. A key belongs to the page whose name it starts with.
TEXTS = {
    "admin": ("common.", "admin.", "problem."),
    "console": ("common.", "console.", "problem."),
    "wallboard": ("common.", "wallboard.", "problem."),
    "widget": ("widget.",),
    "shop": ("shop.",),
}
LAUNCHER_LABELS = "widget.launcher."
# One request instead of several: a page has a budget of them.
JOINED = {
    "widget/all.css": ("shared/tokens.css", "widget/panel.css"),
    "console/all.css": ("shared/tokens.css", "shared/page.css", "console/console.css"),
    "admin/all.css": ("shared/tokens.css", "shared/page.css", "admin/admin.css"),
    "docs/all.css": ("shared/tokens.css", "shared/page.css", "docs/sockets.css"),
    "wallboard/all.css": ("shared/tokens.css", "shared/page.css", "wallboard/wallboard.css"),
}


@dataclass(frozen=True, slots=True)
class Asset:
    body: bytes
    gzipped: bytes | None
    media_type: str
    etag: str


@dataclass(frozen=True, slots=True)
class Assets:
    """`files` by path below /assets/<version>/, `pages` by path below static/ with the version filled in."""

    version: str
    files: Mapping[str, Asset]
    pages: Mapping[str, Asset]


def make_asset(name: str, body: bytes) -> Asset:
    gzipped = gzip.compress(body, 9, mtime=0) if len(body) >= GZIP_LEAST_BYTES else None
    etag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    return Asset(body, gzipped, MEDIA_TYPES[Path(name).suffix], etag)


def texts_of(words: Mapping[str, str], prefixes: tuple[str, ...]) -> dict[str, str]:
    return {key: text for key, text in words.items() if key.startswith(prefixes)}


def load(static: Path, locales: Path) -> Assets:
    """Read everything. The version is a hash of all content, so that a changed file changes every address."""
    raw = {str(path.relative_to(static)): path.read_bytes() for path in sorted(static.rglob("*")) if path.is_file()}
    words = {language: json.loads((locales / f"{language}.json").read_text("utf-8")) for language in LANGUAGES}
    for joined, parts in JOINED.items():
        raw[joined] = b"".join(raw[part] for part in parts)
    for language, texts in words.items():
        for page, prefixes in TEXTS.items():
            raw[f"texts/{page}.{language}.json"] = _json(texts_of(texts, prefixes))
    version = hashlib.sha256(b"\0".join(name.encode() + b"\0" + raw[name] for name in sorted(raw))).hexdigest()[:12]
    labels = {language: texts_of(texts, (LAUNCHER_LABELS,)) for language, texts in words.items()}
    marks = {VERSION_MARK: f"/assets/{version}".encode(), LABELS_MARK: _json(labels)}
    entries = {name for name in raw if name.endswith(".html") or name == "widget/widget.js"}
    return Assets(
        version=version,
        files={name: make_asset(name, body) for name, body in raw.items() if name not in entries},
        pages={name: make_asset(name, _filled(raw[name], marks)) for name in entries},
    )


def _filled(body: bytes, marks: Mapping[str, bytes]) -> bytes:
    for mark, value in marks.items():
        body = body.replace(mark.encode(), value)
    return body


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()

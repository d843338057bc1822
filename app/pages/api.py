"""Serves the browser pages and their files; all they know they ask of the public API."""

from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request, Response
from swagger_ui_bundle import swagger_ui_path

from app.channels import service as channels
from app.core.database import SessionDep
from app.core.errors import NotFound
from app.pages import assets as page_assets
from app.pages.assets import Asset, Assets

STATIC = Path(__file__).parent / "static"
LOCALES = Path(__file__).parents[2] / "locales"
DOCS_ASSETS = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")
IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"
WIDGET_CACHE = "public, max-age=300"
"""The one address that shops write into their pages cannot carry a version."""
FRAME = "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
PAGE_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; worker-src 'self'; "
    f"require-trusted-types-for 'script'; trusted-types switchboard; {FRAME}"
)
# What a careful shop sends. The widget must live with it.
SHOP_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    f"require-trusted-types-for 'script'; trusted-types shop; {FRAME}"
)
# Swagger UI writes style attributes and has its icons as data addresses.
DOCS_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    f"connect-src 'self'; {FRAME}"
)

# Pages that hold a session: no other page keeps a handle on their window.
PAGE_HEADERS = {
    "Cache-Control": REVALIDATE,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
FOR_EVERY_PAGE = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
"""The widget's files are loaded by shops."""

router = APIRouter(include_in_schema=False)


@cache
def assets() -> Assets:
    return page_assets.load(STATIC, LOCALES)


@cache
def docs_assets() -> dict[str, Asset]:
    folder = Path(str(swagger_ui_path))
    return {name: page_assets.make_asset(name, (folder / name).read_bytes()) for name in DOCS_ASSETS}


def answer(request: Request, asset: Asset, headers: dict[str, str]) -> Response:
    """The asset, packed when the browser can unpack it, or 304 when it has it already."""
    headers = {"ETag": asset.etag, "Vary": "Accept-Encoding", "X-Content-Type-Options": "nosniff", **headers}
    if asset.etag in [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    if asset.gzipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.gzipped, headers=headers | {"Content-Encoding": "gzip"}, media_type=asset.media_type)
    return Response(asset.body, headers=headers, media_type=asset.media_type)


def page(request: Request, name: str, csp: str) -> Response:
    return answer(request, assets().pages[name], PAGE_HEADERS | {"Content-Security-Policy": csp})


@router.get("/console")
async def console(request: Request) -> Response:
    return page(request, "console/index.html", PAGE_CSP)


@router.get("/wallboard")
async def wallboard(request: Request) -> Response:
    return page(request, "wallboard/index.html", PAGE_CSP)


@router.get("/admin")
async def admin(request: Request) -> Response:
    return page(request, "admin/index.html", PAGE_CSP)


@router.get("/widget/demo")
async def demo_shop(request: Request) -> Response:
    return page(request, "widget/demo.html", SHOP_CSP)


@router.get("/widget/demo/config.json")
async def demo_config(session: SessionDep) -> dict[str, str | None]:
    """The public key the shop's script tag carries; null on an installation without a chat account."""
    return {"key": await channels.find_demo_key(session)}


@router.get("/docs")
async def docs(request: Request) -> Response:
    return page(request, "docs/index.html", DOCS_CSP)


@router.get("/docs/sockets")
async def socket_docs(request: Request) -> Response:
    return page(request, "docs/sockets.html", PAGE_CSP)


@router.get("/widget.js")
async def widget_loader(request: Request) -> Response:
    return answer(request, assets().pages["widget/widget.js"], FOR_EVERY_PAGE | {"Cache-Control": WIDGET_CACHE})


@router.get("/assets/{version}/{path:path}")
async def asset(request: Request, version: str, path: str) -> Response:
    """Any version answers: a page loaded before an upgrade goes on; only the present one may be kept for ever."""
    found = assets().files.get(path)
    if found is None:
        raise NotFound("asset_not_found", "There is no such file. Reload the page.")
    kept = IMMUTABLE if version == assets().version else REVALIDATE
    return answer(request, found, FOR_EVERY_PAGE | {"Cache-Control": kept})


@router.get("/docs/assets/{name}")
async def docs_asset(request: Request, name: str) -> Response:
    found = docs_assets().get(name)
    if found is None:
        raise NotFound("asset_not_found", "There is no such file. Reload the page.")
    return answer(request, found, {"Cache-Control": "public, max-age=86400"})

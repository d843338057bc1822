"""Operations on files: upload, ask for a link, follow it."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect

from app.access.guards import GUARDED, PUBLIC, ActDep, problems, require, require_briefly
from app.access.schemas import Principal
from app.channels.chat.api import VisitorDep, address_of, front_of
from app.channels.files import service
from app.channels.files.forms import FileForm, boundary_of
from app.channels.files.names import disposition
from app.channels.files.schemas import FileDescription, FileLink
from app.channels.files.service import FileFront, Upload
from app.core.act import Act
from app.core.database import SessionDep
from app.core.errors import InvalidInput
from app.core.http import request_id_of

router = APIRouter(prefix="/v1", tags=["files"])

ReaderDep = Annotated[Principal, Depends(require("conversations:read"))]
UploaderDep = Annotated[Principal, Depends(require_briefly("conversations:write"))]
NameQuery = Annotated[str, Query(max_length=1_000, description="The file's name, when the body is the file itself")]
UPLOAD_DOCS: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
UPLOAD_TEXT = (
    "20 MiB at most, as a form with one file or as the body itself with `name`. What it is, is told from its content; "
    "web pages, SVG, XML, scripts and programs are refused. Attach it to one message of yours within 24 hours."
)
# A download, never a page of ours: nothing in it may run, and no address of it is told on.
FILE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, max-age=300",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


def _front(request: Request) -> FileFront:
    front: FileFront = request.app.state.files
    return front


def _act(request: Request, actor: str) -> Act:
    return Act(now=request.app.state.clock.now(), actor=actor, request_id=request_id_of(request))


async def _take_in(request: Request, actor: str, name: str) -> FileDescription:
    act = _act(request, actor)
    _front(request).take_upload(actor, address_of(request), act.now)
    return await service.take_in(request.app.state.database, _front(request), act, _upload(request, name))


def _upload(request: Request, name: str) -> Upload:
    boundary = boundary_of(request.headers.get("content-type", ""))
    if boundary is None:
        return Upload(_body(request), lambda: name)
    form = FileForm(boundary)
    return Upload(_file_of(request, form), lambda: form.name or "")


async def _body(request: Request) -> AsyncIterator[bytes]:
    try:
        async for chunk in request.stream():
            if chunk:
                yield chunk
    except ClientDisconnect as error:
        raise InvalidInput("upload_interrupted", "The upload broke off: send the file again.") from error


async def _file_of(request: Request, form: FileForm) -> AsyncIterator[bytes]:
    async for chunk in _body(request):
        if taken := form.feed(chunk):
            yield taken
    form.finish()


@router.post(
    "/attachments",
    status_code=201,
    summary="Upload a file",
    description=UPLOAD_TEXT,
    responses={**GUARDED, **problems(413, 429, 503)},
    openapi_extra=UPLOAD_DOCS,
)
async def upload(request: Request, principal: UploaderDep, name: NameQuery = "") -> FileDescription:
    return await _take_in(request, principal.actor, name)


@router.post(
    "/widget/attachments",
    status_code=201,
    summary="Upload a file as a visitor",
    description=UPLOAD_TEXT,
    responses=problems(401, 403, 413, 422, 429, 503),
    openapi_extra=UPLOAD_DOCS,
)
async def upload_as_visitor(request: Request, visitor: VisitorDep, name: NameQuery = "") -> FileDescription:
    return await _take_in(request, visitor.actor, name)


@router.get(
    "/attachments/{attachment_id}/link",
    summary="A link to a file, good for ten minutes",
    responses={**GUARDED, **problems(404)},
)
async def link(
    request: Request, session: SessionDep, act: ActDep, principal: ReaderDep, attachment_id: UUID
) -> FileLink:
    return await service.link_for_agent(session, _front(request), act, principal, attachment_id)


@router.get(
    "/widget/attachments/{attachment_id}/link",
    summary="A link to a file of one's own conversation, good for ten minutes",
    responses=problems(401, 403, 404, 422, 429),
)
async def link_as_visitor(request: Request, session: SessionDep, visitor: VisitorDep, attachment_id: UUID) -> FileLink:
    act = _act(request, visitor.actor)
    front_of(request).take_read(visitor, act.now)
    return await service.link_for_visitor(session, _front(request), act, visitor, attachment_id)


@router.get(
    "/files/{signed}",
    summary="Follow a link to a file",
    # Which type it is, its bytes told when it was uploaded.
    responses={200: {"content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}, **problems(403, 404)},
    response_class=StreamingResponse,
    openapi_extra=PUBLIC,
)
async def follow(request: Request, session: SessionDep, signed: str) -> StreamingResponse:
    now = request.app.state.clock.now()
    file, chunks = await service.open_linked(session, _front(request), signed, now)
    headers = {
        **FILE_HEADERS,
        "Content-Length": str(file.size_bytes),
        "Content-Disposition": disposition(file.name),
    }
    return StreamingResponse(chunks, media_type=file.media_type, headers=headers)

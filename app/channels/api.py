"""Operations on channel accounts."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Response

from app.access.guards import GUARDED, ActDep, problems, require
from app.access.schemas import Principal
from app.channels import service
from app.channels.acknowledgement.settings import ShippedText
from app.channels.acknowledgement.wording import shipped_texts
from app.channels.schemas import ChannelAccountIn, ChannelAccountOut, ChannelAccountPatch
from app.core.database import SessionDep
from app.core.http import PAGE_DEFAULT, CursorQuery, LimitQuery, Page, decode_cursor, encode_cursor
from app.core.idempotency import OnceDep

router = APIRouter(prefix="/v1", tags=["channels"], responses=GUARDED)

ReaderDep = Annotated[Principal, Depends(require("channels:read"))]
WriterDep = Annotated[Principal, Depends(require("channels:write"))]
IfMatch = Annotated[
    str | None,
    Header(pattern=r'^"?[0-9]{1,9}"?$', description="The `version` you have read: refused with 412 if it has changed"),
]


@router.get("/channel-accounts", summary="List channel accounts")
async def list_accounts(
    session: SessionDep, _: ReaderDep, cursor: CursorQuery = None, limit: LimitQuery = PAGE_DEFAULT
) -> Page[ChannelAccountOut]:
    accounts = await service.list_accounts(session, after=_after(cursor), limit=limit + 1)
    more = encode_cursor(str(accounts[limit - 1].id)) if len(accounts) > limit else None
    return Page(items=accounts[:limit], next_cursor=more)


@router.post("/channel-accounts", status_code=201, summary="Make a channel account", response_model=ChannelAccountOut)
async def create_account(
    session: SessionDep, act: ActDep, once: OnceDep, _: WriterDep, body: ChannelAccountIn
) -> Response:
    return await once(session, act, lambda: service.create_account(session, act, body), status=201)


@router.get("/channel-accounts/{account_id}", summary="One channel account", responses=problems(404))
async def get_account(session: SessionDep, _: ReaderDep, account_id: UUID) -> ChannelAccountOut:
    return await service.get_account(session, account_id)


@router.patch("/channel-accounts/{account_id}", summary="Change a channel account", responses=problems(404, 412))
async def update_account(
    session: SessionDep,
    act: ActDep,
    _: WriterDep,
    account_id: UUID,
    body: ChannelAccountPatch,
    if_match: IfMatch = None,
) -> ChannelAccountOut:
    version = int(if_match.strip('"')) if if_match else None
    return await service.update_account(session, act, account_id, body, expected_version=version)


@router.get("/acknowledgement-texts", summary="What is sent to customers without a text of your own")
async def list_acknowledgement_texts(_: ReaderDep) -> list[ShippedText]:
    return shipped_texts()


def _after(cursor: str | None) -> UUID | None:
    if cursor is None:
        return None
    after: UUID = decode_cursor(cursor, [UUID])[0]
    return after

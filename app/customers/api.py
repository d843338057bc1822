"""Operations on customers."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Response

from app.access.guards import GUARDED, ActDep, problems, require
from app.access.schemas import Principal
from app.core.database import SessionDep
from app.core.http import PAGE_DEFAULT, CursorQuery, LimitQuery, Page, cursor_instant, decode_cursor, encode_cursor
from app.core.idempotency import OnceDep
from app.customers import service
from app.customers.schemas import ContactPointIn, CustomerIn, CustomerItem, CustomerOut, CustomerPatch

router = APIRouter(prefix="/v1", tags=["customers"], responses=GUARDED)

ReaderDep = Annotated[Principal, Depends(require("customers:read"))]
WriterDep = Annotated[Principal, Depends(require("customers:write"))]
IfMatch = Annotated[
    str | None,
    Header(pattern=r'^"?[0-9]{1,9}"?$', description="The `version` you have read: refused with 412 if it has changed"),
]


@router.get("/customers", summary="List customers, newest first")
async def list_customers(
    session: SessionDep, _: ReaderDep, cursor: CursorQuery = None, limit: LimitQuery = PAGE_DEFAULT
) -> Page[CustomerItem]:
    customers = await service.list_page(session, after=_after(cursor), limit=limit + 1)
    last = customers[limit - 1] if len(customers) > limit else None
    return Page(
        items=[CustomerItem.model_validate(customer) for customer in customers[:limit]],
        next_cursor=encode_cursor(last.created_at.isoformat(), str(last.id)) if last else None,
    )


@router.post(
    "/customers", status_code=201, summary="Enter a customer", response_model=CustomerOut, responses=problems(409)
)
async def create_customer(session: SessionDep, act: ActDep, once: OnceDep, _: WriterDep, body: CustomerIn) -> Response:
    return await once(session, act, lambda: service.create(session, act, body), status=201)


@router.get("/customers/{customer_id}", summary="One customer", responses=problems(404))
async def get_customer(session: SessionDep, _: ReaderDep, customer_id: UUID) -> CustomerOut:
    return await service.get(session, customer_id)


@router.patch("/customers/{customer_id}", summary="Change a customer", responses=problems(404, 412))
async def update_customer(
    session: SessionDep, act: ActDep, _: WriterDep, customer_id: UUID, body: CustomerPatch, if_match: IfMatch = None
) -> CustomerOut:
    version = int(if_match.strip('"')) if if_match else None
    return await service.update(session, act, customer_id, body, expected_version=version)


@router.post(
    "/customers/{customer_id}/contact-points", summary="Add a claimed contact point", responses=problems(404, 409)
)
async def add_contact_point(
    session: SessionDep, act: ActDep, _: WriterDep, customer_id: UUID, body: ContactPointIn
) -> CustomerOut:
    return await service.add_contact_point(session, act, customer_id, body)


def _after(cursor: str | None) -> tuple[datetime, UUID] | None:
    if cursor is None:
        return None
    at, last_id = decode_cursor(cursor, [cursor_instant, UUID])
    return at, last_id

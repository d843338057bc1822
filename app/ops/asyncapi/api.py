"""/asyncapi.json: the sockets and webhooks for programs, as /openapi.json is the HTTP API."""

import json
from functools import cache

from fastapi import APIRouter, Response

from app.ops.asyncapi.document import asyncapi_document

router = APIRouter(include_in_schema=False)


@cache
def _written() -> bytes:
    return json.dumps(asyncapi_document(), ensure_ascii=False, separators=(",", ":")).encode()


# In a thread: the first answer takes a tenth of a second to make, in which sockets and requests go on.
@router.get("/asyncapi.json")
def asyncapi() -> Response:
    return Response(_written(), media_type="application/json")

"""Errors on their way out: one shape for all of them (RFC 9457)."""

from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from safetynet.base.errors import ErrorKind, SafetyNetError
from safetynet.web.types import Problem

STATUS = {
    ErrorKind.INVALID: 400,
    ErrorKind.REFUSED: 403,
    ErrorKind.NOT_FOUND: 404,
    ErrorKind.CONFLICT: 409,
    ErrorKind.UNAVAILABLE: 503,
    ErrorKind.BROKEN: 500,
}

RETRY_AFTER_S = "1"
"""What is not there now may be there as soon as another process has taken over."""

# Request is generic over user, auth and state, which this API does not use.
AnyRequest = Request[Any, Any, Any]


def answer_own(_: AnyRequest, error: SafetyNetError) -> Response[Problem]:
    """Our own errors keep their code and fields."""
    status = STATUS[error.kind]
    problem = Problem(type=error.code, title=error.message, status=status, fields=error.fields)
    headers = {"retry-after": RETRY_AFTER_S} if error.kind is ErrorKind.UNAVAILABLE else {}
    return Response(
        problem, status_code=status, headers=headers, media_type="application/problem+json"
    )


def answer_http(_: AnyRequest, error: HTTPException) -> Response[Problem]:
    """Errors of the web layer (unknown path, wrong method, bad types) in the same shape."""
    fields: dict[str, str | int | float | None] = {}
    extra = error.extra if isinstance(error.extra, list) else []
    for item in extra:
        if isinstance(item, dict):
            fields[str(item.get("key", "body"))] = str(item.get("message", ""))
    title = error.detail or "request refused"
    problem = Problem(
        type=f"http.{error.status_code}", title=title, status=error.status_code, fields=fields
    )
    return Response(problem, status_code=error.status_code, media_type="application/problem+json")


def answer_validation(_: AnyRequest, error: msgspec.ValidationError) -> Response[Problem]:
    """A body that does not fit its type."""
    problem = Problem(type="body.invalid", title=str(error), status=400, fields={})
    return Response(problem, status_code=400, media_type="application/problem+json")

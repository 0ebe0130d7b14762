"""Errors as RFC 9457 problem details: one shape for everything that goes wrong."""

from typing import NamedTuple, cast

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from web.accept import prefers


class Kind(NamedTuple):
    """A kind of problem; ``remedy`` tells the client what to do."""

    status: int
    title: str
    remedy: str


KINDS = {
    "malformed-json": Kind(400, "The body is not JSON", "Send one JSON object in UTF-8."),
    "not-found": Kind(404, "Nothing is here", "The routes are listed at /docs."),
    "method-not-allowed": Kind(405, "The method does not fit", "Use one that Allow names."),
    "body-too-large": Kind(413, "The body is too large", "Send less in one request."),
    "too-many-rows": Kind(413, "The body has too many rows", "Send fewer cases in one request."),
    "unsupported-media-type": Kind(
        415, "The content type does not fit", "Send the Content-Type that detail names."
    ),
    "invalid-values": Kind(
        422, "Values are missing or wrong", "Mend every field that errors lists."
    ),
    "internal-error": Kind(
        500, "The service failed", "Report the request id; the log has the cause."
    ),
}
REJECTIONS = (
    "malformed-json", "body-too-large", "too-many-rows", "unsupported-media-type", "invalid-values",
)  # fmt: skip
"""The kinds that mean the request's content was refused."""


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field; ``pointer`` is a JSON Pointer into the request."""

    pointer: str
    feature: str | None
    detail: str


class ProblemDetails(msgspec.Struct, frozen=True):
    """The body of every error; ``instance`` is the request id."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldError]


class ProblemError(Exception):
    """Raised to answer with a problem of a kind in ``KINDS``."""

    def __init__(self, kind: str, detail: str, errors: list[FieldError] | None = None) -> None:
        """Describe what is wrong with this request."""
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = errors or []


def problem_response(
    request: Request, kind: str, detail: str, errors: list[FieldError] | None = None
) -> Response:
    """Return a problem as a response: a page to who would rather have HTML, such as a browser."""
    status, title, remedy = KINDS[kind]
    instance = f"urn:request:{request.state.request_id}"
    details = ProblemDetails(f"/problems/{kind}", title, status, detail, instance, errors or [])
    if prefers(request.headers.get("accept", ""), "text/html"):
        response: Response = request.app.state.problem_page(request, details, remedy)
    else:
        content = msgspec.json.encode(details)
        response = Response(content, status, media_type="application/problem+json")
    response.headers["Vary"] = "Accept"
    return response


async def on_problem(request: Request, error: Exception) -> Response:
    """Answer a ``ProblemError``."""
    problem = cast(ProblemError, error)
    request.state.problem = problem.kind
    return problem_response(request, problem.kind, problem.detail, problem.errors)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Answer what Starlette itself refuses: no such route, wrong method."""
    refusal = cast(HTTPException, error)
    kind = "method-not-allowed" if refusal.status_code == 405 else "not-found"
    detail = f"{request.method} {request.url.path} is not served here."
    response = problem_response(request, kind, detail)
    response.headers.update(refusal.headers or {})
    return response

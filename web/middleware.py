"""Gives every request an id, a log line, metrics and security headers, and answers errors."""

import asyncio
import itertools
import logging
import re
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.logs import RequestLog
from web.metrics import Metrics
from web.problems import KINDS, REJECTIONS, FieldError, ProblemDetails, ProblemError
from web.requests import PROBLEM_JSON, RequestContext, accepted, prefers, request_context

UNMATCHED = "unmatched"
"""The endpoint label of a request that no route took."""

CLIENT_CLOSED_REQUEST = 499
"""The status, by nginx's convention, of a request whose client went away before the answer."""

TRAFFIC_HEADER, GENERATED = b"x-traffic", b"generated"
"""The header that marks generated traffic; the metrics keep its requests apart."""

SECURITY_HEADERS = {
    b"cache-control": b"no-store",
    b"content-security-policy": (
        b"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        b"object-src 'none'"
    ),
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
}
_SANE_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_PROCESS, _numbers = secrets.token_hex(8), itertools.count()
"""What ids are made of: a new one for each would take a system call."""

logger = logging.getLogger("app.request")


class ProblemResponder:
    """Answers what goes wrong; ``page`` renders a problem and its remedy for a browser."""

    def __init__(self, page: Callable[[Request, ProblemDetails, str], Response]) -> None:
        """Answer with ``page`` where the client prefers HTML."""
        self._page = page

    async def on_problem(self, request: Request, error: Exception) -> Response:
        """Answer a ``ProblemError``."""
        problem = cast(ProblemError, error)
        request_context(request).problem = problem.kind
        return self._response(request, problem.kind, problem.detail, problem.errors)

    async def on_http_exception(self, request: Request, error: Exception) -> Response:
        """Answer what Starlette itself refuses: no such route, wrong method."""
        refusal = cast(HTTPException, error)
        kind = "method-not-allowed" if refusal.status_code == 405 else "not-found"
        detail = f"{request.method} {request.url.path} is not served here."
        response = self._response(request, kind, detail)
        response.headers.update(refusal.headers or {})
        return response

    def _response(
        self, request: Request, kind: str, detail: str, errors: list[FieldError] | None = None
    ) -> Response:
        status, title, remedy = KINDS[kind]
        instance = f"urn:request:{request_context(request).id}"
        details = ProblemDetails(f"/problems/{kind}", title, status, detail, instance, errors or [])
        if prefers(accepted(request), "text/html"):
            response = self._page(request, details, remedy)
        else:
            content = msgspec.json.encode(details)
            response = Response(content, status, media_type=PROBLEM_JSON)
        response.headers["Vary"] = "Accept"
        return response


class Exchange:
    """One request and its answer on their way through; ``status`` is 0 until the answer starts."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        headers: list[tuple[bytes, bytes]],
        answered: Callable[["Exchange"], None],
    ) -> None:
        """Add ``headers``; call ``answered`` once, as soon as there is nothing more to send."""
        self._started = time.perf_counter()
        self._is_ended = False
        self._receive = receive
        self._send = send
        self._headers = headers
        self._answered = answered
        sent, traffic = b"", b""
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                sent = sent or value
            elif name == TRAFFIC_HEADER:
                traffic = traffic or value
        self.context = RequestContext(
            id=sent.decode() if _SANE_ID.fullmatch(sent) else f"{_PROCESS}{next(_numbers):016x}",
            is_generated=traffic == GENERATED,
        )
        scope.setdefault("state", {})["context"] = self.context
        self.scope = scope
        self.status = 0

    @property
    def seconds(self) -> float:
        """The time since the request arrived."""
        return time.perf_counter() - self._started

    async def receive(self) -> Message:
        """Return the next message of the request.

        Raises:
            ProblemError: the protocol has refused the rest of the body.
        """
        message = await self._receive()
        if refusal := self.scope["state"].get("refusal"):
            raise refusal
        return message

    async def send(self, message: Message) -> None:
        """Send a message of the answer, with the headers that every answer has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._add_headers(message["headers"])
        elif not message.get("more_body"):
            self.end()  # before the end is sent: who has the answer finds it counted
        await self._send(message)

    def end(self) -> None:
        """Note that nothing more is sent."""
        if not self._is_ended:
            self._is_ended = True
            self._answered(self)

    def _add_headers(self, headers: list[tuple[bytes, bytes]]) -> None:
        own = [name for name, _ in headers if name in SECURITY_HEADERS]
        headers.append((b"x-request-id", self.context.id.encode()))
        if self.status == 503:  # a page too many, a batch too many, or draining: all soon over
            headers.append((b"retry-after", b"1"))
        every = self._headers
        headers += [header for header in every if header[0] not in own] if own else every
        if self.scope["app"].state.draining:
            headers.append((b"connection", b"close"))


class ObserveRequests:
    """ASGI middleware that counts and logs every request, and answers failures."""

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        problems: ProblemResponder,
        paths: Mapping[Any, str],
        log: RequestLog,
        served_by: str,
    ) -> None:
        """Wrap ``app``, which is ``served_by`` a track and a pod.

        ``paths`` maps the routes' endpoints to their paths.
        """
        self._app = app
        self._metrics = metrics
        self._problems = problems
        self._paths = paths
        self._log = log
        self._headers = [*SECURITY_HEADERS.items(), (b"x-served-by", served_by.encode())]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send, self._headers, self._record)
        self._metrics.in_progress += 1
        try:
            if refusal := scope["state"].get("refusal"):
                raise refusal
            await self._app(scope, exchange.receive, exchange.send)
        except ClientDisconnect:
            exchange.status = CLIENT_CLOSED_REQUEST
        except ProblemError as refusal:
            await self._answer(exchange, refusal)
        except asyncio.CancelledError:
            detail = "The service is stopping, and the request was not done in time."
            await self._answer(exchange, ProblemError("overloaded", detail))
        except Exception:
            fields = {"request_id": exchange.context.id}
            logger.exception("failed", extra={"fields": fields})
            detail = "The cause is in the service's log, under this request id."
            await self._answer(exchange, ProblemError("internal-error", detail))
        finally:
            self._metrics.in_progress -= 1
        exchange.end()

    async def _answer(self, exchange: Exchange, problem: ProblemError) -> None:
        """Answer with a problem, unless an answer has been started."""
        if not exchange.status:
            response = await self._problems.on_problem(Request(exchange.scope), problem)
            await response(exchange.scope, exchange.receive, exchange.send)

    def _record(self, exchange: Exchange) -> None:
        scope, context, status = exchange.scope, exchange.context, exchange.status
        seconds = exchange.seconds
        endpoint = self._paths.get(scope.get("endpoint"), UNMATCHED)
        self._metrics.requested(endpoint, scope["method"], status, seconds, context.is_generated)
        if context.problem in REJECTIONS and not context.is_generated:
            self._metrics.rejected(context.problem)
        self._log.add(context.id, scope["method"], scope["path"], status, seconds)

"""What every request gets: an id, a log line, its share in the metrics, and security headers."""

import logging
import re
import secrets
import time
from collections.abc import Mapping
from typing import Any

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.metrics import Metrics
from web.problems import REJECTIONS, problem_response

UNMATCHED = "unmatched"
"""The endpoint label of a request that no route took."""

CLIENT_CLOSED_REQUEST = 499
"""The status, by nginx's convention, of a request whose client went away before the answer."""

TRAFFIC_HEADER, GENERATED = "X-Traffic", "generated"
"""What a traffic generator says of itself; the metrics keep its requests apart."""

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "object-src 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

LINGER_BYTES = 64 * 2**20
LINGER_SECONDS = 5
"""How much of a refused body is still read, and for how long.

A client that is cut off while it sends does not see the answer.
"""

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LONGEST_PATH_LOGGED = 200

logger = logging.getLogger("app.request")


class ObserveRequests:
    """ASGI middleware; ``templates`` maps the routes' endpoints to their paths."""

    def __init__(self, app: ASGIApp, metrics: Metrics, templates: Mapping[Any, str]) -> None:
        """Wrap ``app``."""
        self._app = app
        self._metrics = metrics
        self._templates = templates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        sent = headers.get("x-request-id", "")
        request_id = sent if _SANE_ID.fullmatch(sent) else secrets.token_hex(16)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        state["is_generated"] = headers.get(TRAFFIC_HEADER) == GENERATED
        started = time.perf_counter()
        status, recorded = 0, False
        received, received_all = 0, False

        def record() -> None:
            nonlocal recorded
            if not recorded:
                recorded = True
                self._record(scope, status, time.perf_counter() - started)

        async def receive_observed() -> Message:
            nonlocal received, received_all
            message = await receive()
            received += len(message.get("body", b""))
            received_all = not message.get("more_body", False)
            return message

        async def receive_the_rest() -> None:
            with anyio.move_on_after(LINGER_SECONDS):
                while not received_all and received < LINGER_BYTES:
                    await receive_observed()

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if status >= 400:
                    await receive_the_rest()
                answered = MutableHeaders(scope=message)
                answered["X-Request-ID"] = request_id
                for name, value in SECURITY_HEADERS.items():
                    answered.setdefault(name, value)
                if scope["app"].state.draining:
                    answered["Connection"] = "close"
            elif not message.get("more_body"):
                record()  # before the end is sent: who has the answer finds it counted
            await send(message)

        with self._metrics.in_progress.track_inprogress():
            try:
                await self._app(scope, receive_observed, send_observed)
            except ClientDisconnect:
                status = CLIENT_CLOSED_REQUEST
            except Exception:
                logger.exception("failed", extra={"fields": {"request_id": request_id}})
                if not status:
                    detail = "The cause is in the service's log, under this request id."
                    response = problem_response(Request(scope), "internal-error", detail)
                    await response(scope, receive_observed, send_observed)
            record()

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        endpoint = self._templates.get(scope.get("endpoint"), UNMATCHED)
        state = scope["state"]
        self._metrics.requested(endpoint, scope["method"], status, seconds, state["is_generated"])
        problem = state.get("problem")
        if problem in REJECTIONS and not state["is_generated"]:
            self._metrics.rejected(problem)
        fields = {
            "request_id": state["request_id"],
            "method": scope["method"],
            "path": scope["path"][:_LONGEST_PATH_LOGGED],
            "status": status,
            "seconds": round(seconds, 6),
        }
        logger.info("request", extra={"fields": fields})

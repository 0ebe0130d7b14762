"""The fast path: a single case answered without router, request and response objects.

Only what is plainly in order goes this way. Everything else, and whatever is refused, takes the
ordinary path, which has the rules; the answers of both are the same bytes.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.requests import JSON, FeatureDecoder, RequestContext
from web.scoring import Scorer

PATH = "/predict"

_JSON = JSON.encode()
_OK = (b"content-type", _JSON)


class FastPath:
    """ASGI middleware that answers plain single cases itself."""

    def __init__(
        self,
        app: ASGIApp,
        decoder: FeatureDecoder,
        scorer: Scorer,
        endpoint: Callable[..., Any],
        longest_body: int,
    ) -> None:
        """Wrap ``app``, whose route of the same path has this ``endpoint``."""
        self._app = app
        self._decode = decoder.decode_fast
        self._answer = scorer.answer
        self._endpoint = endpoint
        self._longest_body = longest_body
        self._encode = msgspec.json.Encoder().encode

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"] != PATH or not self._is_plain(scope):
            await self._app(scope, receive, send)
            return
        message = await receive()
        x = None
        if message["type"] == "http.request" and not message["more_body"]:
            x = self._decode(message["body"])
        if x is None:
            await self._app(scope, _Again(message, receive), send)
            return
        scope["endpoint"] = self._endpoint
        context: RequestContext = scope["state"]["context"]
        answer = await self._answer(x, is_generated=context.is_generated)
        body = self._encode(answer)
        headers = [(b"content-length", b"%d" % len(body)), _OK]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _is_plain(self, scope: Scope) -> bool:
        """Return whether the head is that of JSON, uncompressed, of a length that is allowed."""
        length = content_type = b""
        for name, value in scope["headers"]:
            if name == b"content-length":
                length = value
            elif name == b"content-type":
                content_type = value
            elif name == b"content-encoding":
                return False
        return (
            scope["method"] == "POST"
            and content_type == _JSON
            and length.isdigit()
            and int(length) <= self._longest_body
        )


class _Again:
    """Returns a message that has been received, and then what comes after it."""

    def __init__(self, message: Message, receive: Receive) -> None:
        self._message: Message | None = message
        self._receive = receive

    async def __call__(self) -> Message:
        message, self._message = self._message, None
        return message or await self._receive()

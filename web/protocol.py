"""HTTP/1.1 with limits: uvicorn's protocol on httptools, which has none.

A request head is collected here until it is whole, and a body is cut where it ends. So the parser
gets each byte once and never more than one request, the next one waits until the answer is out, and
every limit is exact. A connection that keeps its peer or the service waiting is closed: the server
calls ``check`` once a second, which costs a request nothing.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from web.body_cutters import BodyCutter, ChunkedCutter, LengthCutter
from web.problems import ProblemError
from web.settings import Settings

LINGER_SECONDS = 5
"""How long a connection that is to be closed still takes what its client sends.

A client that is cut off while it sends does not see the answer.
"""

_END_OF_HEAD = re.compile(rb"\n\r?\n")
_UPGRADE = re.compile(rb"(?i)\r\nupgrade:[^\n]*(?=\r\n)")


class LimitedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, settings: Settings, turns: "Turns", **server: Any) -> None:
        """Take what uvicorn gives to a protocol, the limits, and the turns of all connections."""
        super().__init__(**server)
        self._limits = settings
        self._turns = turns
        self._received = bytearray()
        self._searched = 0
        self._body: BodyCutter | None = None
        self._refusal: ProblemError | None = None
        self._refused_bytes = 0
        self._is_refused = False
        self._progress = self._head_since = self.loop.time()
        self._unsent = 0
        self._closing_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; one connection too many is refused."""
        super().connection_made(transport)
        self._lingering = cast(asyncio.Transport, _LingeringTransport(self))
        if len(self.connections) > self._limits.max_connections:
            detail = f"The service has {self._limits.max_connections} connections; try again later."
            self._refuse(ProblemError("overloaded", detail))

    def data_received(self, data: bytes) -> None:
        """Take what has arrived."""
        self._progress = self.loop.time()
        if self._is_refused or self._closing_since is not None:
            self._discard(len(data))
            return
        if self._body and not self._received:  # nearly all of a body comes this way, uncopied
            size = self._measure(self._body, data)
            self._feed(data[:size])
            data = data[size:]
            if self._is_refused:
                return
        if not self._received:
            self._head_since = self._progress
        self._received += data
        self._advance()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note for who works on an answer that nobody waits for it."""
        if self._is_working:
            self.scope["state"]["is_gone"] = True
        super().connection_lost(exc)

    def check(self, now: float) -> None:
        """Close the connection if its client has kept it waiting for too long."""
        if self._closing_since is not None and now - self._closing_since > LINGER_SECONDS:
            self.transport.abort()
            return
        unsent = self.transport.get_write_buffer_size()
        if unsent != self._unsent:
            self._unsent, self._progress = unsent, now
        waited = now - self._progress
        if unsent:
            if waited > self._limits.idle_seconds:
                self.transport.abort()
        elif self._body:
            if waited > self._limits.idle_seconds and not self.flow.read_paused:
                pause = f"The body paused for over {self._limits.idle_seconds} seconds."
                self._refuse(ProblemError("request-timeout", pause))
        elif self._is_working:
            pass
        elif self._received:
            if now - self._head_since > self._limits.head_seconds:
                delay = f"The head took over {self._limits.head_seconds} seconds."
                self._refuse(ProblemError("request-timeout", delay))
        elif waited > (
            self._limits.head_seconds if self.cycle is None else self._limits.keep_alive_seconds
        ):
            self.transport.close()

    @property
    def buffered_bytes(self) -> int:
        """What waits here: an answer that its client does not read, and the requests behind it."""
        return self.transport.get_write_buffer_size() + len(self._received)

    def on_headers_complete(self) -> None:
        """Start the request, unless its head is refused."""
        version = self.parser.get_http_version()
        hosts, length, codings = 0, b"0", []
        for name, value in self.headers:
            if name == b"host":
                hosts += 1
            elif name == b"content-length":
                length = value
            elif name == b"transfer-encoding":
                codings.append(value.strip().lower())
        self._refusal = _refused_fields(hosts, codings, version)
        if self._refusal:
            return
        super().on_headers_complete()
        self._body = (
            ChunkedCutter(self._limits.max_head_bytes) if codings else LengthCutter(int(length))
        )
        cycle = self.cycle
        cycle.transport = self._lingering
        if version == "1.0" and self.parser.should_keep_alive():
            cycle.keep_alive = True
            cycle.default_headers = [*cycle.default_headers, (b"connection", b"keep-alive")]

    def on_body(self, body: bytes) -> None:
        """Hand over a part of the body, or throw it away if the answer is out already."""
        if self.cycle.response_complete:
            self._discard(len(body))
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the request is whole."""
        self._body = None
        if not self._refusal:
            super().on_message_complete()
            self.flow.resume_reading()  # so that the end of the connection is noticed

    def on_response_complete(self) -> None:
        """Go on with the next request, which may have arrived already."""
        self.server_state.total_requests += 1
        self._progress = self._head_since = self.loop.time()
        if self.transport.is_closing():
            return
        if self._body and self.expect_100_continue:
            self.finish()  # nobody knows whether the body will come
        elif self._received:
            self._turns.wait(self._start_pipelined)
        else:
            self.flow.resume_reading()

    def finish(self) -> None:
        """Close the connection; a client that is still sending is first listened to for a while."""
        if self._body or self._is_refused or self._received:
            self._closing_since = self.loop.time()
            self.transport.write_eof()
        else:
            self.transport.close()

    @property
    def _is_working(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _start_pipelined(self) -> None:
        if not self.transport.is_closing():
            self.flow.resume_reading()
            self._advance()

    def _advance(self) -> None:
        """Feed the parser up to the end of the head, or of the body, that has arrived."""
        while self._received and not self._is_refused and self._closing_since is None:
            if self._body:
                self._feed_body(self._body)
            elif self._is_working:
                self.flow.pause_reading()
                return
            elif not self._feed_head():
                return

    def _feed_body(self, body: BodyCutter) -> None:
        size = self._measure(body, self._received)
        part = bytes(self._received[:size])
        del self._received[:size]
        self._feed(part)

    def _measure(self, body: BodyCutter, received: bytes | bytearray) -> int:
        """Return how many of the bytes belong to the body, and none if it is refused."""
        try:
            return body.length(received)
        except ProblemError as refusal:
            self._refuse(refusal)
            return 0

    def _feed_head(self) -> bool:
        """Feed a head if it is whole; return whether there is more to do."""
        received = self._received
        while received.startswith((b"\r\n", b"\n")):  # RFC 9112, 2.2: it may follow a body
            del received[: received.index(b"\n") + 1]
        end = _END_OF_HEAD.search(received, max(self._searched - 3, 0))
        size = end.end() if end else len(received)
        self._searched = 0 if end else size
        if size > self._limits.max_head_bytes:
            detail = f"The head has more than {self._limits.max_head_bytes} bytes."
            self._refuse(ProblemError("head-too-large", detail))
        elif end:
            head = bytes(received[:size])
            del received[:size]
            if refusal := self._refused_head(head):
                self._refuse(refusal)
            else:
                # Only HTTP/1.1 is spoken here, and the parser has no body for who asks for another.
                self._feed(_UPGRADE.sub(b"", head) if b"pgrade" in head else head)
        return end is not None

    def _refused_head(self, head: bytes) -> ProblemError | None:
        limits = self._limits
        line_bytes = head.find(b"\n")
        if line_bytes > limits.max_target_bytes:
            target = head[:line_bytes].partition(b" ")[2].rpartition(b" ")[0]
            if len(target) > limits.max_target_bytes:
                detail = f"The target has more than {limits.max_target_bytes} bytes."
                return ProblemError("target-too-long", detail)
        if head.count(b"\n") - 2 > limits.max_head_fields:
            detail = f"The head has more than {limits.max_head_fields} fields."
            return ProblemError("head-too-large", detail)
        return None

    def _feed(self, part: bytes) -> None:
        if self._is_refused:
            return
        try:
            self.parser.feed_data(part)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            detail = "The request is not HTTP/1.1."
            self._refusal = self._refusal or ProblemError("malformed-request", detail)
        if self._refusal:
            self._refuse(self._refusal)

    def _refuse(self, refusal: ProblemError) -> None:
        """Let the application answer with a problem, and close the connection."""
        self._is_refused, is_in_body = True, bool(self._body)
        self._body = None
        self._received.clear()
        if self._is_working:  # who reads its body finds the refusal
            self.scope["state"]["refusal"] = refusal
            self.cycle.keep_alive = False
            self.cycle.message_event.set()
            return
        if is_in_body:  # of a request that is answered
            self.transport.close()
            return
        self.on_message_begin()
        self.scope |= {"method": "", "path": "", "raw_path": b"", "query_string": b""}
        self.scope["state"]["refusal"] = refusal
        self.cycle = RequestResponseCycle(
            scope=self.scope,
            transport=self._lingering,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=False,
            on_response=self.on_response_complete,
        )
        self.cycle.more_body = False
        self._start_asgi_task(self.cycle, self.app)

    def _discard(self, size: int) -> None:
        self._refused_bytes += size
        if self._refused_bytes > self._limits.max_refused_bytes:
            self.transport.abort()


class Turns:
    """Starts pipelined requests one by one, of all connections, with a turn of the loop between.

    Otherwise a few connections with many requests each would keep everybody else waiting.
    """

    def __init__(self) -> None:
        """Have nothing to start."""
        self._waiting: deque[Callable[[], None]] = deque()

    def wait(self, start: Callable[[], None]) -> None:
        """Call ``start`` in a turn of its own."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._next)
        self._waiting.append(start)

    def _next(self) -> None:
        self._waiting[0]()
        self._waiting.popleft()
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._next)


def limit_buffers(connections: Iterable[LimitedProtocol], most_bytes: int) -> None:
    """While the connections buffer more together, cut off the one with the most."""
    buffered = {connection: connection.buffered_bytes for connection in connections}
    total = sum(buffered.values())
    for connection in sorted(buffered, key=buffered.__getitem__, reverse=True):
        if total <= most_bytes:
            break
        total -= buffered[connection]
        connection.transport.abort()


class _LingeringTransport:
    """What an answer is written to; it closes the connection as the protocol does."""

    def __init__(self, protocol: LimitedProtocol) -> None:
        self.write = protocol.transport.write
        self.is_closing = protocol.transport.is_closing
        self.close = protocol.finish


def _refused_fields(hosts: int, codings: list[bytes], version: str) -> ProblemError | None:
    """Return what RFC 9112 forbids in a head: it could mean two things to two servers.

    The head has so many ``hosts``, and these transfer ``codings``.
    """
    if hosts > 1 or (hosts == 0 and version == "1.1"):
        detail = f"The head has {hosts} Host fields, and needs one."
        return ProblemError("malformed-request", detail)
    if not codings or (codings == [b"chunked"] and version == "1.1"):
        return None
    if version == "1.1" and {part.strip() for c in codings for part in c.split(b",")} - {
        b"chunked"
    }:
        detail = "The only Transfer-Encoding that is understood is chunked."
        return ProblemError("not-implemented", detail)
    detail = "Transfer-Encoding must be chunked, once, in HTTP/1.1."
    return ProblemError("malformed-request", detail)

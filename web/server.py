"""uvicorn, draining before it stops so that no request is lost."""

import asyncio
import ctypes
import gc
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType
from typing import cast

import uvicorn
from starlette.applications import Starlette

from web.protocol import LimitedProtocol, limit_buffers
from web.settings import Settings

TICKS_A_CHECK = 10
"""How often uvicorn calls `on_tick` between two looks at the connections: a second in all."""

TICKS_A_TRIM = 100
"""How often between two times that memory is returned to the system: ten seconds."""

LISTENERS = 8
"""Connections that may be accepted in a turn of the event loop; each costs a new one 2 us."""

M_ARENA_MAX = -8
"""Of glibc's malloc.h."""


def share_heap() -> None:
    """Have all threads use one heap; glibc would give each its own, and none of them shrinks."""
    with suppress(AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def return_memory() -> None:
    """Return what batches have left behind; glibc would keep most of it for later ones."""
    gc.collect()  # the traceback of a refusal holds the request, in a cycle
    with suppress(AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


class DrainingServer(uvicorn.Server):
    """Goes on answering for ``settings.drain_seconds`` after the first signal to stop.

    Meanwhile ``app.state.draining`` is True: the application says that it is not ready, and closes
    each connection after its answer, so that clients with kept-alive connections go elsewhere.
    A second signal ends the draining.
    """

    def __init__(self, config: uvicorn.Config, app: Starlette, settings: Settings) -> None:
        """Serve ``app``, which is the one in ``config``."""
        super().__init__(config)
        self._state = app.state
        self._settings = settings
        self._stop: tuple[float, int] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, with some copies of each socket: libuv accepts one connection of each a turn."""
        await super().startup(sockets)
        protocol = partial(
            cast(Callable[..., asyncio.Protocol], self.config.http_protocol_class),
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state,
        )  # fmt: skip
        loop, backlog = asyncio.get_running_loop(), self.config.backlog
        for listener in [each for server in self.servers for each in server.sockets]:
            for _ in range(LISTENERS - 1):
                copy = socket.socket(fileno=os.dup(listener.fileno()))
                self.servers.append(await loop.create_server(protocol, sock=copy, backlog=backlog))

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals of a terminal that goes, too, unless they are ignored (nohup)."""
        for sig in (signal.SIGHUP, signal.SIGQUIT):
            if signal.getsignal(sig) is not signal.SIG_IGN:
                signal.signal(sig, self.handle_exit)
        with super().capture_signals():
            yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Start draining, stop when that is under way, and wait for nobody when that is, too."""
        if self._stop is None and self._settings.drain_seconds:
            self._stop = (time.monotonic() + self._settings.drain_seconds, sig)
            self._state.draining = True
        elif self.should_exit:
            self.force_exit = True
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Look at the connections, and stop when the draining is over; ten times a second."""
        connections = cast(list[LimitedProtocol], list(self.server_state.connections))
        limit_buffers(connections, self._settings.max_buffered_bytes)
        if counter % TICKS_A_CHECK == 0:
            now = asyncio.get_running_loop().time()
            for connection in connections:
                connection.check(now)
        if counter % TICKS_A_TRIM == 0:
            await asyncio.get_running_loop().run_in_executor(None, return_memory)
        if self._stop is not None and not self.should_exit:
            deadline, sig = self._stop
            if time.monotonic() >= deadline:
                super().handle_exit(sig, None)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop, and write the last lines of the log."""
        await super().shutdown(sockets)
        self._state.log.flush()

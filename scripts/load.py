"""A steady load that counts every request that is not answered as it should be.

One half opens a connection for each request, as a new visitor does; the other keeps its
connections and uses them for as long as the server lets it. No request is tried twice.
"""

import asyncio
import itertools
import json
import secrets
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bc_model.dataset import load_dataset

KEPT_CONNECTIONS = 8
PATIENCE_SECONDS = 10
LONGEST_SECONDS = 3600

_MALIGNANT = load_dataset(None).X[0].tolist()
_BODY = json.dumps({"features": _MALIGNANT}).encode()


@dataclass
class Count:
    """What became of the requests; ``failures`` tells each that failed, and when."""

    answered: int = 0
    failures: list[str] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """How many were sent."""
        return self.answered + len(self.failures)


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Load:
    """Requests at a steady rate to ``POST /predict`` until ``stop`` is set.

    ``new`` of them a second open a connection, and ``kept`` of them use one that is kept.
    """

    def __init__(self, host: str, port: int, new: int, kept: int) -> None:
        """Send nothing yet."""
        self.new, self.kept = Count(), Count()
        self.stop = threading.Event()
        self.name = f"load-{secrets.token_hex(4)}"
        self._numbers = itertools.count()
        self._address = (host, port)
        self._new_per_second, self._kept_per_second = new, kept
        self._started = time.monotonic()

    def run(self) -> None:
        """Send requests until it is over."""
        asyncio.run(self._run())

    async def _run(self) -> None:
        interval = KEPT_CONNECTIONS / self._kept_per_second
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._new_connections())
            for number in range(KEPT_CONNECTIONS):
                offset = number * interval / KEPT_CONNECTIONS
                tasks.create_task(self._kept_connection(offset, interval))

    async def _new_connections(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            async for _ in self._ticks(0, 1 / self._new_per_second):
                tasks.create_task(self._request_once())

    async def _request_once(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                connection = await asyncio.open_connection(*self._address)
                try:
                    await self._ask(connection, "close")
                finally:
                    connection[1].close()
        except (OSError, EOFError, ValueError) as error:
            self._failed(self.new, error)
        else:
            self.new.answered += 1

    async def _kept_connection(self, offset: float, interval: float) -> None:
        connection: Connection | None = None
        async for _ in self._ticks(offset, interval):
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    if connection is None:
                        connection = await asyncio.open_connection(*self._address)
                    is_kept = await self._ask(connection, "keep-alive")
            except (OSError, EOFError, ValueError) as error:
                self._failed(self.kept, error)
                is_kept = False
            else:
                self.kept.answered += 1
            if connection and not is_kept:
                connection[1].close()
                connection = None
        if connection:
            connection[1].close()

    async def _ticks(self, offset: float, interval: float) -> AsyncIterator[None]:
        due = time.monotonic() + offset
        while not self.stop.is_set() and time.monotonic() - self._started < LONGEST_SECONDS:
            await asyncio.sleep(max(due - time.monotonic(), 0))
            yield
            due = max(due + interval, time.monotonic() - 1)

    async def _ask(self, connection: Connection, keep: str) -> bool:
        """Send one request, check its answer, and return whether the connection is kept."""
        reader, writer = connection
        name = f"{self.name}-{next(self._numbers)}"
        writer.write(
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"X-Request-ID: %s\r\nConnection: %s\r\nContent-Length: %d\r\n\r\n%s"
            % (name.encode(), keep.encode(), len(_BODY), _BODY)
        )
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        status, *lines = head.rstrip().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        body = await reader.readexactly(int(headers["content-length"]))
        if status != "http/1.1 200 ok" or json.loads(body)["diagnosis"] != "malignant":
            raise ValueError(f"{status} {body[:200]!r}")
        return headers.get("connection") != "close"

    def _failed(self, count: Count, error: Exception) -> None:
        seconds = time.monotonic() - self._started
        count.failures.append(f"after {seconds:.1f} s: {type(error).__name__} {error}")


@contextmanager
def steady_load(host: str, port: int, new: int, kept: int) -> Iterator[Load]:
    """Keep the load up while the ``with`` block runs; its counts are final afterwards."""
    load = Load(host, port, new, kept)
    thread = threading.Thread(target=load.run)
    thread.start()
    try:
        yield load
    finally:
        load.stop.set()
        thread.join()

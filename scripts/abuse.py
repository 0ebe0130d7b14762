"""Abuse a service of our own on 127.0.0.1, each way for some seconds, and print what others see.

The table has the service's memory, how long others' single requests took meanwhile, and what became
of others' small batches. The abuse comes from a process of low priority, since it would be other
machines' work.
"""

import argparse
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from http.client import HTTPConnection, HTTPException
from multiprocessing import get_context
from multiprocessing.pool import Pool
from pathlib import Path

import msgspec
import numpy as np
import psutil

from bc_model.evaluation import markdown_table
from bc_model.features import FEATURE_COUNT
from scripts.running import ROOT, running_service

Address = tuple[str, int]
Abuse = Callable[[Address, float], None]

PAUSE_SECONDS = 0.02
"""Between two requests of somebody else, and between two looks at the memory."""

SETTLE_SECONDS = 60
"""After which the memory has to be back."""

JSON = "application/json"
CASE = msgspec.json.encode({"features": [9] * FEATURE_COUNT})
BATCH = msgspec.json.encode({"instances": [[9] * FEATURE_COUNT]})
WORST_BATCH = msgspec.json.encode({"instances": [[99999] * FEATURE_COUNT] * 5000})
"""Every value brings a warning."""

MULTIPART = "multipart/form-data; boundary=x"
UPLOAD = (
    b'--x\r\nContent-Disposition: form-data; name="cases"; filename="cases.csv"\r\n\r\n'
    + b"\r\n".join([b",".join([b"99999"] * FEATURE_COUNT)] * 1700)
    + b"\r\n--x--\r\n"
)

HOST = b"Host: localhost\r\n"
LIVE = b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n"
OPENAPI = LIVE.replace(b"livez", b"openapi.json")
LARGE = (
    b"POST /predict HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
    b"Content-Length: 1000000\r\n\r\n"
)
REFUSED = LARGE.replace(b"1000000", b"9999999999")


def flood(
    address: Address,
    seconds: float,
    *,
    number: int,
    first: bytes,
    then: bytes = b"",
    pause: float = 0.5,
    spacing: float = 0,
) -> None:
    """Open connections ``spacing`` seconds apart, and send ``first`` on each; read nothing.

    Then send ``then`` on all of them, with a ``pause`` each time.
    """
    deadline = time.monotonic() + seconds
    with ExitStack() as stack:
        connections = []
        for _ in range(number):
            with suppress(OSError):
                connection = stack.enter_context(socket.create_connection(address, timeout=5))
                connection.sendall(first)
                connection.setblocking(False)
                connections.append(connection)
            time.sleep(spacing)
        while time.monotonic() < deadline:
            for connection in connections:
                with suppress(OSError):
                    connection.send(then)
            time.sleep(pause)


def post(
    address: Address, seconds: float, *, number: int, path: str, content_type: str, body: bytes
) -> None:
    """Send ``body`` and read the answer, again and again, on so many connections at a time."""
    deadline = time.monotonic() + seconds

    def send_and_read() -> None:
        while time.monotonic() < deadline:
            ask(address, "POST", path, body, content_type)

    threads = [threading.Thread(target=send_and_read) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def ask(address: Address, method: str, path: str, body: bytes, content_type: str) -> int:
    """Return the status of the answer on a connection of its own, 0 if there is none."""
    connection = HTTPConnection(*address, timeout=60)
    try:
        connection.request(method, path, body, {"Content-Type": content_type})
        with connection.getresponse() as response:
            response.read()
            return response.status
    except (OSError, HTTPException):
        return 0
    finally:
        connection.close()


ABUSES: dict[str, partial[None]] = {
    "pipelined requests": partial(flood, number=50, first=LIVE, then=LIVE * 500, pause=0),
    "heads without end": partial(
        flood, number=50, first=LIVE[:-2] + b"X: ", then=b"x" * 2**16, pause=0
    ),
    "silent connections": partial(flood, number=800, first=b""),
    "slow heads": partial(flood, number=800, first=LIVE[:-2], then=b"X: y\r\n"),
    "slow bodies": partial(flood, number=800, first=LARGE + b"x" * 60_000, then=b"x"),
    "unread answers": partial(flood, number=100, first=OPENAPI * 200),
    "unread answers to batches": partial(
        flood, number=100, spacing=0.1, first=LARGE.replace(b"predict", b"predict/batch").replace(
            b"1000000", str(len(WORST_BATCH)).encode()
        ) + WORST_BATCH,
    ),
    "worst batches": partial(
        post, number=40, path="/predict/batch", content_type=JSON, body=WORST_BATCH
    ),
    "uploads to the page": partial(
        post, number=10, path="/batch", content_type=MULTIPART, body=UPLOAD
    ),
    "refused bodies": partial(flood, number=50, first=REFUSED, then=b"x" * 2**16, pause=0),
}  # fmt: skip


def nothing(_: Address, seconds: float) -> None:
    """Leave the service alone."""
    time.sleep(seconds)


def everything(address: Address, seconds: float) -> None:
    """Abuse it in all ways at once, by no more connections than there may be."""
    threads = []
    for abuse in ABUSES.values():
        few = partial(abuse, number=min(abuse.keywords["number"], 150))
        threads.append(threading.Thread(target=few, args=(address, seconds)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Client:
    """Somebody else, who sends one request after the other and notes how long each took."""

    def __init__(self, address: Address, method: str, path: str, body: bytes = b"") -> None:
        """Ask for ``path``."""
        self.answered: list[float] = []
        self.refused: list[float] = []
        self.lost = 0
        self._ask = partial(ask, address, method, path, body, JSON)

    def ask(self) -> None:
        """Send a request and wait for its answer."""
        started = time.monotonic()
        status = self._ask()
        seconds = time.monotonic() - started
        if status == 200:
            self.answered.append(seconds)
        elif status == 503:
            self.refused.append(seconds)
        else:
            self.lost += 1


class Watch:
    """What others saw for a while: three clients, and the service's memory."""

    def __init__(self, address: Address, service: psutil.Process) -> None:
        """Watch ``service``, which listens on ``address``."""
        self.live = Client(address, "GET", "/livez")
        self.predict = Client(address, "POST", "/predict", CASE)
        self.batch = Client(address, "POST", "/predict/batch", BATCH)
        self.memory: list[float] = []
        self._service = service

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Watch until the block ends."""
        is_over = threading.Event()

        def repeat(look: Callable[[], None]) -> None:
            while not is_over.wait(PAUSE_SECONDS):
                look()

        looks = [self._weigh, self.live.ask, self.predict.ask, self.batch.ask]
        threads = [threading.Thread(target=repeat, args=(look,)) for look in looks]
        for thread in threads:
            thread.start()
        yield
        is_over.set()
        for thread in threads:
            thread.join()

    def _weigh(self) -> None:
        self.memory.append(self._service.memory_info().rss)

    def row(self, idle: float) -> list[str]:
        """Return the cells of the table; ``idle`` are the bytes of before."""
        single = [self.live, self.predict]
        return [
            f"{max((max(self.memory) - idle) / 2**20, 0):.0f}",
            *(milliseconds(client.answered, share) for client in single for share in (0.5, 0.99)),
            str(sum(len(client.refused) + client.lost for client in single)),
            milliseconds(self.batch.answered, 0.5),
            f"{len(self.batch.refused)} of {len(self.batch.refused + self.batch.answered)}",
            milliseconds(self.batch.refused, 0.99),
            str(self.batch.lost),
        ]


HEAD = [
    "what somebody does", "memory, MB above idle", "`/livez`, ms", "p99", "`/predict`, ms", "p99",
    "not answered", "a batch of one, ms", "refused", "p99, ms", "lost",
]  # fmt: skip


def milliseconds(seconds: list[float], share: float) -> str:
    """Return a quantile in milliseconds, which is one of the values."""
    return f"{1000 * np.quantile(seconds, share, method='higher'):.1f}" if seconds else "–"


def _abuse(abuse: Abuse, address: Address, seconds: float) -> None:
    os.nice(19 - os.nice(0))
    abuse(address, seconds)


def measure(
    address: Address, service: psutil.Process, pool: Pool, seconds: float
) -> Iterator[list[str]]:
    """Yield the rows of the table as they are measured."""
    # What is loaded when it is first needed is not abuse.
    ask(address, "POST", "/predict/batch", WORST_BATCH, JSON)
    ask(address, "POST", "/batch", UPLOAD, MULTIPART)
    time.sleep(SETTLE_SECONDS / 4)
    idle = service.memory_info().rss
    before, after = {"nothing": nothing}, {"all of that at once": everything, "no more": nothing}
    for name, abuse in {**before, **ABUSES, **after}.items():
        watch = Watch(address, service)
        with watch.going_on():
            pool.apply(_abuse, (abuse, address, seconds))
        yield [name, *watch.row(idle)]
    time.sleep(SETTLE_SECONDS)
    watch = Watch(address, service)
    with watch.going_on():
        time.sleep(seconds)
    yield [f"{SETTLE_SECONDS} s later", *watch.row(idle)]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=ROOT / "artifacts/current", metavar="DIR")
    parser.add_argument("--seconds", type=float, default=15, help="of each (default: %(default)s)")
    options = parser.parse_args()
    rows = []
    with (
        tempfile.TemporaryDirectory() as directory,
        running_service({"MODEL_DIR": str(options.model)}, Path(directory, "log")) as client,
        get_context("spawn").Pool(1) as pool,
    ):
        address = (client.base_url.host, client.base_url.port or 0)
        service = next(c for c in psutil.Process().children() if "app.py" in c.cmdline())
        for row in measure(address, service, pool, options.seconds):
            rows.append(row)
            print(markdown_table(HEAD, row).splitlines()[-1], flush=True)
    print(f"\n{markdown_table(HEAD, *rows)}")


if __name__ == "__main__":
    main()

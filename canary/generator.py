"""Generated traffic: predictions at a steady rate, each on a connection of its own.

A connection that is kept stays with one pod; only new ones are spread over all of them.
"""

import http.client
import json
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

HEADERS = {"Content-Type": "application/json", "X-Traffic": "generated", "Connection": "close"}
WORKERS = 16
SECONDS = 10
"""How long one request may take."""

LATE = 1.0
"""Seconds behind its time after which a request is left out: the answers take too long."""

CONFIRM_SECONDS = 5.0
"""How often to ask whether to go on."""

MOST_RATE = 1000
"""Requests a second that are more than this can send."""

MOST_SECONDS = 24 * 60 * 60


@dataclass
class Sent:
    """Results of the requests as the client saw them; ``failures`` describes each that failed."""

    answered: int = 0
    failures: list[str] = field(default_factory=list)


def check(url: str, rate: float, seconds: float) -> None:
    """Raise ValueError for traffic that ``generate`` does not make."""
    if not 0 <= rate <= MOST_RATE:
        raise ValueError(f"rate: {rate:g} requests a second are not from 0 to {MOST_RATE}")
    if not 0 <= seconds <= MOST_SECONDS:
        raise ValueError(f"seconds: {seconds:g} are not from 0 to {MOST_SECONDS}")
    if rate and not _is_address(url):
        raise ValueError(f"url: {url!r} is not like http://127.0.0.1:30000")


def generate(
    url: str,
    cases: Sequence[Sequence[float]],
    rate: float,
    seconds: float,
    confirm: Callable[[], None] = lambda: None,
) -> Sent:
    """Send ``rate`` requests a second to ``url`` for some ``seconds``, with one case each.

    At most ``WORKERS`` are under way at a time, and it is over ``LATE`` + ``SECONDS`` after
    ``seconds`` at the latest, however slow the answers are. An error that ``confirm`` raises ends
    it. ValueError as by ``check``.
    """
    check(url, rate, seconds)
    address = urlsplit(url)
    bodies = [json.dumps({"features": list(case)}) for case in cases]
    sent = Sent()
    numbers = iter(range(int(rate * seconds)))
    lock, stop = threading.Lock(), threading.Event()
    started = time.monotonic()

    def work() -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            early = started + number / rate - time.monotonic()
            if stop.wait(max(early, 0)):
                return
            if early < -LATE:
                continue
            problem = _ask(address, bodies[number % len(bodies)])
            with lock:
                if problem:
                    sent.failures.append(problem)
                else:
                    sent.answered += 1

    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            at_work = {pool.submit(work) for _ in range(WORKERS)}
            while at_work:
                ended, at_work = wait(at_work, CONFIRM_SECONDS, FIRST_EXCEPTION)
                for worker in ended:
                    worker.result()
                confirm()
            while (left := started + seconds - time.monotonic()) > 0:
                time.sleep(min(left, CONFIRM_SECONDS))
                confirm()
        finally:
            stop.set()
    return sent


def _is_address(url: str) -> bool:
    try:
        address = urlsplit(url)
        return address.scheme in ("http", "https") and bool(address.hostname) and address.port != 0
    except ValueError:
        return False


def _ask(address: SplitResult, body: str) -> str:
    """Return what went wrong, if anything did."""
    is_secure = address.scheme == "https"
    kind = http.client.HTTPSConnection if is_secure else http.client.HTTPConnection
    connection = kind(address.hostname or "", address.port, timeout=SECONDS)
    try:
        connection.request("POST", f"{address.path.rstrip('/')}/predict", body, HEADERS)
        response = connection.getresponse()
        content = response.read()
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    return "" if response.status == 200 else f"status {response.status}: {content[:200]!r}"

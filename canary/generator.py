"""Generated traffic: predictions at a steady rate, each on a connection of its own.

A connection that is kept stays with one pod; only new ones are spread over all of them. An answer
names its track, so that it can be compared with what that track answered to the same case before,
and how long it took is known as the client sees it: with the time before and after the service's
own measurement.
"""

import http.client
import json
import math
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from canary.observation import TOLERANCE

HEADERS = {"Content-Type": "application/json", "X-Traffic": "generated", "Connection": "close"}
WORKERS = 16
SECONDS = 10
"""How long one request may take."""

LATE = 1.0
"""Seconds behind its time after which a request is left out: the answers take too long."""

LOOK_SECONDS = 2.0
"""How often to ask whether to go on."""

MOST_RATE = 1000
"""Requests a second that are more than this can send."""

MOST_SECONDS = 24 * 60 * 60


@dataclass
class Sent:
    """Results of the requests as the client saw them; ``failures`` describes each that failed.

    By track, ``seconds`` are how long the answers took, and ``wrong`` counts those that were not
    expected. ``outcomes`` are the track of each request in turn, and whether it failed.
    """

    answered: int = 0
    failures: list[str] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    wrong: Counter[str] = field(default_factory=Counter)
    outcomes: list[tuple[str, bool]] = field(default_factory=list)


class Reply(NamedTuple):
    """What became of one request: a ``problem``, or the answer of a track, NaN if it is none."""

    problem: str = ""
    track: str = ""
    seconds: float = 0.0
    probability: float = math.nan


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
    expected: Mapping[str, Sequence[float]] = MappingProxyType({}),
    is_enough: Callable[[Sent], bool] = lambda sent: False,
) -> Sent:
    """Send ``rate`` requests a second to ``url`` for some ``seconds``, with one case each.

    ``expected`` are each track's probabilities of malignant for the ``cases``. It ends early when
    what was sent so far ``is_enough``.
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
            case = number % len(bodies)
            reply = _ask(address, bodies[case])
            with lock:
                _note(sent, reply, expected, case)

    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            at_work = {pool.submit(work) for _ in range(WORKERS)}
            while at_work:
                ended, at_work = wait(at_work, LOOK_SECONDS, FIRST_EXCEPTION)
                for worker in ended:
                    worker.result()
                confirm()
                with lock:
                    if is_enough(sent):
                        return sent
            while (left := started + seconds - time.monotonic()) > 0:
                time.sleep(min(left, LOOK_SECONDS))
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


def _note(sent: Sent, reply: Reply, expected: Mapping[str, Sequence[float]], case: int) -> None:
    sent.outcomes.append((reply.track, bool(reply.problem)))
    if reply.problem:
        sent.failures.append(reply.problem)
        return
    sent.answered += 1
    sent.seconds[reply.track].append(reply.seconds)
    if reply.track in expected:
        is_right = abs(reply.probability - expected[reply.track][case]) <= TOLERANCE
        sent.wrong[reply.track] += not is_right


def _ask(address: SplitResult, body: str) -> Reply:
    is_secure = address.scheme == "https"
    kind = http.client.HTTPSConnection if is_secure else http.client.HTTPConnection
    connection = kind(address.hostname or "", address.port, timeout=SECONDS)
    started = time.perf_counter()
    try:
        connection.request("POST", f"{address.path.rstrip('/')}/predict", body, HEADERS)
        response = connection.getresponse()
        content = response.read()
    except (OSError, http.client.HTTPException) as error:
        return Reply(f"{type(error).__name__}: {error}")
    finally:
        connection.close()
    track = response.getheader("X-Served-By", "").partition("/")[0]
    if response.status != 200:
        return Reply(f"status {response.status}: {content[:200]!r}", track)
    return Reply("", track, time.perf_counter() - started, _probability(content))


def _probability(content: bytes) -> float:
    try:
        return float(json.loads(content)["probability_malignant"])
    except (ValueError, TypeError, KeyError):
        return math.nan

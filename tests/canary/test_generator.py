"""Generated traffic, to the real service and to ports that refuse, hang or answer nonsense."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import pytest

import canary.generator
from bc_model.dataset import Dataset
from canary.counters import PodRecord, Reading, parse, track
from canary.generator import MOST_RATE, MOST_SECONDS, WORKERS, Reply, check, generate
from tests.conftest import free_port

CASE = [[1.0] * 30]


class Counting(ThreadingHTTPServer):
    """Answers 200 to everything, after a while, and notes what comes, and how much at once."""

    request_queue_size = 128

    def __init__(self, patience: float = 0) -> None:
        self.patience = patience
        self.connections = 0
        self.times: list[float] = []
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        self.connections += 1
        found: tuple[socket.socket, tuple[str, int]] = super().get_request()
        return found


class Handler(BaseHTTPRequestHandler):
    server: Counting
    protocol_version = "HTTP/1.1"  # would keep connections

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.times.append(time.monotonic())
            self.server.bodies.append(body)
            self.server.headers.append({**self.headers, "path": self.path})
            self.server.at_once += 1
            self.server.most_at_once = max(self.server.most_at_once, self.server.at_once)
        time.sleep(self.server.patience)
        with self.server.lock:
            self.server.at_once -= 1
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def counting(patience: float = 0) -> Iterator[Counting]:
    with Counting(patience) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_the_service_counts_what_was_sent(client: httpx2.Client, dataset: Dataset) -> None:
    def read() -> Reading:
        return Reading(0, parse(client.get("/metrics").text))

    before = read()
    sent = generate(str(client.base_url), dataset.X.tolist(), rate=40, seconds=1)
    seen = track([PodRecord("stable", False, [before, read()])], "", 0, is_generated=True)
    assert (sent.answered, sent.failures) == (40, [])
    assert (seen.requests, seen.generated, seen.errors) == (40, 40, 0)
    answers = client.post("/predict", json={"features": dataset.X[0].tolist()}).json()
    assert answers["diagnosis"] == "malignant"
    assert sum(seen.predictions.values()) == 40
    assert seen.predictions["malignant"] > 20  # the first 40 cases mostly are


def test_an_answer_is_compared_with_the_one_before(client: httpx2.Client, dataset: Dataset) -> None:
    cases = dataset.X[:4].tolist()
    before = [
        client.post("/predict", json={"features": case}).json()["probability_malignant"]
        for case in cases
    ]
    expected = {"stable": before, "canary": [0.5] * 4}
    sent = generate(str(client.base_url), cases, rate=40, seconds=0.5, expected=expected)
    assert (sent.wrong["stable"], sent.wrong["canary"]) == (0, 0)
    assert list(map(len, sent.seconds.values())) == [20]
    assert 0 < min(sent.seconds["stable"]) < max(sent.seconds["stable"]) < 10
    before[1] += 2e-6
    sent = generate(str(client.base_url), cases, rate=40, seconds=0.5, expected=expected)
    assert sent.wrong["stable"] == 5


def test_traffic_ends_when_enough_was_seen(
    client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canary.generator, "LOOK_SECONDS", 0.05)
    started = time.monotonic()
    sent = generate(
        str(client.base_url), [[1.0]], 40, 60, is_enough=lambda sent: len(sent.failures) >= 5
    )
    assert time.monotonic() - started < 10
    assert sent.outcomes == [("stable", True)] * len(sent.failures)


def test_an_answer_of_nonsense_is_not_the_one_before() -> None:
    with counting() as server:
        sent = generate(server.url, CASE, rate=20, seconds=0.2, expected={"": [0.5]})
    assert (sent.answered, sent.wrong[""]) == (4, 4)


def test_what_a_client_waits_includes_what_the_service_does_not_see() -> None:
    with counting(patience=0.1) as server:
        sent = generate(server.url, CASE, rate=10, seconds=0.3)
    assert len(sent.seconds[""]) == 3
    assert 0.1 <= min(sent.seconds[""]) < 5


def test_cases_that_the_service_refuses_are_failures(client: httpx2.Client) -> None:
    sent = generate(str(client.base_url), [[1.0]], rate=20, seconds=0.2)
    assert sent.answered == 0
    assert len(sent.failures) == 4
    assert all(failure.startswith("status 422: b'{") for failure in sent.failures)


def test_each_request_has_a_connection_of_its_own() -> None:
    with counting() as server:
        sent = generate(f"{server.url}/app/", [[1.0], [2.0]], rate=50, seconds=0.4)
        assert (sent.answered, sent.failures) == (20, [])
        assert server.connections == 20
    assert sorted(server.bodies) == [b'{"features": [1.0]}'] * 10 + [b'{"features": [2.0]}'] * 10
    assert {headers["X-Traffic"] for headers in server.headers} == {"generated"}
    assert {headers["path"] for headers in server.headers} == {"/app/predict"}


def test_requests_are_spread_over_the_time() -> None:
    with counting() as server:
        started = time.monotonic()
        generate(server.url, CASE, rate=10, seconds=1)
        assert time.monotonic() - started >= 1
    assert server.times[-1] - started >= 0.9
    assert all(when - started >= number / 10 for number, when in enumerate(server.times))


def test_no_traffic_takes_its_time() -> None:
    started = time.monotonic()
    sent = generate("", [], rate=0, seconds=0.3)
    assert (sent.answered, sent.failures) == (0, [])
    assert time.monotonic() - started >= 0.3


def test_nobody_listens() -> None:
    sent = generate(f"http://127.0.0.1:{free_port()}", CASE, rate=50, seconds=0.2)
    assert sent.answered == 0
    assert len(sent.failures) == 10
    assert all("Connection refused" in failure for failure in sent.failures)


def test_no_tls_where_it_is_expected() -> None:
    with counting() as server:
        url = server.url.replace("http:", "https:")
        sent = generate(url, CASE, rate=10, seconds=0.1)
    [failure] = sent.failures
    assert "SSL" in failure


def test_slow_answers_do_not_prolong_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that would come late are left out, and no more are under way than there are workers."""
    monkeypatch.setattr(canary.generator, "LATE", 0.1)
    with counting(patience=1) as server:
        started = time.monotonic()
        sent = generate(server.url, CASE, rate=500, seconds=1)
        assert time.monotonic() - started < 15  # all of them would take 500 * 1 s / 16 = 31 s
    assert sent.failures == []
    assert 0 < sent.answered < 250
    assert 0 < server.most_at_once <= WORKERS


def test_request_that_is_not_answered_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary.generator, "SECONDS", 0.1)
    with counting(patience=0.5) as server:
        sent = generate(server.url, CASE, rate=10, seconds=0.1)
    assert sent.failures == ["TimeoutError: timed out"]


def test_no_request_follows_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does it wait for those that were still to come."""

    numbers = iter(range(WORKERS))

    def interrupted(*_: object) -> Reply:
        if next(numbers) == 1:
            raise KeyboardInterrupt
        return Reply()

    monkeypatch.setattr(canary.generator, "_ask", interrupted)
    before = set(threading.enumerate())
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        generate("http://127.0.0.1:1", CASE, rate=1, seconds=60)
    assert time.monotonic() - started < 10
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("rate", [0, 20])
def test_traffic_ends_when_it_is_not_confirmed(monkeypatch: pytest.MonkeyPatch, rate: int) -> None:
    monkeypatch.setattr(canary.generator, "LOOK_SECONDS", 0.1)
    times: list[float] = []

    def confirm() -> None:
        times.append(time.monotonic())
        if len(times) == 3:
            raise InterruptedError

    with counting() as server:
        started = time.monotonic()
        with pytest.raises(InterruptedError):
            generate(server.url, CASE, rate, 60, confirm)
        assert time.monotonic() - started < 10
        assert len(server.times) < 60


@pytest.mark.parametrize(
    ("url", "rate", "seconds", "name"),
    [
        ("http://a", -1, 1, "rate"),
        ("http://a", MOST_RATE + 1, 1, "rate"),
        ("http://a", float("inf"), 1, "rate"),
        ("http://a", float("nan"), 1, "rate"),
        ("http://a", 1, -1, "seconds"),
        ("http://a", 1, MOST_SECONDS + 1, "seconds"),
        ("http://a", 1, float("nan"), "seconds"),
        ("", 1, 1, "url"),
        ("127.0.0.1:30000", 1, 1, "url"),
        ("ftp://a", 1, 1, "url"),
        ("http://", 1, 1, "url"),
        ("http://a:x", 1, 1, "url"),
        ("http://a:99999", 1, 1, "url"),
        ("http://a:0", 1, 1, "url"),
        ("http://[::1", 1, 1, "url"),
    ],
)
def test_traffic_that_is_refused(url: str, rate: float, seconds: float, name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name}: "):
        check(url, rate, seconds)
    with pytest.raises(ValueError, match=rf"^{name}: "):
        generate(url, CASE, rate, seconds)


@pytest.mark.parametrize("url", ["http://a", "https://a:1/b", "http://[::1]:8000/"])
def test_traffic_that_is_made(url: str) -> None:
    check(url, MOST_RATE, MOST_SECONDS)
    check("", 0, 0)

"""The limits of a connection, over a socket, against the real process: up to each, and beyond."""

import asyncio
import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette
from uvicorn import Config
from uvicorn.server import ServerState

from scripts.running import running_service
from web.body_cutters import LONGEST_CHUNK_LINE
from web.protocol import LimitedProtocol, Turns
from web.settings import Settings

HOST = b"Host: localhost\r\n"
POST = b"POST /predict HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
LIVE = b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n"


@pytest.fixture(scope="module")
def hasty(model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """A service that waits for a second, and for nobody longer."""
    settings = {
        "HEAD_SECONDS": "1", "IDLE_SECONDS": "1", "KEEP_ALIVE_SECONDS": "1",
        "MAX_CONNECTIONS": "20", "MAX_REFUSED_BYTES": "1000000",
    }  # fmt: skip
    log = tmp_path_factory.mktemp("hasty") / "log"
    with running_service({"MODEL_DIR": str(model_dir), **settings}, log) as client:
        yield client


def connect(client: httpx2.Client) -> socket.socket:
    return socket.create_connection((client.base_url.host, client.base_url.port or 0), timeout=10)


def answers(client: httpx2.Client, *parts: bytes, pause: float = 0) -> bytes:
    """Send ``parts``, and return all that comes until the connection ends or nothing more does."""
    with closing(connect(client)) as connection:
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)
        return received(connection, 0.3)


def received(connection: socket.socket, seconds: float) -> bytes:
    connection.settimeout(seconds)
    parts = []
    try:
        while part := connection.recv(2**16):
            parts.append(part)
        parts.append(b"<closed>")
    except TimeoutError:
        pass
    return b"".join(parts)


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", answer)]


def head(size: int) -> bytes:
    start, end = b"GET /livez HTTP/1.1\r\n" + HOST + b"X: ", b"\r\n\r\n"
    return start + b"x" * (size - len(start) - len(end)) + end


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param(head(2**16), 200, id="largest head"),
        pytest.param(head(2**16 + 1), 431, id="larger head"),
        pytest.param(head(2**20)[:-4], 431, id="head without end"),
        pytest.param(LIVE[:-2] + b"X: y\r\n" * 99 + b"\r\n", 200, id="most fields"),
        pytest.param(LIVE[:-2] + b"X: y\r\n" * 100 + b"\r\n", 431, id="more fields"),
        pytest.param(LIVE.replace(b"/livez", b"/livez?" + b"x" * 8185), 200, id="longest target"),
        pytest.param(LIVE.replace(b"/livez", b"/livez?" + b"x" * 8186), 414, id="longer target"),
        pytest.param(b"GET /livez HTTP/1.1\r\n\r\n", 400, id="no host"),
        pytest.param(LIVE[:-2] + HOST + b"\r\n", 400, id="two hosts"),
        pytest.param(b"GET /livez HTTP/1.0\r\n\r\n", 200, id="no host in HTTP/1.0"),
        pytest.param(b"hello\r\n\r\n", 400, id="no HTTP"),
        pytest.param(LIVE.replace(b"\r\n", b"\n"), 400, id="no carriage returns"),
        pytest.param(b"\r\n\r\n" + LIVE, 200, id="empty lines before"),
        pytest.param(LIVE[:-2] + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501, id="coding"),
        pytest.param(CHUNKED[:-2] + b"Transfer-Encoding: chunked\r\n\r\n", 400, id="coded twice"),
        pytest.param(CHUNKED[:-2] + b"Content-Length: 2\r\n\r\n", 400, id="length and chunks"),
        pytest.param(CHUNKED.replace(b"1.1", b"1.0"), 400, id="chunks in HTTP/1.0"),
        pytest.param(CHUNKED + b"2;" + b"x" * (LONGEST_CHUNK_LINE - 4) + b"\r\n{}\r\n0\r\n\r\n",
                     422, id="longest extension"),
        pytest.param(CHUNKED + b"2;" + b"x" * (LONGEST_CHUNK_LINE - 3) + b"\r\n{}\r\n0\r\n\r\n",
                     400, id="longer extension"),
        pytest.param(CHUNKED + b"2;" + b"x" * 999, 400, id="extension without end"),
        pytest.param(CHUNKED + b"two\r\n{}\r\n0\r\n\r\n", 400, id="size that is no number"),
        pytest.param(CHUNKED + b"2\r\n{}xx0\r\n\r\n", 400, id="chunk that is longer"),
        pytest.param(CHUNKED + b"2\r\n{}\r\n0\r\nX: y\r\n\r\n", 422, id="trailer"),
        pytest.param(CHUNKED + b"0\r\n" + b"X: y\r\n" * 2**14, 431, id="trailer without end"),
    ],
)  # fmt: skip
def test_a_head_or_body_is_taken_or_refused(
    client: httpx2.Client, request_: bytes, status: int
) -> None:
    answer = answers(client, request_)
    assert statuses(answer) == [status]
    if status in (200, 422):
        is_kept = b"HTTP/1.0" not in request_
        assert answers(client, request_ + LIVE).endswith(b'{"status":"alive"}') == is_kept
    else:
        assert answer.endswith(b"<closed>")
        fields, _, body = answer.removesuffix(b"<closed>").partition(b"\r\n\r\n")
        problem = json.loads(body)
        assert problem["status"] == status
        assert f"x-request-id: {problem['instance'].removeprefix('urn:request:')}" in str(fields)
        assert b"content-security-policy: " in fields
        assert b"connection: close" in fields


def test_a_body_that_goes_wrong_after_its_head_is_refused(client: httpx2.Client) -> None:
    answer = answers(client, CHUNKED, b"1\r\n{\r\n", b"no size\r\n" + LIVE, pause=0.2)
    assert statuses(answer) == [400]
    assert answer.endswith(b"<closed>")


def test_a_chunked_body_is_no_larger_than_another(client: httpx2.Client) -> None:
    chunk = b"100001\r\n" + b" " * (2**20 + 1) + b"\r\n0\r\n\r\n"
    assert statuses(answers(client, CHUNKED + chunk + LIVE)) == [413, 200]


def test_what_the_protocol_refuses_is_counted(client: httpx2.Client) -> None:
    name = r'app_requests_total\{endpoint="unmatched",method="other",status="431"\}'
    answers(client, head(2**17))
    before = metric(client, name)
    answers(client, head(2**17))
    assert metric(client, name) == before + 1


def test_a_request_may_come_byte_by_byte(client: httpx2.Client) -> None:
    body = CHUNKED + b"1;a\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
    parts = [bytes([byte]) for byte in body + LIVE]
    assert statuses(answers(client, *parts)) == [422, 200]


def test_a_head_may_take_some_seconds(client: httpx2.Client) -> None:
    parts = b"GET /livez HTTP/1.1\r\n", HOST, b"Connection: close\r\n\r\n"
    assert statuses(answers(client, *parts, pause=1.5)) == [200]


def test_pipelined_requests_are_answered_in_order(client: httpx2.Client) -> None:
    ready = LIVE.replace(b"livez", b"readyz")
    body = POST + b"Content-Length: 2\r\n\r\n{}"
    answer = answers(client, (LIVE + ready + body) * 200)
    assert statuses(answer) == [200, 200, 422] * 200
    assert answer.index(b"alive") < answer.index(b"ready")


def test_pipelined_requests_start_one_in_a_turn_of_the_event_loop() -> None:
    async def started_after_each_turn() -> list[int]:
        turns = Turns()
        started: list[str] = []
        for name in "abc":
            turns.wait(partial(started.append, name))
        counts = []
        for _ in range(4):
            await asyncio.sleep(0)
            counts.append(len(started))
        return counts

    assert asyncio.run(started_after_each_turn()) == [1, 2, 3, 3]


def test_a_pipelined_request_does_not_start_when_its_client_has_gone() -> None:
    async def started_requests() -> int:
        config = Config(Starlette())
        config.load()
        state = ServerState()
        made: list[LimitedProtocol] = []

        def protocol() -> LimitedProtocol:
            made.append(
                LimitedProtocol(
                    Settings(), Turns(), config=config, server_state=state, app_state={}
                )
            )
            return made[-1]

        server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
        async with server:
            _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            while not made:
                await asyncio.sleep(0.01)
            made[0].transport.close()
            made[0]._received += LIVE
            made[0]._start_pipelined()
            writer.close()
        return len(state.tasks)

    assert asyncio.run(started_requests()) == 0


def test_pipelining_costs_no_memory(client: httpx2.Client) -> None:
    before = metric(client, "process_resident_memory_bytes")
    with closing(connect(client)) as connection:
        connection.settimeout(0.2)
        flood = LIVE * 1000
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            try:
                connection.send(flood)
            except TimeoutError:
                break  # nobody reads the answers, so nobody reads the requests
        assert metric(client, "process_resident_memory_bytes") < before + 20e6
    assert client.get("/livez").status_code == 200


@pytest.mark.parametrize("upgrade", ["h2c", "websocket"])
def test_another_protocol_is_not_offered_and_the_request_answered(
    client: httpx2.Client, upgrade: str
) -> None:
    fields = f"Connection: Upgrade\r\nUpgrade: {upgrade}\r\nContent-Length: 2\r\n\r\n".encode()
    assert statuses(answers(client, POST + fields + b"{}" + LIVE)) == [422, 200]


def test_http_1_0_keeps_a_connection_that_is_asked_for(client: httpx2.Client) -> None:
    old = b"GET /livez HTTP/1.0\r\n"
    kept = answers(client, (old + b"Connection: keep-alive\r\n\r\n") * 2)
    assert statuses(kept) == [200, 200]
    assert kept.count(b"connection: keep-alive") == 2
    closed = answers(client, (old + b"\r\n") * 2)
    assert statuses(closed) == [200]
    assert closed.endswith(b"<closed>")


def test_nobody_is_told_to_go_on_with_what_is_refused(client: httpx2.Client) -> None:
    expect = b"Content-Length: 2000000\r\nExpect: 100-continue\r\n\r\n"
    answer = answers(client, POST + expect)
    assert statuses(answer) == [413]
    assert answer.endswith(b"<closed>")
    answer = answers(client, POST + expect.replace(b"2000000", b"2"), b"{}", pause=0.2)
    assert statuses(answer) == [100, 422]


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([b""], None),
        ([b"GET /livez HTTP/1.1\r\n"], 408),
        ([POST + b"Content-Length: 9\r\n\r\n{"], 408),
        ([CHUNKED + b"9\r\n{"], 408),
        ([LIVE], 200),
        ([LIVE.replace(b"livez", b"nothing")[:-2] + b"Content-Length: 9\r\n\r\n{"], 404),
    ],
)
def test_who_sends_nothing_more_is_not_waited_for(
    hasty: httpx2.Client, parts: list[bytes], status: int | None
) -> None:
    with closing(connect(hasty)) as connection:
        for part in parts:
            connection.sendall(part)
        answer = received(connection, 5)
    assert statuses(answer) == ([status] if status else [])
    assert answer.endswith(b"<closed>")


def test_a_head_may_not_take_longer_by_coming_slowly(hasty: httpx2.Client) -> None:
    started = time.monotonic()
    with closing(connect(hasty)) as connection, suppress(OSError):
        for byte in LIVE[:-2] + b"X: y\r\n" * 50:
            connection.sendall(bytes([byte]))
            time.sleep(0.05)
    assert time.monotonic() - started < 9


def test_a_body_may_come_slowly(hasty: httpx2.Client) -> None:
    parts = [bytes([byte]) for byte in b'{"a": 1}']
    sent = POST + b"Content-Length: 8\r\n\r\n"
    assert statuses(answers(hasty, sent, *parts, pause=0.3)) == [422]


def test_who_does_not_read_is_not_waited_for(hasty: httpx2.Client) -> None:
    quiet = metric(hasty, "process_open_fds")
    with ExitStack() as stack:
        silent = [stack.enter_context(closing(connect(hasty))) for _ in range(3)]
        for connection in silent:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**12)
            connection.sendall(LIVE.replace(b"livez", b"openapi.json") * 200)
        deadline = time.monotonic() + 10
        while metric(hasty, "process_open_fds") > quiet:
            assert time.monotonic() < deadline
            time.sleep(0.2)


def metric(client: httpx2.Client, name: str, absent: float | None = None) -> float:
    """Return the value of the series that ``name``, an expression, matches."""
    found = re.search(rf"^{name} (.*)$", client.get("/metrics").text, re.MULTILINE)
    assert found or absent is not None
    return float(found[1]) if found else absent or 0


def test_the_body_of_a_refused_request_is_not_taken_without_end(hasty: httpx2.Client) -> None:
    with closing(connect(hasty)) as connection:
        connection.sendall(POST.replace(b"json", b"text") + b"Content-Length: 999999999\r\n\r\n")
        sent = 0
        with suppress(OSError):  # broken or reset
            while sent < 10**8:
                sent += connection.send(b" " * 2**16)
        assert sent < 10**7


def test_one_connection_too_many_is_refused(hasty: httpx2.Client) -> None:
    hasty.get("/livez")
    with ExitStack() as stack:
        for _ in range(19):
            stack.enter_context(closing(connect(hasty))).sendall(LIVE[:-2])
        time.sleep(0.2)
        with closing(connect(hasty)) as connection:
            answer = received(connection, 5)
    assert statuses(answer) == [503]
    assert b"retry-after: 1" in answer
    deadline = time.monotonic() + 10
    while True:
        with closing(connect(hasty)) as connection:
            connection.sendall(LIVE)
            if statuses(received(connection, 0.3)) == [200]:
                break
        assert time.monotonic() < deadline

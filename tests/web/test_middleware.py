"""Id, log line, metrics and headers of every request, and the answer to a failure inside."""

import json
import re
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from bc_model.artifact import Reference
from bc_model.features import FEATURE_NAMES
from tests.cases import MALIGNANT
from tests.conftest import START_SECONDS, free_port
from web.logs import JsonFormatter, RequestLog
from web.metrics import Metrics
from web.middleware import SECURITY_HEADERS, ObserveRequests, ProblemResponder
from web.problems import ProblemDetails


def log_lines(log: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def line_of(log: Path, request_id: str) -> dict[str, object]:
    """Wait for the log line of a request: it is written after the answer is sent."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        for line in log_lines(log):
            if line.get("request_id") == request_id:
                return line
        time.sleep(0.01)
    raise AssertionError(f"no log line for {request_id}")


def test_a_sane_request_id_is_kept(client: httpx2.Client) -> None:
    response = client.get("/livez", headers={"X-Request-ID": "order-66_a.b"})
    assert response.headers["x-request-id"] == "order-66_a.b"


@pytest.mark.parametrize("sent", ["", "x" * 65, 'a"b', "a b", "é"])
def test_any_other_is_replaced(client: httpx2.Client, sent: str) -> None:
    response = client.get("/livez", headers={b"X-Request-ID": sent.encode()})
    assert len(response.headers["x-request-id"]) == 32
    assert response.headers["x-request-id"] != sent


@pytest.mark.parametrize("path", ["/", "/livez", "/nothing", "/static/style.css"])
def test_security_headers_are_everywhere(client: httpx2.Client, path: str) -> None:
    headers = client.get(path).headers
    for name, value in SECURITY_HEADERS.items():
        if name != b"cache-control":
            assert headers[name.decode()] == value.decode()
    assert headers["Cache-Control"] == ("no-cache" if "static" in path else "no-store")


def test_a_static_file_may_be_kept_under_the_name_of_its_content(client: httpx2.Client) -> None:
    (address,) = re.findall(r'href="(/static/style\.css\?v=[0-9a-f]{8})"', client.get("/").text)
    response = client.get(address, headers={"Range": "bytes=0-9"})
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response.status_code == 200
    assert len(response.content) > 1000


def test_a_request_is_one_line_of_json_without_its_values(
    client: httpx2.Client, service_log: Path
) -> None:
    values = [123.456789, *MALIGNANT[1:]]
    headers = {"X-Request-ID": "log-test"}
    client.post("/predict", json={"features": values}, headers=headers)
    line = line_of(service_log, "log-test")
    assert (line["method"], line["path"], line["status"]) == ("POST", "/predict", 200)
    assert isinstance(line["seconds"], float)
    assert "123.456789" not in service_log.read_text()
    assert all(key in line for key in ("time", "level", "logger", "message"))


def test_a_long_path_is_cut_in_the_log(client: httpx2.Client, service_log: Path) -> None:
    client.get("/" + "a" * 5000, headers={"X-Request-ID": "long-path"})
    assert line_of(service_log, "long-path")["path"] == "/" + "a" * 199


def test_a_client_that_goes_away_is_no_failure(client: httpx2.Client, service_log: Path) -> None:
    address = (client.base_url.host, client.base_url.port or 80)
    with socket.create_connection(address) as connection:
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nHost: x\r\nX-Request-ID: gone\r\n"
            b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        )
        time.sleep(0.1)
    assert line_of(service_log, "gone")["status"] == 499


def no_page(request: Request, details: ProblemDetails, remedy: str) -> Response:
    raise AssertionError("nobody here prefers a page")


async def fail_before(request: Request) -> Response:
    raise ValueError("the cause")


async def fail_during(request: Request) -> Response:
    async def content() -> AsyncIterator[bytes]:
        yield b"half"
        raise ValueError("the cause")

    return StreamingResponse(content())


@pytest.fixture
def failing(reference: Reference) -> Iterator[httpx2.Client]:
    """A client of an application that fails before, and in the middle of, its answers."""
    metrics = Metrics(FEATURE_NAMES, reference, "v", "stable")

    async def exposition(request: Request) -> Response:
        return Response(metrics.exposition(is_openmetrics=False)[0])

    app = Starlette(
        routes=[
            Route("/before", fail_before, methods=["PROPFIND"]),
            Route("/during", fail_during),
            Route("/metrics", exposition),
        ],
        middleware=[
            Middleware(
                ObserveRequests,
                metrics=metrics,
                problems=ProblemResponder(no_page),
                paths={fail_before: "/before"},
                log=RequestLog(),
                served_by="stable",
            )
        ],
    )
    app.state.draining = False
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield client
    server.should_exit = True
    thread.join()


def test_a_failure_is_a_problem_that_hides_its_cause(
    failing: httpx2.Client, caplog: pytest.LogCaptureFixture
) -> None:
    response = failing.request("PROPFIND", "/before", headers={"X-Request-ID": "failed"})
    assert response.status_code == 500
    assert response.json()["type"] == "/problems/internal-error"
    assert response.json()["instance"] == "urn:request:failed"
    assert "cause" not in response.text.replace("The cause is in the service's log", "")
    (record,) = [record for record in caplog.records if record.message == "failed"]
    line = json.loads(JsonFormatter().format(record))
    assert line["request_id"] == "failed"
    assert line["exception"].endswith("ValueError: the cause\n")
    requests = 'app_requests_total{endpoint="/before",method="other",status="500"} 1.0'
    assert requests in failing.get("/metrics").text


def test_a_failure_in_the_middle_of_an_answer_breaks_it_off(failing: httpx2.Client) -> None:
    with pytest.raises(httpx2.RemoteProtocolError):
        failing.get("/during")
    assert failing.get("/metrics").status_code == 200

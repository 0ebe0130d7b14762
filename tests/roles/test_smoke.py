"""The smoke test, and the address it uses."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.conftest import ROOT
from tests.roles.conftest import run


class Service(ThreadingHTTPServer):
    """Answers as the service does, and for its health first with the pods before the rollout."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.models = iter(["old", "old"])


class Answer(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        body = {}
        if self.path == "/health":
            model = next(self.server.models, "new")
            body = {"status": "healthy", "model_version": model}
        self._answer(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer({"diagnosis": "malignant"})

    def _answer(self, body: dict[str, str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with Service() as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_pods_that_leave_may_answer_for_a_while(url: str) -> None:
    role = ["-m", "ansible.builtin.include_role", "-a", "name=smoke"]
    given = {"smoke_url": url, "smoke_model_version": "new"}
    result = run(["ansible", "local", *role, "-e", json.dumps(given)], ROOT, 0)
    assert result.returncode == 0, result.stdout
    assert f"The service answers at {url}" in result.stdout


HOST = {"app_ingress_host": "api.example.org"}


@pytest.mark.parametrize(
    ("given", "url"),
    [
        (HOST, "http://127.0.0.1:30000"),
        ({**HOST, "app_node_port": ""}, "http://api.example.org"),
        (
            {**HOST, "app_node_port": "", "app_ingress_tls_secret": "certificate"},
            "https://api.example.org",
        ),
    ],
)
def test_address(given: dict[str, str], url: str) -> None:
    look = ["-m", "ansible.builtin.debug", "-a", "msg=<{{ smoke_url }}>"]
    inventory = ["-i", "inventory/kubernetes", "-e", "@playbooks/vars/kubernetes.yml"]
    command = ["ansible", "kubernetes", *inventory, *look, "-e", json.dumps(given)]
    assert f"<{url}>" in run(command, ROOT, 0).stdout

"""The Kubernetes API as far as a test needs it: a small HTTP server that answers what it is told.

ConfigMaps are kept, and written to as the real one lets them be written to.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import yaml

Object = dict[str, Any]

VERSION_FIELDS = (
    "buildDate", "compiler", "gitCommit", "gitTreeState", "gitVersion", "goVersion", "major",
    "minor", "platform",
)  # fmt: skip

CONFIG_MAP = re.compile(r"/api/v1/namespaces/[^/]+/configmaps(/[^/]+)?")


class Request(NamedTuple):
    """What the server was asked; ``path`` has the query, ``headers`` are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class KubernetesApi(ThreadingHTTPServer):
    """Answers by path; to rights it says yes, but for the forbidden resources.

    ``answers`` are a status with an object, or with bytes as they are; ``delays`` are in seconds.
    What is put to a path of ``told`` is handed on.
    """

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Object | bytes]] = {
            "/version/": (200, dict.fromkeys(VERSION_FIELDS, "")),
            "/api/v1/namespaces/breast-cancer": (200, {"metadata": {"name": "breast-cancer"}}),
            "/api/v1/services": (200, {"items": []}),
        }
        self.delays: dict[str, float] = {}
        self.told: dict[str, Callable[[Any], None]] = {}
        self.forbidden: set[str] = set()
        self.config_maps: dict[str, Object] = {}
        self.requests: list[Request] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def asked(self) -> list[str]:
        """Methods and paths, without the queries."""
        return [f"{each.method} {each.path.partition('?')[0]}" for each in self.requests]


class Handler(BaseHTTPRequestHandler):
    server: KubernetesApi

    def _do(self) -> None:
        path = self.path.partition("?")[0]
        length = int(self.headers.get("Content-Length", 0))
        body: Any = json.loads(self.rfile.read(length)) if length else None
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.requests.append(Request(self.command, self.path, headers, body))
        time.sleep(self.server.delays.get(path, 0))
        if path in self.server.answers:
            self._answer(*self.server.answers[path])
        elif path in self.server.told:
            self.server.told[path](body)
            self._answer(200, {})
        elif CONFIG_MAP.fullmatch(path):
            self._answer(*self._config_map(path, body))
        elif path.endswith("/selfsubjectaccessreviews"):
            attributes = body["spec"]["resourceAttributes"]
            allowed = attributes["resource"] not in self.server.forbidden
            self._answer(201, {**body, "status": {"allowed": allowed}})
        else:
            self._answer(404, {})

    do_GET = do_POST = do_PUT = _do  # noqa: N815  the names that the base class looks for

    def _config_map(self, path: str, body: Any) -> tuple[int, Object]:
        found = self.server.config_maps
        if self.command == "POST":
            path = f"{path}/{body['metadata']['name']}"
        if self.command == "GET":
            return (200, found[path]) if path in found else (404, status("not found"))
        if (self.command == "PUT") != (path in found):
            return (404, status("not found")) if self.command == "PUT" else (409, status("exists"))
        before = found.get(path, {"metadata": {"resourceVersion": "0"}})["metadata"]
        if body["metadata"].get("resourceVersion", "0") != before["resourceVersion"]:
            return 409, status("the object has been modified")
        version = str(int(before["resourceVersion"]) + 1)
        found[path] = {**body, "metadata": {**body["metadata"], "resourceVersion": version}}
        return (201 if self.command == "POST" else 200), found[path]

    def _answer(self, status: int, content: Object | bytes) -> None:
        with suppress(ConnectionError):  # the client has not waited
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def status(message: str) -> Object:
    """Return what the API server says when it refuses."""
    return {"kind": "Status", "status": "Failure", "message": message}


@contextmanager
def running_api() -> Iterator[KubernetesApi]:
    with KubernetesApi() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def write_kubeconfig(path: Path, port: int) -> None:
    here = {"cluster": {"server": f"http://127.0.0.1:{port}"}, "name": "here"}
    context = {"context": {"cluster": "here", "user": "me"}, "name": "here"}
    content = {
        "clusters": [here],
        "users": [{"name": "me", "user": {"token": "none"}}],
        "contexts": [context],
        "current-context": "here",
    }
    path.write_text(yaml.safe_dump(content), encoding="utf-8")

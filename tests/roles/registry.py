"""The part of a container registry that a push needs, kept in memory."""

import base64
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4


class Registry(ThreadingHTTPServer):
    """A registry on a free port of this machine; it refuses repositories outside ``open/``.

    With a ``login``, like ``"me:secret"``, it answers nobody else.
    """

    def __init__(self, login: str = "") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.authorization = f"Basic {encoded(login)}" if login else None
        self.address = f"127.0.0.1:{self.server_port}"
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, tuple[str, bytes]] = {}


class Handler(BaseHTTPRequestHandler):
    server: Registry
    protocol_version = "HTTP/1.1"

    def parse_request(self) -> bool:
        """Refuse at once, whatever the method is, who does not say the login."""
        if not super().parse_request():
            return False
        wanted = self.server.authorization
        if wanted is None or self.headers.get("Authorization") == wanted:
            return True
        self.body()
        self.answer(401, WWW_Authenticate='Basic realm="registry"')
        return False

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        if "/manifests/" in self.path and self.path in self.server.manifests:
            media_type, manifest = self.server.manifests[self.path]
            self.answer(
                200, manifest, Content_Type=media_type, Docker_Content_Digest=sha256(manifest)
            )
        elif name in self.server.blobs:
            self.answer(200, self.server.blobs[name], Docker_Content_Digest=name)
        else:
            self.answer(200 if self.path == "/v2/" else 404)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.body()
        if not self.path.startswith("/v2/open/"):
            self.answer(403, b'{"errors": [{"code": "DENIED", "message": "not yours"}]}')
            return
        self.answer(202, Location=f"{urlsplit(self.path).path}{uuid4()}")

    def do_PATCH(self) -> None:
        body = self.server.blobs[self.path] = self.body()
        self.answer(202, Location=self.path, Range=f"0-{len(body) - 1}")

    def do_PUT(self) -> None:
        body = self.body()
        if "/manifests/" in self.path:
            media_type = self.headers["Content-Type"]
            by_digest = re.sub(r"[^/]+$", sha256(body), self.path)
            for path in (self.path, by_digest):
                self.server.manifests[path] = (media_type, body)
            self.answer(201, Docker_Content_Digest=sha256(body))
        else:
            url = urlsplit(self.path)
            [digest] = parse_qs(url.query)["digest"]
            self.server.blobs[digest] = self.server.blobs.pop(url.path) + body
            self.answer(201, Docker_Content_Digest=digest)

    def log_message(self, *_: object) -> None:
        pass


def encoded(login: str) -> str:
    """Return a login as HTTP and Docker's configuration have it."""
    return base64.b64encode(login.encode()).decode()


def sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@contextmanager
def running_registry(login: str = "") -> Iterator[Registry]:
    with Registry(login) as registry:
        thread = Thread(target=registry.serve_forever)
        thread.start()
        try:
            yield registry
        finally:
            registry.shutdown()
            thread.join()

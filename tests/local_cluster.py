"""A cluster whose pods are services on ports of this machine."""

import http.client
import json
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from canary.cases import REFERENCE
from canary.cluster import Pod, UnreachableError

SECONDS = 10


@dataclass
class LocalPod:
    """A pod, and where it answers."""

    name: str
    track: str
    url: str
    is_ready: bool = True
    restarts: int = 0


@dataclass
class LocalCluster:
    """What an observation needs of a cluster.

    Pods have the files of ``model_dir``, but for those in ``own_model_dirs``.
    """

    local: list[LocalPod]
    model_dir: Path
    own_model_dirs: dict[str, Path] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    is_away: bool = False

    def pods(self) -> list[Pod]:
        if self.is_away:
            raise UnreachableError("the cluster is away")
        return [Pod(each.name, each.track, each.is_ready, each.restarts) for each in self.local]

    def ask_pod(self, pod: str, path: str, body: object = None, **headers: str) -> bytes:
        self.asked.append((pod, path))
        urls = [each.url for each in self.local if each.name == pod]
        if not urls or self.is_away:
            raise UnreachableError(f"there is no {pod}")
        method = "GET" if body is None else "POST"
        return request(method, f"{urls[0].rstrip('/')}{path}", body, **headers)

    def read_file(self, pod: str, path: str) -> bytes:
        assert path == REFERENCE
        assert pod in [each.name for each in self.local]
        return (self.own_model_dirs.get(pod, self.model_dir) / "reference.npz").read_bytes()


def request(method: str, url: str, body: object = None, **headers: str) -> bytes:
    """Return the answer, if it is one with status 200."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.netloc, timeout=SECONDS)
    content = None if body is None else json.dumps(body)
    sent = {"Content-Type": "application/json", **headers}
    with closing(connection):
        try:
            connection.request(
                method, address._replace(scheme="", netloc="").geturl(), content, sent
            )
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(f"{url} does not answer: {error}") from error
    if response.status != 200:
        raise UnreachableError(f"{url} answers with {response.status}")
    return answer

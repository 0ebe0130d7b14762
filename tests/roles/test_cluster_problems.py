"""What is in the way of a deployment; a small HTTP server plays the cluster."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cluster_problems
import pytest
import yaml
from kubernetes import client

from tests.conftest import free_port

Object = dict[str, Any]

GIVEN = {
    "context": "",
    "namespace": "breast-cancer",
    "service": "breast-cancer-service",
    "node_ports": {"app_node_port": "30000", "app_metrics_node_port": ""},
}


VERSION_FIELDS = (
    "buildDate", "compiler", "gitCommit", "gitTreeState", "gitVersion", "goVersion", "major",
    "minor", "platform",
)  # fmt: skip


class Cluster(ThreadingHTTPServer):
    """Answers what it is told to; to rights it says yes, but for the forbidden resources."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Object]] = {
            "/version/": (200, dict.fromkeys(VERSION_FIELDS, "")),
            "/api/v1/namespaces/breast-cancer": (200, {"metadata": {"name": "breast-cancer"}}),
            "/api/v1/services": (200, {"items": []}),
        }
        self.forbidden: set[str] = set()
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Cluster

    def do_GET(self) -> None:
        self._answer(*self.server.answers.get(self.path, (404, {})))

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        attributes = review["spec"]["resourceAttributes"]
        allowed = attributes["resource"] not in self.server.forbidden
        self._answer(201, {**review, "status": {"allowed": allowed}})

    def _answer(self, status: int, content: Object) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_: Any) -> None:
        pass


def service(name: str, port: int) -> Object:
    metadata = {"name": name, "namespace": "breast-cancer"}
    return {"metadata": metadata, "spec": {"ports": [{"port": 80, "nodePort": port}]}}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
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


@pytest.fixture(autouse=True)
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of the kubeconfig; nothing is there yet."""
    path = tmp_path / "kubeconfig"
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(path))
    return path


@pytest.fixture
def connected(cluster: Cluster, kubeconfig: Path) -> Cluster:
    write_kubeconfig(kubeconfig, cluster.server_port)
    return cluster


def problems(**changes: Any) -> list[str]:
    return list(cluster_problems.problems({**GIVEN, **changes}))


def test_nothing_in_the_way(connected: Cluster) -> None:
    connected.answers["/api/v1/services"] = (
        200,
        {"items": [service("breast-cancer-service", 30000), service("other", 31000)]},
    )
    assert problems() == []


def test_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_problems, "HAS_KUBERNETES", False)
    assert problems() == ["the Python package kubernetes is missing: make up installs it"]


def test_no_kubeconfig() -> None:
    [problem] = problems()
    assert problem.startswith("there is no kubeconfig to be used (")
    assert problem.endswith("): name one with KUBECONFIG=<path>")
    assert problems(context="here") == [problem]


def test_kubeconfig_that_is_none(kubeconfig: Path) -> None:
    kubeconfig.write_text("{", encoding="utf-8")
    [problem] = problems()
    assert problem.startswith("there is no kubeconfig to be used (while parsing")


def test_unknown_context(connected: Cluster) -> None:
    assert problems(context="there") == [
        "the kubeconfig has no context there, but here: choose one with -e kube_context=...,"
        " or another file with KUBECONFIG=..."
    ]


def test_cluster_that_does_not_answer(kubeconfig: Path) -> None:
    port = free_port()
    write_kubeconfig(kubeconfig, port)
    [problem] = problems()
    assert problem.startswith(f"the cluster at http://127.0.0.1:{port} does not answer (")
    assert "Connection refused" in problem


def test_cluster_that_refuses(connected: Cluster) -> None:
    connected.answers["/version/"] = (401, {})
    [problem] = problems()
    assert problem.endswith("refuses you (401 Unauthorized): log in to it again")


def test_namespace_that_may_not_be_created(connected: Cluster) -> None:
    assert problems(namespace="new") == []
    connected.forbidden.add("namespaces")
    assert problems(namespace="new") == [
        "there is no namespace new, and you may not create it: have it created, or choose"
        " another: -e kube_namespace=..."
    ]


def test_namespace_that_is_being_deleted(connected: Cluster) -> None:
    metadata = {"name": "breast-cancer", "deletionTimestamp": "2026-01-01T00:00:00Z"}
    connected.answers["/api/v1/namespaces/breast-cancer"] = (200, {"metadata": metadata})
    assert problems() == ["the namespace breast-cancer is being deleted: try again when it is gone"]


def test_all_problems_at_once(connected: Cluster) -> None:
    connected.forbidden |= {"services", "deployments"}
    connected.answers["/api/v1/services"] = (200, {"items": [service("other", 30000)]})
    ports = {"app_node_port": "30000", "app_metrics_node_port": "x"}
    assert problems(node_ports=ports) == [
        "you may not create services, patch services, delete services, create deployments,"
        " patch deployments, delete deployments in the namespace breast-cancer: have yourself"
        " bound to the ClusterRole edit there, or choose another: -e kube_namespace=...",
        "node port 30000 is taken by the service other in the namespace breast-cancer; choose"
        " another: -e app_node_port=...",
        "app_metrics_node_port: 'x' is not a number; choose one, usually from 30000 to 32767",
    ]


def test_services_that_may_not_be_seen(connected: Cluster) -> None:
    connected.answers["/api/v1/services"] = (403, {})
    assert problems() == []


def test_connection_is_not_retried(connected: Cluster) -> None:
    assert cluster_problems.connect("").configuration.retries == 0
    assert isinstance(cluster_problems.connect(""), client.ApiClient)

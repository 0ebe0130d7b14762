"""The cluster as the canary sees it; a small HTTP server plays the API server."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import canary.cluster
from canary.cluster import Deployed, KubernetesCluster, Pod, UnreachableError, as_json
from tests.conftest import free_port
from tests.kubernetes_api import KubernetesApi, Object, status, write_kubeconfig

NAMESPACE = "/api/v1/namespaces/breast-cancer"
PODS = f"{NAMESPACE}/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/breast-cancer/deployments"
METRICS = f"{PODS}/a:8000/proxy/metrics"


def pod(name: str, track: str = "stable", ready: str = "True", **metadata: str) -> Object:
    labels = {"app": "breast-cancer-api", "version": track}
    return {
        "metadata": {"name": name, "labels": labels, **metadata},
        "spec": {"containers": [{"name": "api"}]},
        "status": {
            "conditions": [
                {"type": "Initialized", "status": "True"},
                {"type": "Ready", "status": ready},
            ],
            "containerStatuses": [
                {"name": "api", "image": "i", "imageID": "i", "ready": True, "restartCount": 2}
            ],
        },
    }


def deployment(image: str, track: str = "stable") -> Object:
    labels = {"app": "breast-cancer-api", "version": track}
    containers = [{"name": "api", "image": image}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    return {
        "metadata": {"name": f"breast-cancer-api-{track}", "labels": labels},
        "spec": {"replicas": 3, "selector": {"matchLabels": labels}, "template": template},
    }


@pytest.fixture
def cluster(connected: KubernetesApi) -> KubernetesCluster:
    return KubernetesCluster("", "breast-cancer")


def test_pods_of_both_tracks(cluster: KubernetesCluster, connected: KubernetesApi) -> None:
    pending = {**pod("c", "canary"), "status": {"phase": "Pending"}}
    leaving = pod("d", deletionTimestamp="2026-01-01T00:00:00Z")
    listed = [pod("a"), pod("b", "canary", ready="False"), pending, leaving]
    connected.answers[PODS] = (200, {"items": listed})
    assert cluster.pods() == [
        Pod("a", "stable", True, 2),
        Pod("b", "canary", False, 2),
        Pod("c", "canary", False, 0),
    ]
    assert connected.requests[-1].path == f"{PODS}?labelSelector=app%3Dbreast-cancer-api"
    assert connected.requests[-1].headers["authorization"] == "Bearer none"


def test_deployments_of_both_tracks(cluster: KubernetesCluster, connected: KubernetesApi) -> None:
    listed = [deployment("app:1"), deployment("app:2", "canary")]
    connected.answers[DEPLOYMENTS] = (200, {"items": listed})
    assert cluster.deployed() == {"stable": Deployed("app:1", 3), "canary": Deployed("app:2", 3)}
    assert connected.requests[-1].path == f"{DEPLOYMENTS}?labelSelector=app%3Dbreast-cancer-api"
    connected.answers[DEPLOYMENTS] = (403, status("deployments is forbidden"))
    with pytest.raises(UnreachableError) as caught:
        cluster.deployed()
    assert str(caught.value) == (
        "the cluster does not list its Deployments: 403 Forbidden: deployments is forbidden"
    )


def test_pod_of_no_track(cluster: KubernetesCluster, connected: KubernetesApi) -> None:
    bare = {**pod("a"), "metadata": {"name": "a", "labels": {"app": "breast-cancer-api"}}}
    connected.answers[PODS] = (200, {"items": [bare]})
    assert [each.track for each in cluster.pods()] == [""]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((403, status('pods is forbidden: User "me" cannot list')), "cannot list"),
        ((500, b""), "500 Internal Server Error"),
        ((500, b"null"), "500 Internal Server Error"),
        ((200, b"<html>Log in"), "Expecting value"),
        ((200, {"items": None}), "V1PodList"),
    ],
)
def test_pods_that_are_not_listed(
    cluster: KubernetesCluster, connected: KubernetesApi, answer: Any, reason: str
) -> None:
    connected.answers[PODS] = answer
    with pytest.raises(UnreachableError, match=r"^the cluster does not list its pods: ") as caught:
        cluster.pods()
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_get_of_a_pod(cluster: KubernetesCluster, connected: KubernetesApi) -> None:
    connected.answers[METRICS] = (200, b"up 1\n")
    assert cluster.ask_pod("a", "/metrics") == b"up 1\n"
    assert connected.requests[-1].method == "GET"


def test_post_to_a_pod(cluster: KubernetesCluster, connected: KubernetesApi) -> None:
    connected.answers[f"{PODS}/a:8000/proxy/predict"] = (200, {"prediction": 0})
    answer = cluster.ask_pod("a", "/predict", {"features": [1.5]}, **{"X-Traffic": "generated"})
    assert as_json(answer) == {"prediction": 0}
    request = connected.requests[-1]
    assert (request.method, request.body) == ("POST", {"features": [1.5]})
    assert request.headers["x-traffic"] == "generated"
    assert request.headers["content-type"] == "application/json"


@pytest.mark.parametrize("code", [301, 404, 429, 500, 503])
def test_answer_with_another_status(
    cluster: KubernetesCluster, connected: KubernetesApi, code: int
) -> None:
    connected.answers[METRICS] = (code, b"no such luck")
    with pytest.raises(UnreachableError) as caught:
        cluster.ask_pod("a", "/metrics")
    assert str(caught.value) == f"a:8000 answers /metrics with {code}: b'no such luck'"


def test_pod_that_does_not_answer_in_time_is_asked_once(
    cluster: KubernetesCluster, connected: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canary.cluster, "SECONDS", 0.2)
    connected.delays[METRICS] = 1
    with pytest.raises(UnreachableError, match=r"^a:8000 does not answer /metrics: .*timed out"):
        cluster.ask_pod("a", "/metrics")
    assert len(connected.requests) == 1


def test_cluster_that_does_not_answer(kubeconfig: Path) -> None:
    write_kubeconfig(kubeconfig, free_port())
    cluster = KubernetesCluster("here", "breast-cancer")
    with pytest.raises(UnreachableError, match=r"does not list its pods: .*Connection refused"):
        cluster.pods()
    with pytest.raises(UnreachableError, match=r"does not answer /livez: .*Connection refused"):
        cluster.ask_pod("a", "/livez")


def test_no_kubeconfig(kubeconfig: Path) -> None:
    with pytest.raises(
        UnreachableError, match=r"^there is no kubeconfig to be used \(.*KUBECONFIG"
    ):
        KubernetesCluster("", "breast-cancer")
    kubeconfig.write_text("{", encoding="utf-8")
    with pytest.raises(UnreachableError, match=r"\(while parsing .*\): name one with") as caught:
        KubernetesCluster("", "breast-cancer")
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("connected")
def test_unknown_context() -> None:
    with pytest.raises(UnreachableError, match=r"Expected .*there.*kube_context"):
        KubernetesCluster("there", "breast-cancer")


class Exec:
    """In place of the client's websocket: says what the command printed."""

    def __init__(self, printed: str) -> None:
        self.printed = printed
        self.command: list[str] = []

    def __call__(self, connect: Any, pod: str, namespace: str, **options: Any) -> str:
        self.command = options["command"]
        assert (pod, namespace, options["container"]) == ("a", "breast-cancer", "api")
        assert options["_request_timeout"] == canary.cluster.SECONDS
        return self.printed


def test_file_of_a_pod(cluster: KubernetesCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    content = np.arange(100, dtype=np.uint8).tobytes()
    run = Exec(base64.b64encode(content).decode() + "\n")
    monkeypatch.setattr(canary.cluster, "stream", run)
    assert cluster.read_file("a", "artifacts/current/reference.npz") == content
    assert run.command[-1] == "artifacts/current/reference.npz"


def test_file_that_is_not_there(
    cluster: KubernetesCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = (
        "Traceback (most recent call last):\n  ...\nFileNotFoundError: [Errno 2] no such file\n"
    )
    monkeypatch.setattr(canary.cluster, "stream", Exec(printed))
    with pytest.raises(UnreachableError) as caught:
        cluster.read_file("a", "x.npz")
    assert str(caught.value) == (
        "x.npz of a cannot be read: FileNotFoundError: [Errno 2] no such file"
    )


def test_command_that_is_refused(cluster: KubernetesCluster, connected: KubernetesApi) -> None:
    connected.answers[f"{PODS}/a/exec"] = (403, status("no exec for you"))
    with pytest.raises(UnreachableError, match=r"^x\.npz of a cannot be read: .*403 Forbidden"):
        cluster.read_file("a", "x.npz")
    assert connected.asked[-1] == f"GET {PODS}/a/exec"
    # The API that was there before goes on without websockets.
    connected.answers[METRICS] = (200, b"up 1\n")
    assert cluster.ask_pod("a", "/metrics") == b"up 1\n"


def test_what_is_printed_is_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(range(256)))
    command = compile(canary.cluster.PRINT_FILE, "command", "exec")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["-c", str(file)])
        exec(command, {})  # noqa: S102  what the pod is told to run
    assert base64.b64decode(capsys.readouterr().out) == file.read_bytes()


def test_answer_that_is_not_json() -> None:
    assert as_json(json.dumps([1]).encode()) == [1]
    with pytest.raises(UnreachableError, match=r"^an answer is not JSON: b'<html>'$"):
        as_json(b"<html>")

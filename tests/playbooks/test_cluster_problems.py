"""The problems that a deployment would meet; a small HTTP server plays the cluster."""

from pathlib import Path
from typing import Any

import cluster_problems
import pytest

from canary.cluster import api_client
from tests.conftest import free_port
from tests.kubernetes_api import KubernetesApi, Object, write_kubeconfig

pytestmark = pytest.mark.usefixtures("kubeconfig")

GIVEN = {
    "context": "",
    "namespace": "breast-cancer",
    "node_ports": {
        "breast-cancer-service": {"app_node_port": "30000", "app_metrics_node_port": ""},
        "prometheus": {"monitoring_prometheus_node_port": "30090"},
    },
    "monitoring": False,
}


def service(name: str, port: int) -> Object:
    metadata = {"name": name, "namespace": "breast-cancer"}
    return {"metadata": metadata, "spec": {"ports": [{"port": 80, "nodePort": port}]}}


def problems(**changes: Any) -> list[str]:
    return list(cluster_problems.problems({**GIVEN, **changes}))


def test_nothing_in_the_way(connected: KubernetesApi) -> None:
    connected.answers["/api/v1/services"] = (
        200,
        {
            "items": [
                service("breast-cancer-service", 30000),
                service("prometheus", 30090),
                service("other", 31000),
            ]
        },
    )
    assert problems(monitoring=True) == []


def test_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_problems, "HAS_KUBERNETES", False)
    assert problems() == ["the Python package kubernetes is missing: make up installs it"]


def test_no_kubeconfig() -> None:
    [problem] = problems()
    assert problem.startswith("there is no kubeconfig to be used (")
    assert "): name one with KUBECONFIG=<path>, or one of its contexts with" in problem
    assert problems(context="here") == [problem]


def test_kubeconfig_that_is_none(kubeconfig: Path) -> None:
    kubeconfig.write_text("{", encoding="utf-8")
    [problem] = problems()
    assert problem.startswith("there is no kubeconfig to be used (while parsing")


def test_unknown_context(connected: KubernetesApi) -> None:
    assert problems(context="there") == [
        "the kubeconfig has no context there, only here: choose one with -e kube_context=...,"
        " or another file with KUBECONFIG=..."
    ]


def test_cluster_that_does_not_answer(kubeconfig: Path) -> None:
    port = free_port()
    write_kubeconfig(kubeconfig, port)
    [problem] = problems()
    assert problem.startswith(f"the cluster at http://127.0.0.1:{port} does not answer (")
    assert "Connection refused" in problem


def test_cluster_that_refuses(connected: KubernetesApi) -> None:
    connected.answers["/version/"] = (401, {})
    [problem] = problems()
    assert problem.endswith("refuses you (401 Unauthorized): log in again")


def test_namespace_that_may_not_be_created(connected: KubernetesApi) -> None:
    assert problems(namespace="new") == []
    connected.forbidden.add("namespaces")
    assert problems(namespace="new") == [
        "the namespace new does not exist, and you may not create it: ask for it, or choose"
        " another: -e kube_namespace=..."
    ]


def test_namespace_that_may_not_be_seen(connected: KubernetesApi) -> None:
    connected.answers["/api/v1/namespaces/breast-cancer"] = (403, {})
    [problem] = problems()
    assert problem.startswith("you may not read the namespace breast-cancer: get")


def test_namespace_of_ours_that_may_not_be_patched(connected: KubernetesApi) -> None:
    connected.forbidden.add("namespaces")
    assert problems() == []  # someone else created it, and it is left alone
    labels = {"app.kubernetes.io/managed-by": "breast-cancer-playbooks"}
    connected.answers["/api/v1/namespaces/breast-cancer"] = (200, {"metadata": {"labels": labels}})
    [problem] = problems()
    assert problem.startswith(
        "you may not patch the namespace breast-cancer, which these playbooks created"
    )


@pytest.mark.parametrize(
    ("resource", "missing"),
    [
        ("ingresses", "create ingresses, patch ingresses, delete ingresses"),
        ("poddisruptionbudgets", "create poddisruptionbudgets, patch poddisruptionbudgets"),
        ("horizontalpodautoscalers", "create horizontalpodautoscalers"),
        ("replicasets", "list replicasets"),
        ("pods", "list pods"),
    ],
)
def test_right_that_is_missing(connected: KubernetesApi, resource: str, missing: str) -> None:
    connected.forbidden.add(resource)
    [problem] = problems()
    assert problem.startswith(f"you may not {missing}")


def test_namespace_that_is_being_deleted(connected: KubernetesApi) -> None:
    metadata = {"name": "breast-cancer", "deletionTimestamp": "2026-01-01T00:00:00Z"}
    connected.answers["/api/v1/namespaces/breast-cancer"] = (200, {"metadata": metadata})
    assert problems() == ["the namespace breast-cancer is being deleted: try again when it is gone"]


def test_all_problems_at_once(connected: KubernetesApi) -> None:
    connected.forbidden |= {"services", "deployments", "roles"}
    connected.answers["/api/v1/services"] = (
        200,
        {"items": [service("other", 30000), service("breast-cancer-service", 30090)]},
    )
    ports = {
        "breast-cancer-service": {"app_node_port": "30000", "app_metrics_node_port": "x"},
        "prometheus": {"monitoring_prometheus_node_port": "30090"},
    }
    assert problems(node_ports=ports, monitoring=True) == [
        "you may not create services, patch services, delete services, create deployments,"
        " patch deployments, delete deployments in the namespace breast-cancer: get the"
        " ClusterRole edit there, or choose another: -e kube_namespace=...",
        "you may not create roles, patch roles, delete roles in the namespace breast-cancer, for"
        " the monitoring: get the ClusterRole admin there, or do without it:"
        " -e monitoring_enabled=false",
        "node port 30000 is in use by the service other in the namespace breast-cancer; choose"
        " another: -e app_node_port=...",
        "app_metrics_node_port: 'x' is not a port; choose one, usually from 30000 to 32767",
        "node port 30090 is in use by the service breast-cancer-service in the namespace"
        " breast-cancer; choose another: -e monitoring_prometheus_node_port=...",
    ]


def test_services_that_may_not_be_seen(connected: KubernetesApi) -> None:
    connected.answers["/api/v1/services"] = (403, {})
    assert problems() == []


def test_connection_is_not_retried(connected: KubernetesApi) -> None:
    assert api_client("").configuration.retries == 0

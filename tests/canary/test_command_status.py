"""The command that shows both tracks."""

from pathlib import Path

import pytest

import canary.status
from tests.canary.commands import Command, New
from tests.canary.test_cluster import DEPLOYMENTS, PODS, deployment, pod
from tests.canary.test_store import CONFIG_MAP
from tests.conftest import free_port
from tests.kubernetes_api import KubernetesApi, write_kubeconfig
from tests.local_cluster import LocalCluster


@pytest.fixture
def status(command: New) -> Command:
    return command("status", "--seconds=0")


@pytest.fixture
def served(connected: KubernetesApi) -> KubernetesApi:
    items = [deployment("app:1"), deployment("app:2", "canary")]
    connected.answers[DEPLOYMENTS] = (200, {"items": items})
    return connected


def test_status(
    status: Command,
    served: KubernetesApi,
    local_cluster: LocalCluster,
) -> None:
    served.answers[PODS] = (200, {"items": [pod("stable-1"), pod("canary-1", "canary")]})
    for name in ("stable-1", "canary-1"):
        metrics = local_cluster.ask_pod(name, "/metrics")
        served.answers[f"{PODS}/{name}:8000/proxy/metrics"] = (200, metrics)
    result = status(check=True)
    assert not result["changed"]
    told = result["status"]
    assert [track["image"] for track in told["tracks"].values()] == ["app:1", "app:2"]
    assert [track["pods"] for track in told["tracks"].values()] == ["1 of 1 are ready"] * 2
    assert all(track["model versions"] for track in told["tracks"].values())
    assert told["split"].startswith("50% asked for, none seen of 0 requests")
    assert told["history"] == []


def test_cluster_that_does_not_answer(status: Command, kubeconfig: Path) -> None:
    assert status.fails().startswith("there is no kubeconfig to be used (")
    write_kubeconfig(kubeconfig, free_port())
    assert status.fails().endswith("Connection refused")


def test_pods_that_are_not_listed(status: Command, served: KubernetesApi) -> None:
    assert status.fails() == "the cluster does not list its pods: 404 Not Found"
    served.answers[CONFIG_MAP] = (200, {"data": {"releases.json": "["}})
    assert "is damaged" in status.fails()


def test_counters_that_are_none(
    status: Command, served: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("a pod counts nan app_requests_total")

    monkeypatch.setattr(canary.status, "status", refuse)
    assert status.fails() == "a pod counts nan app_requests_total"


@pytest.mark.parametrize("seconds", [-1, 1e9, "nan"])
def test_time_without_bounds(status: Command, connected: KubernetesApi, seconds: object) -> None:
    assert status.fails(f"--seconds={seconds}").startswith("seconds: ")
    assert connected.requests == []

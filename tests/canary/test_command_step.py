"""The command that watches both tracks and judges: two real services play the pods."""

import json
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

import canary.generator
import canary.observe
import canary.steps
from canary.cases import LabelledCases, read_cases
from canary.cluster import Cluster, KubernetesCluster, UnreachableError
from canary.judge import Step
from canary.observation import Observation
from tests.canary.commands import Command, New, Object
from tests.canary.test_store import CONFIG_MAP
from tests.conftest import free_port
from tests.kubernetes_api import KubernetesApi, write_kubeconfig
from tests.local_cluster import LocalCluster

RUN: Object = {
    "id": "1",
    "started": "",
    "expires": 9e9,
    "holder": {"user": "me", "host": "h", "pid": 1, "since": 1},
    "phase": "testing",
    "stable_image": "app:1",
    "canary_image": "app:2",
}
HELD = json.dumps({"run": RUN})


@pytest.fixture
def step(command: New, local_cluster: LocalCluster) -> Command:
    return command(
        "step",
        run=RUN,
        stable_replicas=3,
        canary_replicas=1,
        seconds=0.5,
        url=local_cluster.local[1].url,
        rate=40,
    )


@pytest.fixture
def held(connected: KubernetesApi) -> KubernetesApi:
    """The Kubernetes API, with the run under way."""
    connected.answers[CONFIG_MAP] = (200, {"data": {"releases.json": HELD}})
    return connected


@pytest.fixture
def watched(
    held: KubernetesApi, local_cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> LocalCluster:
    """The two services, in place of the cluster's pods; the rest is asked from the API."""
    for name in ("pods", "ask_pod", "read_file"):
        monkeypatch.setattr(KubernetesCluster, name, staticmethod(getattr(local_cluster, name)))
    return local_cluster


@pytest.mark.usefixtures("watched")
def test_two_steps(step: Command) -> None:
    first = step(check=True)
    assert not first["changed"]
    assert first["outcome"] == "inconclusive"  # 20 requests are too few
    assert first["summary"] == (
        "1 canary pods beside 3: 25% of the requests asked for, 100% seen: inconclusive"
    )
    assert [reason.split(":")[:2] for reason in first["reasons"]] == [
        ["errors", " inconclusive"],
        ["latency", " inconclusive"],
        ["predictions", " inconclusive"],
        ["model", " pass"],
    ]
    [taken] = msgspec.convert(first["steps"], list[Step])
    assert (taken.requested_split, taken.observed_split) == (0.25, 1.0)
    [seen] = msgspec.convert(first["observations"], list[Observation])
    assert seen.canary.generated == 20
    assert first["model_versions"] == seen.canary.model_versions != []

    second = step(seen=first, rate=0, url="", canary_replicas=3, thresholds={"min_requests": "1"})
    assert "50% of the requests asked for, no requests seen" in second["summary"]
    earlier, later = msgspec.convert(second["observations"], list[Observation])
    assert (earlier, later.canary.requests) == (seen, 0)
    assert second["steps"][0] == first["steps"][0]
    assert len(second["steps"]) == 2


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"stable_replicas": 0}, "1 canary pods beside 0 stable ones cannot be compared"),
        ({"canary_replicas": 0}, "0 canary pods beside 3 stable ones cannot be compared"),
        ({"rate": -1}, "rate: -1 requests a second are not from 0 to 1000"),
        ({"rate": 1e6}, "rate: 1e+06 requests a second are not from 0 to 1000"),
        ({"rate": "nan"}, "rate: nan"),
        ({"seconds": -1}, "seconds: -1"),
        ({"url": "127.0.0.1:30000"}, "url: '127.0.0.1:30000' is not like http://"),
        ({"thresholds": {"min_request": 1}}, "min_request"),
        ({"thresholds": {"error_ceiling": 2}}, "error_ceiling"),
        ({"seen": {"observations": [{"started": "now"}]}}, "missing required field `ended`"),
        ({"canary_replicas": "many"}, "Expected `int`, got `str` - at `$.canary_replicas`"),
        ({"run": None}, "missing required field `run`"),
    ],
)
def test_wrong_arguments(step: Command, held: KubernetesApi, changes: Any, reason: str) -> None:
    assert reason in step.fails(**changes)
    assert held.requests == []


def test_run_that_somebody_has_ended_asks_nobody(
    step: Command, watched: LocalCluster, connected: KubernetesApi
) -> None:
    connected.answers[CONFIG_MAP] = (404, {})
    assert step.fails().startswith("Somebody else has ended this canary")
    assert watched.asked == []


def test_run_that_somebody_ends_meanwhile(
    step: Command, watched: LocalCluster, held: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def observe(*_: Any) -> None:
        held.answers[CONFIG_MAP] = (404, {})

    monkeypatch.setattr(canary.steps, "observe", observe)
    assert step.fails().startswith("Somebody else has ended this canary")


def test_run_that_somebody_ends_under_traffic(
    step: Command, watched: LocalCluster, held: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canary.generator, "LOOK_SECONDS", 0.1)

    def end_the_run_and_read(cluster: Cluster) -> LabelledCases:
        held.answers[CONFIG_MAP] = (404, {})
        return read_cases(cluster)

    monkeypatch.setattr(canary.observe, "read_cases", end_the_run_and_read)
    started = time.monotonic()
    assert step.fails(seconds=600).startswith("Somebody else has ended this canary")
    assert time.monotonic() - started < 60


def test_cluster_that_does_not_answer(step: Command, kubeconfig: Path) -> None:
    assert step.fails().startswith("there is no kubeconfig to be used (")
    write_kubeconfig(kubeconfig, free_port())
    assert step.fails().endswith("Connection refused")


def test_stable_track_without_cases(step: Command, watched: LocalCluster) -> None:
    watched.local[0].is_ready = False
    assert step.fails() == "no pod of the stable track is ready"


def test_pods_that_go_away(
    step: Command, watched: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Object:
        raise UnreachableError("the cluster does not list its pods: 503 Service Unavailable")

    monkeypatch.setattr(canary.steps, "observe", away)
    assert step.fails().endswith("503 Service Unavailable")

import time
from collections.abc import Iterator
from typing import Any

import pytest
import rollout
from kubernetes.client import ApiException
from urllib3.exceptions import ProtocolError

from tests.kubernetes_api import KubernetesApi
from tests.playbooks.modules import Module

Object = dict[str, Any]


def deployment(generation: int = 2, **status: int) -> Object:
    return {
        "metadata": {"generation": generation},
        "spec": {"replicas": 3},
        "status": {"observedGeneration": 2, **status},
    }


COMPLETE = deployment(updatedReplicas=3, availableReplicas=3, replicas=3)


@pytest.mark.parametrize(
    ("state", "lacking"),
    [
        (COMPLETE, ""),
        (
            deployment(generation=3, updatedReplicas=3, availableReplicas=3, replicas=3),
            "the controller has not seen the change yet",
        ),
        ({**COMPLETE, "status": {}}, "the controller has not seen the change yet"),
        (deployment(), "0 of 3 pods are new"),
        (deployment(updatedReplicas=1, availableReplicas=3, replicas=4), "1 of 3 pods are new"),
        (
            deployment(updatedReplicas=3, availableReplicas=4, replicas=6),
            "1 of 3 new pods are available",
        ),
        (
            deployment(updatedReplicas=3, availableReplicas=0, replicas=6),
            "0 of 3 new pods are available",
        ),
        (
            deployment(updatedReplicas=3, availableReplicas=4, replicas=4),
            "1 old pods are still there",
        ),
        (
            deployment(updatedReplicas=3, availableReplicas=2, replicas=3),
            "2 of 3 new pods are available",
        ),
    ],
)
def test_lacking(state: Object, lacking: str) -> None:
    assert rollout.lacking(state, 3) == lacking


def test_autoscaler_that_has_not_asked_for_the_pods_yet() -> None:
    assert rollout.lacking(COMPLETE, 5) == "3 of 5 pods are requested"


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock.monotonic)
    monkeypatch.setattr(time, "sleep", clock.sleep)
    return clock


def test_waits_until_it_is_complete(clock: Clock) -> None:
    states = iter([deployment(), deployment(updatedReplicas=1, replicas=1), COMPLETE])
    assert rollout.wait(lambda: next(states), 3, 10, 100) == (True, "")
    assert clock.now == 2 * rollout.POLL_SECONDS


def test_cluster_may_be_away_for_a_while(clock: Clock) -> None:
    def read() -> Object:
        if clock.now < 5:
            raise ProtocolError("gone")
        return COMPLETE

    assert rollout.wait(read, 3, 10, 100) == (True, "")
    clock.now = -100
    message = "the cluster does not answer (gone), with no progress for 10 seconds"
    assert rollout.wait(read, 3, 10, 100) == (False, message)


def test_deployment_that_somebody_has_removed(clock: Clock) -> None:
    def read() -> Object:
        raise ApiException(404)

    outcome = rollout.wait(read, 3, 10, 100)
    assert outcome == (False, "someone has deleted the Deployment")
    assert clock.now == 0


def test_gives_up_when_nothing_moves(clock: Clock) -> None:
    outcome = rollout.wait(lambda: deployment(updatedReplicas=1, replicas=4), 3, 10, 100)
    assert outcome == (False, "1 of 3 pods are new, with no progress for 10 seconds")
    assert clock.now == 10


def test_gives_up_in_the_end(clock: Clock) -> None:
    def restless() -> Iterator[Object]:
        while True:
            yield deployment(updatedReplicas=1, availableReplicas=1)
            yield deployment(updatedReplicas=1, availableReplicas=2)

    states = restless()
    outcome = rollout.wait(lambda: next(states), 3, 10, 100)
    assert outcome == (False, "1 of 3 pods are new after 100 seconds")
    assert clock.now == 100


def replica_set(revision: int, ready: int) -> Object:
    return {
        "metadata": {"annotations": {rollout.REVISION: str(revision)}},
        "status": {"readyReplicas": ready} if ready else {},
    }


@pytest.mark.parametrize(
    ("sets", "before", "back_to"),
    [
        ([], "", None),
        ([(1, 0)], "", None),  # the first one
        ([(1, 3), (2, 0)], "1", 1),
        ([(1, 1), (2, 2)], "1", 1),  # the new one got halfway
        ([(1, 3), (2, 0), (3, 0)], "2", 1),  # a run before this one was interrupted
        ([(1, 1), (2, 2), (3, 0)], "2", 2),
        ([(1, 0), (2, 0)], "1", 1),  # scaled to nothing by hand
        ([(1, 0), (2, 0)], "2", None),  # nothing was changed, but no pod is well
        ([(10, 0), (9, 3)], "9", 9),
    ],
)
def test_former(sets: list[tuple[int, int]], before: str, back_to: int | None) -> None:
    found = rollout.former([replica_set(*each) for each in sets], before)
    assert (rollout.revision(found) if found else None) == back_to


def test_template_is_that_of_the_deployment() -> None:
    labels = {"app": "a", rollout.HASH: "0"}
    spec: Object = {"containers": []}
    template = {"metadata": {"creationTimestamp": None, "labels": labels}, "spec": spec}
    assert rollout.template({"spec": {"template": template}}) == {
        "metadata": {"labels": {"app": "a"}},
        "spec": spec,
    }


def pod(**status: Any) -> Object:
    return {"metadata": {"name": "a"}, "status": status}


@pytest.mark.parametrize(
    ("state", "described"),
    [
        (pod(phase="Pending"), "pod a: Pending"),
        (
            pod(conditions=[{"type": "PodScheduled", "message": "0/1 nodes are available"}]),
            "pod a: 0/1 nodes are available",
        ),
        (pod(containerStatuses=[{"state": {"running": {}}}]), "pod a: running, but not ready"),
        (
            pod(
                containerStatuses=[
                    {
                        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                        "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
                        "restartCount": 2,
                    }
                ]
            ),
            "pod a: CrashLoopBackOff, ended with status 1 (Error), 2 restarts",
        ),
    ],
)
def test_states_of_pods(state: Object, described: str) -> None:
    assert rollout.describe(state) == described


def test_ready_pod() -> None:
    assert rollout.is_ready(pod(conditions=[{"type": "Ready", "status": "True"}]))
    assert not rollout.is_ready(pod(conditions=[{"type": "Ready", "status": "False"}]))
    assert not rollout.is_ready({"metadata": {"name": "a"}})


def event(name: str, message: str, time: str = "", kind: str = "Warning") -> Object:
    about = {"kind": "Pod", "name": name}
    said = {"type": kind, "involvedObject": about, "message": message}
    return {**said, "metadata": {}, **({"lastTimestamp": time} if time else {})}


def test_newest_warnings_once_each() -> None:
    events = [
        event("a", "second", "2"),
        event("a", "first", "1"),
        event("a", "second", "3"),
        event("a", "normal", kind="Normal"),
        event("b", "of another"),
    ]
    assert rollout.warnings(events, {"a"}) == ["event of pod a: first", "event of pod a: second"]
    scheduler = [
        {**event("a", "newest"), "eventTime": "4"},
        {**event("a", "oldest"), "metadata": {"creationTimestamp": "0"}},
    ]
    told = [line.rpartition(": ")[2] for line in rollout.warnings(events + scheduler, {"a"})]
    assert told == ["oldest", "first", "second", "newest"]
    many = [event("a", str(number), str(number)) for number in range(9)]
    assert len(rollout.warnings(many, {"a"})) == rollout.MOST_EVENTS


APPS = "/apis/apps/v1/namespaces/breast-cancer"
CORE = "/api/v1/namespaces/breast-cancer"
LOG = f"{CORE}/pods/new/log"
HASHES = {rollout.HASH: "0"}


def owned(name: str, revision: int, ready: int) -> Object:
    """A ReplicaSet of the Deployment, as the cluster lists it."""
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api", "uid": "0"}
    container = {"name": "api", "image": f"app:{revision}"}
    return {
        "metadata": {
            "name": name,
            "labels": HASHES,
            "annotations": {rollout.REVISION: str(revision)},
            "ownerReferences": [owner],
        },
        "spec": {
            "selector": {},
            "template": {"metadata": {"labels": HASHES}, "spec": {"containers": [container]}},
        },
        "status": {"replicas": 3, "readyReplicas": ready},
    }


@pytest.fixture
def stuck(connected: KubernetesApi) -> KubernetesApi:
    """A cluster with a rollout that does not come, and the pods of the one before it."""
    spec = {"replicas": 3, **owned("any", 1, 3)["spec"]}
    crashed = {"name": "new", "labels": HASHES}
    warning = {**event("new", "Back-off"), "metadata": {"name": "first"}}
    connected.answers |= {
        f"{APPS}/deployments/api": (200, {**deployment(generation=3), "spec": spec}),
        f"{APPS}/replicasets": (200, {"items": [owned("before", 1, 3), owned("after", 2, 0)]}),
        f"{CORE}/pods": (200, {"items": [{"metadata": crashed, "status": {"phase": "Pending"}}]}),
        f"{CORE}/events": (200, {"items": [warning]}),
        LOG: (200, b'"no model today"'),
    }
    return connected


@pytest.fixture
def module(capsys: pytest.CaptureFixture[str]) -> Module:
    return Module(
        rollout.main,
        capsys,
        namespace="breast-cancer",
        deployment="api",
        progress_seconds=0,
        revision_before="1",
    )


def test_what_to_go_back_to_and_why(module: Module, stuck: KubernetesApi) -> None:
    result = module()
    assert not result["complete"]
    assert result["former_image"] == "app:1"
    assert result["evidence"].splitlines() == [
        "pod new: Pending",
        "event of pod new: Back-off",
        "log of pod new:",
        "  no model today",
    ]
    [asked] = [each.path for each in stuck.requests if each.path.startswith(LOG)]
    assert "container=api" in asked  # others may have been injected into the pod


@pytest.mark.parametrize(
    ("path", "answer", "told"),
    [
        (f"{CORE}/pods", (403, {}), "the pods cannot be read: 403 Forbidden"),
        (f"{CORE}/events", (403, {}), "the events cannot be read: 403 Forbidden"),
        (
            f"{CORE}/events",
            (200, {"items": [{}]}),
            "the events cannot be read: 2 validation errors",
        ),
        (LOG, (500, {}), "the log of pod new cannot be read: 500 Internal Server Error"),
        (LOG, (400, {}), "event of pod new: Back-off"),  # its container has not started
    ],
)
def test_what_is_not_told_does_not_keep_from_going_back(
    module: Module, stuck: KubernetesApi, path: str, answer: tuple[int, Object], told: str
) -> None:
    stuck.answers[path] = answer
    result = module()
    assert result["former_image"] == "app:1"
    assert told in result["evidence"]


def test_nothing_is_waited_for_without_end(
    module: Module, stuck: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollout, "REQUEST_SECONDS", 0.05)
    stuck.delays[f"{CORE}/events"] = 0.3
    result = module()
    assert result["former_image"] == "app:1"
    assert "the events cannot be read: " in result["evidence"]


def test_nothing_to_go_back_to_can_be_told(module: Module, stuck: KubernetesApi) -> None:
    stuck.answers[f"{APPS}/replicasets"] = (503, {})
    message = module.fails()
    assert message.startswith("The rollout is not complete (the controller has not seen the change")
    assert "the cluster does not say what ran before (503 Service Unavailable): run" in message

#!/usr/bin/python
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import yaml
from ansible.module_utils.basic import AnsibleModule
from kubernetes import client
from urllib3.exceptions import HTTPError

from canary.cluster import UnreachableError, api_client

DOCUMENTATION = r"""
module: rollout
short_description: Wait for the rollout of a Deployment, and find out why it failed
description:
  - Waits until the controller has seen the Deployment's newest generation, and every pod is new
    and available. Gives up after a time without progress, and after a time in all.
  - A failed rollout is a result, not a failure, so that the playbook can restore what ran before.
    The module fails when the cluster does not say what that was.
  - Needs the project on C(PYTHONPATH).
options:
  context:
    description: Context of the kubeconfig; the current one when empty.
    type: str
    default: ""
  namespace:
    description: Namespace of the Deployment.
    type: str
    required: true
  deployment:
    description: Name of the Deployment.
    type: str
    required: true
  replicas:
    description: Least number of pods; an autoscaler takes a while to ask for them.
    type: int
    default: 0
  progress_seconds:
    description: Seconds without progress after which to give up.
    type: int
    default: 120
  timeout_seconds:
    description: Seconds after which to give up.
    type: int
    default: 900
  revision_before:
    description: Revision of the Deployment before it was changed; empty when there was none.
    type: str
    default: ""
"""

RETURN = r"""
complete:
  description: Whether the rollout is complete.
  returned: always
  type: bool
msg:
  description: What is still missing.
  returned: always
  type: str
evidence:
  description: States, events and last log lines of the new pods, unless complete.
  returned: always
  type: str
former:
  description: Template of the pods that ran before, to restore; empty without any.
  returned: always
  type: dict
former_image:
  description: Image of these pods.
  returned: always
  type: str
"""

Object = dict[str, Any]

REVISION = "deployment.kubernetes.io/revision"
HASH = "pod-template-hash"
POLL_SECONDS = 0.5
REQUEST_SECONDS = 10
MOST_PODS = 2
MOST_EVENTS = 5
LOG_LINES = 10


class Outcome(NamedTuple):
    complete: bool
    message: str


def lacking(deployment: Object, replicas: int) -> str:
    """Return what is still missing; nothing when the rollout is complete."""
    status = deployment.get("status", {})
    if status.get("observedGeneration", 0) < deployment["metadata"]["generation"]:
        return "the controller has not seen the change yet"
    wanted = deployment["spec"]["replicas"]
    updated = status.get("updatedReplicas", 0)
    available = status.get("availableReplicas", 0)
    total = status.get("replicas", 0)
    if wanted < replicas:
        return f"{wanted} of {replicas} pods are requested"
    if updated < wanted:
        return f"{updated} of {wanted} pods are new"
    old = total - updated
    if available - old < updated:  # the old ones usually are, and do not count
        return f"{max(0, available - old)} of {wanted} new pods are available"
    if old > 0:
        return f"{old} old pods are still there"
    return ""


def wait(read: Callable[[], Object], replicas: int, progress: float, timeout: float) -> Outcome:
    """Poll until the rollout is complete, stalls for ``progress``, or exceeds ``timeout``."""
    started = moved = time.monotonic()
    status_before: list[int] | None = None
    while True:
        try:
            deployment = read()
        except (client.ApiException, HTTPError) as error:
            if isinstance(error, client.ApiException) and error.status == 404:
                return Outcome(False, "someone has deleted the Deployment")
            message, status = f"the cluster does not answer ({reason(error)})", status_before
        else:
            message, status = lacking(deployment, replicas), counts(deployment)
        if not message:
            return Outcome(True, "")
        now = time.monotonic()
        if status != status_before:
            status_before, moved = status, now
        if now - moved >= progress:
            return Outcome(False, f"{message}, with no progress for {progress} seconds")
        if now - started >= timeout:
            return Outcome(False, f"{message} after {timeout} seconds")
        time.sleep(POLL_SECONDS)


def counts(deployment: Object) -> list[int]:
    names = ("observedGeneration", "updatedReplicas", "availableReplicas", "replicas")
    return [deployment.get("status", {}).get(name, 0) for name in names]


def revision(replica_set: Object) -> int:
    return int(replica_set["metadata"].get("annotations", {}).get(REVISION, 0))


def former(replica_sets: list[Object], revision_before: str) -> Object | None:
    """Return the ReplicaSet to restore.

    It is the one whose pods are still ready, which after an interrupted run need not be the last
    one. If none has ready pods, it is the one before this change, if there was a change.
    """
    newest = max(replica_sets, key=revision, default=None)
    older = [replica_set for replica_set in replica_sets if replica_set is not newest]
    ready = [each for each in older if each.get("status", {}).get("readyReplicas")]
    if ready:
        return max(ready, key=lambda each: (each["status"]["readyReplicas"], revision(each)))
    return next((rs for rs in older if str(revision(rs)) == revision_before), None)


def template(replica_set: Object) -> Object:
    """Return its template as the Deployment had it."""
    found: Object = replica_set["spec"]["template"]
    labels = {k: v for k, v in found["metadata"]["labels"].items() if k != HASH}
    metadata = {k: v for k, v in found["metadata"].items() if k != "creationTimestamp"}
    return {**found, "metadata": {**metadata, "labels": labels}}


def is_ready(pod: Object) -> bool:
    conditions = pod.get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def describe(pod: Object) -> str:
    """Return the state of a pod in one line."""
    name, status = pod["metadata"]["name"], pod.get("status", {})
    containers = [
        text for container in status.get("containerStatuses", []) for text in states(container)
    ]
    conditions = [c["message"] for c in status.get("conditions", []) if c.get("message")]
    return f"pod {name}: {', '.join(containers or conditions) or status.get('phase', 'Unknown')}"


def states(container: Object) -> Iterator[str]:
    for state in (container.get("state", {}), container.get("lastState", {})):
        for kind, detail in state.items():
            if kind == "running":
                yield "running, but not ready"
            elif kind == "waiting":
                yield ": ".join(filter(None, (detail.get("reason"), detail.get("message"))))
            else:
                yield f"ended with status {detail['exitCode']} ({detail.get('reason', 'Unknown')})"
    if container.get("restartCount"):
        yield f"{container['restartCount']} restarts"


def warnings(events: list[Object], names: set[str]) -> list[str]:
    """Return the newest warnings about the objects of these names, each once."""
    said: dict[str, None] = {}
    for event in sorted(events, key=when):
        about = event["involvedObject"]
        if event.get("type") == "Warning" and about.get("name") in names:
            line = f"event of {about['kind'].lower()} {about['name']}: {event.get('message', '')}"
            said.pop(line, None)
            said[line] = None
    return list(said)[-MOST_EVENTS:]


def when(event: Object) -> str:
    """Return when it last happened; which field says so depends on who reports it."""
    created: str = event["metadata"].get("creationTimestamp") or ""
    return event.get("lastTimestamp") or event.get("eventTime") or created


def reason(error: Exception) -> str:
    if isinstance(error, client.ApiException):
        return f"{error.status} {error.reason}"
    return str(error).partition("\n")[0]


@contextmanager
def noted(told: list[str], what: str) -> Iterator[None]:
    """Note in ``told`` that ``what`` cannot be read: that must not prevent a restore."""
    try:
        yield
    except Exception as error:
        told.append(f"{what} cannot be read: {reason(error)}")


class Cluster:
    """The Deployment, its ReplicaSets and its pods, as plain JSON."""

    def __init__(self, context: str, namespace: str, deployment: str) -> None:
        self._client = api_client(context)
        self._apps = client.AppsV1Api(self._client)
        self._core = client.CoreV1Api(self._client)
        self._namespace = namespace
        self._name = deployment

    def deployment(self) -> Object:
        found: Object = self._ask(self._apps.read_namespaced_deployment, self._name)
        return found

    def replica_sets(self) -> list[Object]:
        found = self._ask(self._apps.list_namespaced_replica_set)["items"]
        return [replica_set for replica_set in found if self._owns(replica_set)]

    def evidence(self, replica_set: Object) -> list[str]:
        """Return why the pods of a ReplicaSet are not ready, as far as the cluster says."""
        told: list[str] = []
        pods: list[Object] = []
        with noted(told, "the pods"):
            pods = self._unready_pods(replica_set["metadata"]["labels"][HASH])
            told += map(describe, pods)
        with noted(told, "the events"):
            names = {self._name, *(each["metadata"]["name"] for each in (replica_set, *pods))}
            told += warnings(self._ask(self._core.list_namespaced_event)["items"], names)
        # From the template: other containers may have been injected into the pod.
        container = replica_set["spec"]["template"]["spec"]["containers"][0]["name"]
        for pod in pods:
            with noted(told, f"the log of pod {pod['metadata']['name']}"):
                told += self._log(pod["metadata"]["name"], container)
        return told

    def _unready_pods(self, label: str) -> list[Object]:
        selector = f"{HASH}={label}"
        pods = self._ask(self._core.list_namespaced_pod, label_selector=selector)["items"]
        return [pod for pod in pods if not is_ready(pod)][:MOST_PODS]

    def _log(self, pod: str, container: str) -> list[str]:
        read = self._core.read_namespaced_pod_log
        try:
            log = self._ask(read, pod, container=container, tail_lines=LOG_LINES)
        except client.ApiException as error:
            if error.status == 400:
                return []  # it has not started
            raise
        lines = (log or "").splitlines()
        return [f"log of pod {pod}:", *(f"  {line}" for line in lines)] if lines else []

    def _owns(self, replica_set: Object) -> bool:
        owners = replica_set["metadata"].get("ownerReferences", [])
        return any(o["kind"] == "Deployment" and o["name"] == self._name for o in owners)

    def _ask(self, call: Callable[..., object], *name: str, **options: Any) -> Any:
        answer = call(*name, self._namespace, _request_timeout=REQUEST_SECONDS, **options)
        return self._client.sanitize_for_serialization(answer)


def main() -> None:
    module = AnsibleModule(yaml.safe_load(DOCUMENTATION)["options"], supports_check_mode=True)
    given = module.params
    try:
        cluster = Cluster(given["context"], given["namespace"], given["deployment"])
    except UnreachableError as error:
        module.fail_json(msg=str(error))
    outcome = wait(
        cluster.deployment, given["replicas"], given["progress_seconds"], given["timeout_seconds"]
    )
    result: Object = {"former": {}, "former_image": "", "evidence": ""}
    if not outcome.complete:
        try:
            replica_sets = cluster.replica_sets()
        except (client.ApiException, HTTPError) as error:
            module.fail_json(
                msg=f"The rollout is not complete ({outcome.message}), and nothing was undone,"
                f" because the cluster does not say what ran before ({reason(error)}): run the"
                " playbook again when it does"
            )
        back = former(replica_sets, given["revision_before"])
        if back:
            result["former"] = template(back)
            result["former_image"] = result["former"]["spec"]["containers"][0]["image"]
        newest = max(replica_sets, key=revision, default=None)
        result["evidence"] = "\n".join(cluster.evidence(newest)) if newest else ""
    module.exit_json(changed=False, complete=outcome.complete, msg=outcome.message, **result)


if __name__ == "__main__":
    main()

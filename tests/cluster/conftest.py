"""Fixtures for a real cluster: a checkout whose playbooks deploy to a namespace of their own."""

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from kubernetes import config
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.resource import Resource

from tests.roles.conftest import Site, run

Object = dict[str, Any]

PATIENCE_SECONDS = 300
"""With a machine that has other things to do, and a kubelet that forgets an ended pod late."""

PATIENTLY = f"--timeout={PATIENCE_SECONDS}s"

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
"""Each works in a namespace of its own, with node ports of its own."""

NAMESPACE = f"breast-cancer-test-{WORKER}"
OTHER = f"{NAMESPACE}-other"
APPLIED = f"{NAMESPACE}-applied"
NODE_PORT = 30210 + 10 * WORKER
METRICS_NODE_PORT = NODE_PORT + 1
PROMETHEUS_NODE_PORT = NODE_PORT + 2
GRAFANA_NODE_PORT = NODE_PORT + 3

NEEDED = (
    "These tests need a Kubernetes cluster that they may deploy to, whose node ports answer on"
    " 127.0.0.1 and whose node has this machine's Docker engine; and kubectl:"
    " export KUBECONFIG=<path>"
)


@pytest.fixture(scope="session", autouse=True)
def cluster() -> None:
    """Make sure that there is one."""
    if not os.environ.get("KUBECONFIG") or not shutil.which("kubectl"):
        pytest.fail(NEEDED)
    try:
        kubectl("version", "--request-timeout=10s")
    except subprocess.CalledProcessError as error:
        pytest.fail(f"{NEEDED}\n{error.stderr}")


def kubectl(*arguments: str, namespace: str = NAMESPACE, stdin: str = "") -> str:
    return call("kubectl", f"--namespace={namespace}", *arguments, stdin=stdin)


def call(*command: str, stdin: str = "") -> str:
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, check=True, timeout=PATIENCE_SECONDS
    ).stdout


def read(*arguments: str) -> Object:
    content: Object = json.loads(kubectl("get", *arguments, "--output=json"))
    return content


@cache
def resource(version: str, kind: str) -> Resource:
    resources = DynamicClient(config.new_client_from_config()).resources
    found: Resource = resources.get(api_version=version, kind=kind)
    return found


def poll(version: str, kind: str, **which: str) -> Object:
    """Read as kubectl does, without starting it each time: the pods need the processor."""
    content: Object = resource(version, kind).get(namespace=NAMESPACE, **which).to_dict()
    return content


def ready_pods() -> int:
    status = poll("apps/v1", "Deployment", name="breast-cancer-api")["status"]
    return int(status.get("readyReplicas", 0))


@contextmanager
def watched_readiness() -> Iterator[list[int]]:
    """Note the number of ready pods, again and again."""
    counts: list[int] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            counts.append(ready_pods())
            time.sleep(0.2)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield counts
    finally:
        stop.set()
        thread.join()


class Deployed(Site):
    """A copy of the checkout, and what its playbooks put on the cluster."""

    def on_cluster(
        self, playbook: str, *arguments: str, **variables: Any
    ) -> subprocess.CompletedProcess[str]:
        return run(
            [*self.cluster_command(playbook, **variables), *arguments], self.directory, self.port
        )

    def cluster_command(self, playbook: str, **variables: Any) -> list[str]:
        """Return the command that runs ``playbook`` on the cluster."""
        defaults = {
            "kube_namespace": NAMESPACE,
            "app_node_port": NODE_PORT,
            "app_metrics_node_port": METRICS_NODE_PORT,
            "app_pre_stop_seconds": 1,  # there is no load but where a test says so
            "app_drain_seconds": 1,
            "app_progress_seconds": 20,
            "monitoring_enabled": False,
            "monitoring_grafana_enabled": False,
            "monitoring_prometheus_node_port": PROMETHEUS_NODE_PORT,
        }
        given = json.dumps({**defaults, **variables})
        return ["ansible-playbook", playbook, "-i", "inventory/kubernetes", "-e", given]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory, artifacts: Path) -> Iterator[Deployed]:
    """A checkout with the artifact that the other tests have trained; the cluster is empty."""
    site = Deployed(tmp_path_factory.mktemp("cluster") / "a checkout")
    shutil.copytree(artifacts, site.directory / "artifacts", symlinks=True)
    remove_namespaces()
    yield site
    remove_namespaces()


def remove_namespaces() -> None:
    """Remove what these tests, or an earlier run that was interrupted, have put up.

    The pods first: the longer a namespace has some, the more rarely Kubernetes looks again.
    """
    for name in (NAMESPACE, OTHER, APPLIED):
        kubectl("delete", "deployments", "--all", "--cascade=foreground", PATIENTLY, namespace=name)
    kubectl("delete", "namespace", NAMESPACE, OTHER, APPLIED, "--ignore-not-found", PATIENTLY)


@pytest.fixture(scope="module")
def deployed(checkout: Deployed) -> Deployed:
    """A checkout that is up."""
    result = checkout.on_cluster("site.yml")
    assert result.returncode == 0, result.stdout
    return checkout


@pytest.fixture(scope="module")
def image(deployed: Deployed) -> str:
    """The image that is deployed."""
    pod = read("deployment", "breast-cancer-api")["spec"]["template"]["spec"]
    name: str = pod["containers"][0]["image"]
    return name


@pytest.fixture(scope="module")
def broken_image(image: str) -> Iterator[str]:
    """An image that ends as soon as it is started."""
    name = f"breast-cancer-api:broken-{time.time_ns()}"
    dockerfile = f"""FROM {image}\nCMD ["python", "-c", "raise SystemExit('no model today')"]\n"""
    call("docker", "build", "--quiet", f"--tag={name}", "-", stdin=dockerfile)
    yield name
    call("docker", "image", "rm", "--force", name)


@pytest.fixture(scope="session")
def grafana_stand_in() -> Iterator[str]:
    """An image that can be started in Grafana's place, and is none."""
    name = f"grafana-stand-in:{time.time_ns()}"
    source = Path(__file__).with_name("grafana_stand_in.py").read_text(encoding="utf-8")
    dockerfile = f"FROM python:3.13-slim\nCMD {json.dumps(['python', '-c', source])}\n"
    call("docker", "build", "--quiet", f"--tag={name}", "-", stdin=dockerfile)
    yield name
    call("docker", "image", "rm", "--force", name)

"""Prometheus beside the app on a real cluster; the tests build on one another, up to teardown."""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from scripts.load import steady_load
from tests.cluster.conftest import (
    NAMESPACE,
    NODE_PORT,
    PATIENCE_SECONDS,
    PROMETHEUS_NODE_PORT,
    Deployed,
    kubectl,
    read,
)
from tests.roles.conftest import run
from tests.roles.test_site import changes

INTERVAL_SECONDS = 2
DISCOVERY_SECONDS = 5  # Prometheus takes up what it has discovered this often
REQUESTS = 10_000
ANSWERED = 'app_requests_total{endpoint="/predict",method="POST",status="200"}'

SETTINGS = {"monitoring_enabled": True, "monitoring_scrape_interval": f"{INTERVAL_SECONDS}s"}


@pytest.fixture(scope="module")
def watched(checkout: Deployed) -> Deployed:
    """A checkout that is up, and what watches it."""
    result = checkout.on_cluster("site.yml", **SETTINGS)
    assert result.returncode == 0, result.stdout
    return checkout


def ask(path: str, **parameters: str) -> Any:
    url = f"http://127.0.0.1:{PROMETHEUS_NODE_PORT}/api/v1/{path}"
    answer = httpx2.get(url, params=parameters, trust_env=False).json()
    assert answer["status"] == "success", answer
    return answer["data"]


def by(label: str, query: str) -> dict[str, float]:
    """Return the values of a query by one of their labels."""
    found = ask("query", query=query)["result"]
    return {each["metric"][label]: float(each["value"][1]) for each in found}


def targets() -> dict[str, tuple[str, str]]:
    """Return the track and the health of each target by its pod."""
    active = ask("targets", state="active", scrapePool="breast-cancer-api")["activeTargets"]
    names = [each["labels"]["pod"] for each in active]
    assert len(set(names)) == len(names), "a pod that is scraped twice"
    return {
        each["labels"]["pod"]: (each["labels"]["version"], each["health"])
        for each in active
        if each["labels"]["namespace"] == NAMESPACE
    }


def ready_targets() -> dict[str, tuple[str, str]]:
    """Return what the targets are to be."""
    return {
        pod["metadata"]["name"]: (pod["metadata"]["labels"]["version"], "up")
        for pod in read("pods", "--selector=app=breast-cancer-api")["items"]
    }


def seconds_until(condition: Callable[[], bool]) -> float:
    started = time.monotonic()
    while not condition():
        assert time.monotonic() < started + PATIENCE_SECONDS, targets()
        time.sleep(0.1)
    return time.monotonic() - started


@pytest.mark.usefixtures("watched")
def test_every_pod_is_a_target_that_is_up() -> None:
    seconds_until(lambda: targets() == ready_targets())
    assert len(targets()) == 3


@pytest.mark.usefixtures("watched")
def test_prometheus_watches_itself() -> None:
    own = 'prometheus_config_last_reload_successful{job="prometheus"}'
    seconds_until(lambda: by("namespace", own) == {NAMESPACE: 1})


@pytest.mark.usefixtures("watched")
def test_every_rule_is_evaluated() -> None:
    def healths() -> set[str]:
        return {rule["health"] for group in ask("rules")["groups"] for rule in group["rules"]}

    seconds_until(lambda: "unknown" not in healths())
    assert healths() == {"ok"}


def test_second_run_changes_nothing(watched: Deployed) -> None:
    result = watched.on_cluster("playbooks/monitoring.yml", **SETTINGS)
    assert result.returncode == 0, result.stdout
    assert changes(result.stdout) == 0


@pytest.mark.usefixtures("watched")
def test_every_request_is_counted() -> None:
    before = by("pod", ANSWERED)
    assert len(before) == 3  # from the start, at 0, so that the first one is an increase, too
    with steady_load("127.0.0.1", NODE_PORT, new=150, kept=300) as load:
        seconds_until(lambda: load.new.sent + load.kept.sent >= REQUESTS)
    assert (load.new.failures, load.kept.failures) == ([], [])
    time.sleep(2 * INTERVAL_SECONDS)
    counted = {pod: number - before[pod] for pod, number in by("pod", ANSWERED).items()}
    answered = load.new.answered + load.kept.answered
    print(f"{answered} requests answered, {counted} counted")
    assert sum(counted.values()) == pytest.approx(answered, rel=0.01)
    assert min(counted.values()) > answered / 10


def test_both_tracks_are_seen(watched: Deployed) -> None:
    pod = read("deployment", "breast-cancer-api")["spec"]["template"]["spec"]
    settings = {"app_namespace": NAMESPACE, "app_canary_image": pod["containers"][0]["image"]}
    role = ["-m", "ansible.builtin.include_role", "-a", "name=app tasks_from=canary"]
    command = ["ansible", "kubernetes", "-i", "inventory/kubernetes", *role]
    # Ansible takes the directory that a piped module starts in, here the project's, off its path.
    result = run(
        [*command, "-e", json.dumps(settings)],
        watched.directory,
        watched.port,
        ANSIBLE_PIPELINING="0",
    )
    assert result.returncode == 0, result.stdout
    seconds_until(lambda: targets() == ready_targets())
    tracks = "count by (version) (app_model_info)"
    seconds_until(lambda: by("version", tracks) == {"stable": 3, "canary": 1})
    kubectl("delete", "deployment", "breast-cancer-api-canary", "--cascade=foreground")
    seconds_until(lambda: {track for track, _ in targets().values()} == {"stable"})


@pytest.mark.usefixtures("watched")
def test_pod_that_is_killed_is_no_target_after_a_scrape_and_a_discovery() -> None:
    pod = next(iter(targets()))
    kubectl("delete", "pod", pod, "--grace-period=0", "--force", "--wait=false")
    started = time.monotonic()
    seconds_until(lambda: pod not in targets())
    seconds = time.monotonic() - started
    print(f"gone from the targets after {seconds:.1f} s")
    assert seconds < INTERVAL_SECONDS + DISCOVERY_SECONDS
    seconds_until(lambda: targets() == ready_targets())
    assert len(targets()) == 3


def test_teardown_takes_it_down_and_nothing_else(watched: Deployed) -> None:
    labels = {"app": "prometheus"}
    metadata = {"name": "theirs", "labels": labels}
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    kubectl("create", "--filename=-", stdin=json.dumps(theirs))
    result = watched.on_cluster("playbooks/teardown.yml", **SETTINGS)
    assert result.returncode == 0, result.stdout
    kinds = "deployments,services,pods,networkpolicies,roles,rolebindings"
    assert kubectl("get", kinds).strip() == ""
    left = {each["metadata"]["name"] for each in read("configmaps,serviceaccounts")["items"]}
    assert left == {"theirs", "default", "kube-root-ca.crt"}
    kubectl("delete", "configmap", "theirs")

"""A real Prometheus scrapes real services; what it counts is what the pods and the client count.

This needs the command ``prometheus``, and no cluster: the pods are processes on this machine.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest

import canary.counters
from bc_model.dataset import Dataset
from canary.cluster import UnreachableError
from canary.counters import (
    PROMETHEUS_PORT,
    PodRecord,
    PodSource,
    PrometheusSource,
    choose_source,
    track,
)
from canary.observation import Track
from canary.observe import Images, Traffic, observe
from scripts.running import running_prometheus
from tests.conftest import START_SECONDS, free_port, running_service
from tests.local_cluster import LocalCluster, LocalPod, request

NAMESPACE = "breast-cancer"
SERVICE = "prometheus"
Row = list[float]
Configuration = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def cluster(model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """Two services, and the Prometheus that scrapes them; in place of the real cluster.

    A third one is scraped, but not there yet.
    """
    directory = tmp_path_factory.mktemp("prometheus")
    with ExitStack() as stack:
        pods = []
        for name in ("stable", "canary"):
            service = running_pod(model_dir, directory, name)
            pods.append(LocalPod(f"{name}-1", name, str(stack.enter_context(service).base_url)))
        later = LocalPod("canary-2", "canary", f"http://127.0.0.1:{free_port()}")
        url = stack.enter_context(running_prometheus(directory, watching([*pods, later])))
        found = LocalCluster([*pods, later], model_dir)
        found.services[SERVICE, PROMETHEUS_PORT] = lambda path, query: request(
            "GET", f"{url}{path}?{urlencode(query)}"
        )
        yield found


@pytest.fixture
def later(cluster: LocalCluster) -> LocalPod:
    [pod] = [pod for pod in cluster.local if pod.name == "canary-2"]
    return pod


@pytest.fixture
def two(cluster: LocalCluster, later: LocalPod) -> Iterator[LocalCluster]:
    """The cluster without its third pod, which may come again."""
    everything = list(cluster.local)
    cluster.local.remove(later)
    yield cluster
    cluster.local[:] = everything


@contextmanager
def running_pod(
    model_dir: Path, directory: Path, track: str, port: int | None = None
) -> Iterator[httpx2.Client]:
    environment = {"MODEL_DIR": str(model_dir), "VERSION": track}
    with running_service(environment, directory / f"{track}-{port}.log", port) as client:
        yield client


def watching(pods: list[LocalPod]) -> Configuration:
    targets = [
        {
            "targets": [pod.url.rstrip("/").removeprefix("http://")],
            "labels": {"namespace": NAMESPACE, "pod": pod.name, "version": pod.track},
        }
        for pod in pods
    ]
    return {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [{"job_name": "pods", "static_configs": targets}],
    }


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def watched_by_prometheus(cluster: LocalCluster) -> PrometheusSource:
    """Return the source that is chosen as soon as Prometheus has scraped a pod."""
    found = []

    def is_chosen() -> bool:
        found.append(choose_source(cluster, SERVICE, NAMESPACE))
        return isinstance(found[-1], PrometheusSource)

    wait_until(is_chosen)
    source = found[-1]
    assert isinstance(source, PrometheusSource)
    assert source._interval == 1
    return source


def send(pod: LocalPod, rows: list[Row], **headers: str) -> None:
    with httpx2.Client(base_url=pod.url, headers=headers, trust_env=False) as client:
        for row in rows:
            client.post("/predict", json={"features": row}).raise_for_status()


def seen(records: list[PodRecord], name: str) -> Track:
    return track((record for record in records if record.track == name), "", 0)


def test_counts_are_those_of_the_pods_and_of_the_client(
    two: LocalCluster, dataset: Dataset
) -> None:
    stable, canary = two.local
    rows = dataset.X.tolist()
    send(stable, rows[:50])  # before the window: these do not count
    send(canary, rows[:50])
    source = watched_by_prometheus(two)
    with source.watch() as records, PodSource(two, 0.3).watch() as read:
        send(stable, rows[:61])
        send(canary, rows[:17])
        send(canary, rows[17:40], **{"X-Traffic": "generated"})
        with httpx2.Client(base_url=canary.url, trust_env=False) as client:
            assert client.post("/predict", json={}).status_code == 422
    for name, requests, generated in (("stable", 61, 0), ("canary", 41, 23)):
        counted = seen(records, name)
        assert counted == seen(read, name)
        assert (counted.requests, counted.generated, counted.errors) == (requests, generated, 0)
        assert sum(counted.latency.counts) == requests - generated
    assert sum(counted.predictions.values()) == sum(counted.probabilities.counts) == 17
    assert len(counted.model_versions) == 1


def test_pod_that_comes_and_is_started_anew(
    two: LocalCluster, later: LocalPod, dataset: Dataset, model_dir: Path, tmp_path: Path
) -> None:
    """Nothing is lost of the process before, as it had been scraped, nor of the one after."""
    rows = dataset.X.tolist()
    source = watched_by_prometheus(two)
    port = httpx2.URL(later.url).port
    with (
        ExitStack() as stack,
        source.watch() as records,
        PodSource(two, 0.3).watch() as read,
    ):
        with running_pod(model_dir, tmp_path, "canary", port):
            two.local.append(later)
            send(later, rows[:30])
            source._await_scrapes()
            before = two.asked.count((later.name, "/metrics"))
            wait_until(lambda: two.asked.count((later.name, "/metrics")) > before + 1)
        again = stack.enter_context(running_pod(model_dir, tmp_path, "canary", port))
        assert again.get("/health").json()["version"] == "canary"
        send(later, rows[:12])
    for found in (records, read):
        [record] = [each for each in found if each.is_new]
        assert seen([record], "canary").requests == 42
    assert seen(records, "canary") == seen(read, "canary")


def test_generated_traffic_counts_and_labelled_cases_do_not(
    two: LocalCluster, dataset: Dataset
) -> None:
    source = watched_by_prometheus(two)
    images = Images("app:1", "app:2")
    observation = observe(two, source, images, Traffic(two.local[1].url, 30), 2)
    assert observation.problem == ""
    assert observation.cases is not None
    assert len(observation.cases.canary) == len(dataset.X)
    assert (observation.stable.requests, observation.canary.requests) == (0, 60)
    assert observation.canary.generated == 60


def test_pod_that_is_not_scraped_is_named(
    two: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canary.counters, "DISCOVERY_SECONDS", 0)
    source = watched_by_prometheus(two)
    two.local.append(LocalPod("canary-3", "canary", two.local[1].url))
    expected = pytest.raises(UnreachableError, match=r"^Prometheus does not scrape canary-3: ")
    with expected, source.watch():
        pytest.fail("it must not begin")

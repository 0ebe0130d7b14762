"""Counters from pods that are real services, and from recorded answers of Prometheus."""

import json
import threading
import time
from typing import Any

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
from canary.observation import Histogram, Track
from tests.conftest import ROOT, free_port
from tests.local_cluster import LocalCluster, LocalPod

NAMESPACE, SERVICE = "breast-cancer", "prometheus"
NEVER = 3600.0

RECORDED = ROOT / "tests" / "prometheus.json"
"""What Prometheus 3.5 answered while two services were sent some requests.

Before that, each had 5; then the stable one had 4, and the canary 3 generated ones and one that it
refused. As the operator of Prometheus does, each target was given a label ``endpoint`` and
``container``. Only buckets of some bounds, and series that are not always 0, are kept.
"""


def seen(records: list[PodRecord], name: str, is_generated: bool = False) -> Track:
    own = (record for record in records if record.track == name)
    return track(own, "", 0, is_generated)


def send(url: str, rows: list[list[float]]) -> None:
    with httpx2.Client(base_url=url, trust_env=False) as client:
        for row in rows:
            client.post("/predict", json={"features": row}).raise_for_status()


def test_pods_count_what_is_sent_meanwhile(local_cluster: LocalCluster, dataset: Dataset) -> None:
    stable, canary = local_cluster.local
    rows = dataset.X.tolist()
    send(canary.url, rows[:5])
    before = set(threading.enumerate())
    with PodSource(local_cluster, NEVER).watch() as records:
        send(stable.url, rows[:4])
        send(canary.url, rows[:3])
        assert records == []
    assert (seen(records, "stable").requests, seen(records, "canary").requests) == (4, 3)
    assert [len(record.readings) for record in records] == [2, 2]
    assert set(threading.enumerate()) <= before


def test_pods_are_read_again_and_again(local_cluster: LocalCluster) -> None:
    source = PodSource(local_cluster, 0.01)
    with source.watch() as records:
        deadline = time.monotonic() + 30
        while len(local_cluster.asked) < 12:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert all(len(record.readings) > 2 for record in records)
    times = [reading.time for reading in records[0].readings]
    assert times == sorted(times)
    asked = len(local_cluster.asked)
    time.sleep(0.1)
    assert len(local_cluster.asked) == asked


def test_nothing_goes_on_after_an_error(local_cluster: LocalCluster) -> None:
    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt), PodSource(local_cluster, 0.01).watch():
        raise KeyboardInterrupt
    assert set(threading.enumerate()) <= before


def test_pod_that_comes_counts_from_its_start(
    local_cluster: LocalCluster, dataset: Dataset
) -> None:
    late = local_cluster.local.pop()
    before = PodSource(local_cluster, NEVER)
    with PodSource(local_cluster, NEVER).watch() as all_of_it:
        local_cluster.local.append(late)
        with before.watch() as records:
            send(late.url, dataset.X[:2].tolist())
    assert seen(records, "canary").requests == 2
    assert [record.is_new for record in records] == [False, False]
    assert [record.is_new for record in all_of_it] == [False, True]
    assert seen(all_of_it, "canary").requests > 2  # this process has served others, too


def test_pod_that_goes_keeps_what_was_seen_of_it(
    local_cluster: LocalCluster, dataset: Dataset
) -> None:
    canary = local_cluster.local[1]
    with PodSource(local_cluster, 0.01).watch() as records:
        send(canary.url, dataset.X[:2].tolist())
        asked = len(local_cluster.asked)
        while len(local_cluster.asked) < asked + 5:
            time.sleep(0.01)
        local_cluster.local.remove(canary)
    assert seen(records, "canary").requests == 2


def test_pod_whose_first_reading_failed(local_cluster: LocalCluster, dataset: Dataset) -> None:
    """It was there before, so that what it counts until it is read may be older."""
    canary = local_cluster.local[1]
    url, canary.url = canary.url, f"http://127.0.0.1:{free_port()}"
    with PodSource(local_cluster, NEVER).watch() as records:
        canary.url = url
        send(url, dataset.X[:2].tolist())
    [record] = [record for record in records if record.track == "canary"]
    assert (record.is_new, len(record.readings)) == (False, 1)
    assert record.problem.startswith("The counters of canary-1 could not be read: http://127.0.0.1")
    assert seen(records, "canary").requests == 0


def test_pod_that_answers_something_else(local_cluster: LocalCluster) -> None:
    local_cluster.local[1].url += "/docs?"  # 200, and HTML
    assert b"<html" in local_cluster.ask_pod("canary-1", "/metrics").lower()
    with PodSource(local_cluster, NEVER).watch() as records:
        pass
    stable, canary = records
    assert (stable.problem, canary.readings) == ("", [])
    assert canary.problem.startswith("The counters of canary-1 could not be read: ")


def test_pod_that_is_not_ready_need_not_be_read(local_cluster: LocalCluster) -> None:
    local_cluster.local[1].url = f"http://127.0.0.1:{free_port()}"
    local_cluster.local[1].is_ready = False
    with PodSource(local_cluster, NEVER).watch() as records:
        pass
    assert [record.problem for record in records] == ["", ""]


def test_reading_in_between_may_fail(local_cluster: LocalCluster) -> None:
    canary = local_cluster.local[1]
    url = canary.url
    with PodSource(local_cluster, 0.01).watch() as records:
        canary.url = f"http://127.0.0.1:{free_port()}"
        asked = len(local_cluster.asked)
        while len(local_cluster.asked) < asked + 5:
            time.sleep(0.01)
        canary.url = url
    assert [record.problem for record in records] == ["", ""]


def test_cluster_that_is_away_at_the_end(local_cluster: LocalCluster) -> None:
    before = set(threading.enumerate())
    with (
        pytest.raises(UnreachableError, match=r"^the cluster is away$"),
        PodSource(local_cluster).watch(),
    ):
        local_cluster.is_away = True
    assert set(threading.enumerate()) <= before


def test_cluster_that_is_away_for_a_while(local_cluster: LocalCluster, dataset: Dataset) -> None:
    canary = local_cluster.local[1]
    with PodSource(local_cluster, 0.01).watch() as records:
        local_cluster.is_away = True
        send(canary.url, dataset.X[:3].tolist())
        time.sleep(0.05)
        local_cluster.is_away = False
    assert seen(records, "canary").requests == 3


def test_cluster_that_is_away_at_the_start(local_cluster: LocalCluster) -> None:
    local_cluster.is_away = True
    before = set(threading.enumerate())
    with pytest.raises(UnreachableError), PodSource(local_cluster).watch():
        pytest.fail("it must not begin")
    assert set(threading.enumerate()) <= before


class Prometheus:
    """Answers as was recorded, in that order, and only to the same questions."""

    def __init__(self) -> None:
        self.left: list[dict[str, Any]] = json.loads(RECORDED.read_text(encoding="utf-8"))

    def __call__(self, path: str, query: dict[str, str]) -> bytes:
        expected = self.left.pop(0)
        assert (path, query.get("query", "")) == (expected["path"], expected["query"])
        return json.dumps(expected["answer"]).encode()

    def answer(self, number: int) -> Any:
        return self.left[number]["answer"]["data"]


@pytest.fixture
def cluster(local_cluster: LocalCluster) -> LocalCluster:
    """The two pods that were recorded; nobody asks them."""
    nowhere = f"http://127.0.0.1:{free_port()}"
    local_cluster.local = [
        LocalPod("stable-1", "stable", nowhere),
        LocalPod("canary-1", "canary", nowhere),
    ]
    return local_cluster


@pytest.fixture
def prometheus(cluster: LocalCluster) -> Prometheus:
    recorded = Prometheus()
    cluster.services[SERVICE, PROMETHEUS_PORT] = recorded
    return recorded


def chosen(cluster: LocalCluster) -> PrometheusSource:
    source = choose_source(cluster, SERVICE, NAMESPACE)
    assert isinstance(source, PrometheusSource)
    return source


def test_recorded_counts(cluster: LocalCluster, prometheus: Prometheus) -> None:
    source = chosen(cluster)
    assert source.name == "Prometheus"
    with source.watch() as records:
        assert records == []
    assert prometheus.left == []
    assert cluster.asked == []
    stable, canary = seen(records, "stable"), seen(records, "canary")
    assert (stable.requests, stable.generated, stable.errors) == (4, 0, 0)
    assert (canary.requests, canary.generated, canary.errors) == (4, 3, 0)
    assert stable.predictions == {"malignant": 4, "benign": 0}
    assert canary.predictions == {"malignant": 0, "benign": 0}
    generated = seen(records, "canary", is_generated=True)
    assert generated.predictions == {"malignant": 2, "benign": 1}
    latencies = zip(canary.latency.counts, generated.latency.counts, strict=True)
    assert [users + others for users, others in latencies] == [3, 1, 0, 0, 0]
    assert sum(generated.latency.counts) == 3
    assert generated.probabilities == Histogram([0.1, 0.5, 0.99, 1.0], [1, 0, 0, 2, 0])
    assert stable.model_versions == canary.model_versions != []
    assert sum(record.is_new for record in records) == 0


def test_recorded_pod_that_was_not_there_before(
    cluster: LocalCluster, prometheus: Prometheus
) -> None:
    stable, canary = cluster.local
    source = chosen(cluster)
    cluster.local = [stable]
    with source.watch() as records:
        cluster.local = [stable, canary]
    assert sum(record.is_new for record in records) == 1
    assert seen(records, "canary").requests == 9  # with the 5 of its start
    assert seen(records, "stable").requests == 4


def test_recorded_process_that_was_started_anew(
    cluster: LocalCluster, prometheus: Prometheus
) -> None:
    source = chosen(cluster)
    for series in prometheus.answer(-1)["result"]:
        metric = series["metric"]
        if (metric["pod"], metric["__name__"]) == ("stable-1", "process_start_time_seconds"):
            series["values"][-1][1] = str(float(series["values"][0][1]) + 60)
    with source.watch() as records:
        pass
    assert seen(records, "stable").requests == 9  # all that the new one has counted
    assert seen(records, "canary").requests == 4


def test_recorded_counts_from_before_the_first_scrape_do_not_count(
    cluster: LocalCluster, prometheus: Prometheus
) -> None:
    """As the labelled cases are: they are asked just before."""
    source = chosen(cluster)
    for series in prometheus.answer(-1)["result"]:
        if series["metric"]["__name__"] != "process_start_time_seconds":
            assert series["values"][0][0] < 1795427016.014 < series["values"][1][0]
            series["values"][0][1] = "0"
    with source.watch() as records:
        pass
    assert (seen(records, "stable").requests, seen(records, "canary").requests) == (4, 4)


def test_waits_for_a_scrape_of_every_ready_pod(
    cluster: LocalCluster, prometheus: Prometheus, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = chosen(cluster)
    unready = LocalPod("canary-2", "canary", "", is_ready=False)
    cluster.local += [unready, LocalPod("other", "", "")]
    scraped = prometheus.left[1]
    only_one = {"data": {"result": scraped["answer"]["data"]["result"][:1]}}
    prometheus.left.insert(1, {**scraped, "answer": only_one})
    prometheus.left.insert(1, {**scraped, "answer": {"data": {"result": []}}})
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    with source.watch() as records:
        pass
    assert slept == [0.2, 0.2]
    assert seen(records, "canary").requests == 4


def test_pod_that_is_not_scraped_is_named(
    cluster: LocalCluster, prometheus: Prometheus, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = chosen(cluster)
    monkeypatch.setattr(canary.counters, "DISCOVERY_SECONDS", -NEVER)
    cluster.local.append(LocalPod("canary-2", "canary", ""))
    expected = pytest.raises(UnreachableError, match=r"^Prometheus does not scrape canary-2: ")
    with expected, source.watch():
        pytest.fail("it must not begin")


def test_without_prometheus_the_pods_are_asked(cluster: LocalCluster) -> None:
    source = choose_source(cluster, SERVICE, NAMESPACE)
    assert isinstance(source, PodSource)
    assert source.name == "the pods"


@pytest.mark.parametrize(
    "answer", [[], {}, {"data": None}, {"data": {"result": []}}, {"status": "error"}]
)
def test_prometheus_that_does_not_watch_the_pods(
    cluster: LocalCluster, prometheus: Prometheus, answer: Any
) -> None:
    prometheus.left[0]["answer"] = answer
    assert isinstance(choose_source(cluster, SERVICE, NAMESPACE), PodSource)


@pytest.mark.parametrize(
    "targets",
    [
        [],
        [{"labels": {"namespace": "other", "pod": "a"}, "scrapeInterval": "1s"}],
        [{"labels": {"namespace": NAMESPACE}, "scrapeInterval": "1s"}],
        [{"labels": {"namespace": NAMESPACE, "pod": "a"}, "scrapeInterval": "1m1s"}],
        [{"labels": {"namespace": NAMESPACE, "pod": "a"}, "scrapeInterval": "1d"}],
        [{"labels": {"namespace": NAMESPACE, "pod": "a"}}],
        [{"labels": None}],
        ["a"],
        None,
    ],
)
def test_prometheus_that_scrapes_the_pods_too_seldom(
    cluster: LocalCluster, prometheus: Prometheus, targets: Any
) -> None:
    prometheus.left[1]["answer"] = {"data": {"activeTargets": targets}}
    assert isinstance(choose_source(cluster, SERVICE, NAMESPACE), PodSource)


@pytest.mark.parametrize(
    ("interval", "seconds"), [("500ms", 0.5), ("15s", 15), ("1m", 60), ("0h0m30s", 30)]
)
def test_scrape_interval_is_that_of_the_namespaces_pods(
    cluster: LocalCluster, prometheus: Prometheus, interval: str, seconds: float
) -> None:
    def target(namespace: str, interval: str) -> dict[str, Any]:
        return {"labels": {"namespace": namespace, "pod": "a"}, "scrapeInterval": interval}

    targets = [target(NAMESPACE, "100ms"), target(NAMESPACE, interval), target("other", "5m")]
    prometheus.left[1]["answer"] = {"data": {"activeTargets": targets}}
    assert chosen(cluster)._interval == pytest.approx(seconds)


def test_prometheus_that_goes_away(cluster: LocalCluster, prometheus: Prometheus) -> None:
    source = chosen(cluster)
    with pytest.raises(UnreachableError, match=r"^there is no prometheus"), source.watch():
        cluster.services.clear()

"""Counters from pods that are real services."""

import threading
import time

import httpx2
import pytest

from bc_model.dataset import Dataset
from canary.cluster import UnreachableError
from canary.counters import PodRecord, PodSource, track
from canary.observation import Track
from tests.conftest import free_port
from tests.local_cluster import LocalCluster

NEVER = 3600.0


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


@pytest.mark.parametrize("failing", ["pods", "ask_pod"])
def test_call_that_fails_once_at_the_end_loses_nothing(
    local_cluster: LocalCluster,
    dataset: Dataset,
    monkeypatch: pytest.MonkeyPatch,
    failing: str,
) -> None:
    with PodSource(local_cluster, NEVER).watch() as records:
        send(local_cluster.local[1].url, dataset.X[:3].tolist())
        original, failures = getattr(local_cluster, failing), iter(["the cluster is away"])

        def fail_once(*words: object, **headers: str) -> object:
            for failure in failures:
                raise UnreachableError(failure)
            return original(*words, **headers)

        monkeypatch.setattr(local_cluster, failing, fail_once)
    assert seen(records, "canary").requests == 3
    assert [record.problem for record in records] == ["", ""]


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

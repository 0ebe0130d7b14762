"""The status of both tracks: two real services."""

import time

import pytest
from msgspec.structs import replace

from bc_model.classifier import Classifier
from bc_model.dataset import Dataset
from canary.cluster import UnreachableError
from canary.status import status
from canary.store import Releases
from tests.canary.test_counters import send
from tests.canary.test_store import entry, run
from tests.conftest import free_port
from tests.local_cluster import LocalCluster, LocalPod

BOTH = {"stable": "app:1", "canary": "app:2"}


def test_nothing_but_the_stable_track(local_cluster: LocalCluster, classifier: Classifier) -> None:
    local_cluster.local.pop()
    assert status(local_cluster, Releases(), {"stable": "app:1"}, 0) == {
        "tracks": {
            "stable": {
                "image": "app:1",
                "pods": "1 of 1 are ready",
                "model versions": [classifier.manifest.model_version],
                "requests": 0,
            }
        },
        "history": [],
    }


def test_a_canary_beside_it(
    local_cluster: LocalCluster, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    stable, canary_1 = local_cluster.local
    local_cluster.local += [
        LocalPod("stable-2", "stable", stable.url, is_ready=False),
        LocalPod("stable-3", "stable", f"http://127.0.0.1:{free_port()}"),
    ]

    def meanwhile(seconds: float) -> None:
        if seconds == 3:  # and not a pause before a pod is asked again
            send(canary_1.url, dataset.X[:5].tolist())

    monkeypatch.setattr(time, "sleep", meanwhile)
    promoting = run(phase="promoting", verdict="fail: x", note="by hand")
    told = status(local_cluster, Releases(promoting, [entry()]), BOTH, 3)
    assert told["tracks"]["stable"]["pods"] == "2 of 3 are ready"
    assert told["tracks"]["canary"]["requests"] == 5
    assert told["split"] == "33% asked for, 100% seen of 5 requests in 3 s, to the canary"
    assert told["under way"] == (
        "app:2: promoting, by me@here since 2026-05-04 (model unknown; fail: x; by hand)"
    )
    assert told["history"] == ["2026-05-04 me@here promoted: app:1 -> app:2 (model 0123; pass)"]


def test_nothing_is_ready_and_nothing_is_asked(local_cluster: LocalCluster) -> None:
    for pod in local_cluster.local:
        pod.is_ready = False
    told = status(local_cluster, Releases(), {"canary": "app:2"}, 0)
    assert told["split"] == "none asked for, none seen of 0 requests in 0 s, to the canary"


def test_history_of_an_unknown_model(local_cluster: LocalCluster) -> None:
    stopped = replace(entry("stopped"), model_versions=[], verdict="", note="interrupted")
    [line] = status(local_cluster, Releases(None, [stopped]), {}, 0)["history"]
    assert line == (
        "2026-05-04 me@here stopped: app:1 -> app:2 (model unknown; not judged; interrupted)"
    )


def test_cluster_that_is_away(local_cluster: LocalCluster) -> None:
    local_cluster.is_away = True
    with pytest.raises(UnreachableError, match=r"^the cluster is away$"):
        status(local_cluster, Releases(), BOTH, 0)

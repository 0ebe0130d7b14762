"""One step over two real services."""

import math
import threading

import numpy as np
import pytest

import canary.observe
from bc_model.artifact import Reference
from canary.cases import LabelledCases, read_cases
from canary.cluster import Cluster, UnreachableError
from canary.counters import PodSource
from canary.generator import Sent, generate
from canary.judge import Outcome, judge
from canary.observation import FEW, split
from canary.observe import Images, Traffic, is_hopeless, observe
from canary.thresholds import Thresholds
from canary.traffic_check import errors
from tests import canaries
from tests.conftest import free_port
from tests.local_cluster import LocalCluster, LocalPod

IMAGES = Images("app:1", "app:2")
NO_TRAFFIC = Traffic("", 0)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask some of the cases only: quick."""

    def read_few(cluster: Cluster) -> LabelledCases:
        return canaries.few(read_cases(cluster), 10)

    monkeypatch.setattr(canary.observe, "read_cases", read_few)


def test_what_was_generated_is_seen_and_nothing_else(
    local_cluster: LocalCluster, reference: Reference
) -> None:
    source, url = PodSource(local_cluster), local_cluster.local[1].url
    seen = observe(local_cluster, source, IMAGES, Traffic(url, 40), 0.5)
    assert (seen.stable.image, seen.canary.image) == IMAGES
    assert (seen.stable.requests, seen.canary.requests, seen.canary.generated) == (0, 20, 20)
    assert sum(seen.canary.predictions.values()) == 20
    assert (seen.canary.errors, seen.canary.restarts, seen.problem) == (0, 0, "")
    assert split(seen) == 1.0
    assert (sum(seen.stable.waits.counts), sum(seen.canary.waits.counts)) == (0, 20)
    assert (seen.canary.checked, seen.canary.wrong) == (20, 0)
    assert seen.cases is not None
    assert seen.cases.canary == pytest.approx(seen.cases.stable, abs=1e-12)
    assert len(seen.cases.stable) == len(reference.targets)
    assert seen.started <= seen.ended
    assert seen.started.endswith("+00:00")


@pytest.mark.usefixtures("few")
def test_without_traffic(local_cluster: LocalCluster) -> None:
    seen = observe(local_cluster, PodSource(local_cluster), IMAGES, NO_TRAFFIC, 0)
    assert (seen.stable.requests, seen.canary.requests, seen.problem) == (0, 0, "")
    assert split(seen) is None


@pytest.mark.usefixtures("few")
def test_traffic_that_arrives_nowhere(local_cluster: LocalCluster) -> None:
    nowhere = Traffic(f"http://127.0.0.1:{free_port()}", 50)
    seen = observe(local_cluster, PodSource(local_cluster), IMAGES, nowhere, 0.2)
    assert (seen.sent, seen.lost, seen.problem) == (10, 10, "")
    assert len(seen.failures) == FEW
    assert all(failure.startswith("ConnectionRefusedError: ") for failure in seen.failures)
    assert seen.cases is not None


@pytest.mark.usefixtures("few")
def test_what_no_pod_counts_as_an_error_is_lost(
    local_cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = local_cluster.local[1].url

    def generated(*_: object) -> Sent:
        """Three are no case, which the canary counts; two do not reach it."""
        refused = generate(url, [[1.0]], rate=30, seconds=0.1)
        return Sent(5, [*refused.failures, "TimeoutError: timed out", "status 502: b''"])

    monkeypatch.setattr(canary.observe, "generate", generated)
    seen = observe(local_cluster, PodSource(local_cluster), IMAGES, NO_TRAFFIC, 0)
    assert (seen.canary.errors, seen.canary.generated_errors) == (3, 3)
    assert (seen.sent, seen.lost) == (10, 2)


@pytest.mark.usefixtures("few")
def test_canary_that_does_not_answer_the_cases(local_cluster: LocalCluster) -> None:
    local_cluster.local[1].url = f"http://127.0.0.1:{free_port()}"
    seen = observe(local_cluster, PodSource(local_cluster), IMAGES, NO_TRAFFIC, 0)
    assert seen.cases is None
    assert seen.problem.startswith("The labelled cases could not be asked: http://127.0.0.1:")
    assert (seen.canary.requests, seen.canary.model_versions) == (0, [])


@pytest.mark.usefixtures("few")
def test_restarts_count_since_the_pods_came(
    local_cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those from before the step, too: a canary that crashed as it started is new as well."""
    canary_1 = local_cluster.local[1]
    canary_1.restarts = 4

    def meanwhile(*_: object) -> Sent:
        canary_1.restarts = 6
        local_cluster.local.append(LocalPod("canary-2", "canary", canary_1.url, restarts=1))
        return Sent()

    monkeypatch.setattr(canary.observe, "generate", meanwhile)
    seen = observe(local_cluster, PodSource(local_cluster), IMAGES, NO_TRAFFIC, 0)
    assert (seen.stable.restarts, seen.canary.restarts) == (0, 7)
    assert (seen.stable.down, seen.canary.down) == (0, 0)


@pytest.mark.usefixtures("few")
def test_pods_that_are_not_there_or_not_ready_at_the_end(
    local_cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    stable, first = local_cluster.local
    gone, evicted, came = (LocalPod(f"canary-{n}", "canary", first.url) for n in (2, 3, 4))
    local_cluster.local += [gone, evicted]

    def meanwhile(*_: object) -> Sent:
        stable.is_ready = evicted.is_ready = came.is_ready = False
        local_cluster.local.remove(gone)
        local_cluster.local.append(came)
        return Sent()

    monkeypatch.setattr(canary.observe, "generate", meanwhile)
    seen = observe(local_cluster, PodSource(local_cluster), IMAGES, NO_TRAFFIC, 0)
    assert (seen.stable.down, seen.canary.down, seen.problem) == (1, 3, "")


@pytest.mark.usefixtures("few")
def test_counters_of_a_ready_pod_that_cannot_be_read(
    local_cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(*_: object) -> Sent:
        local_cluster.local[1].url = f"http://127.0.0.1:{free_port()}"
        return Sent()

    monkeypatch.setattr(canary.observe, "generate", meanwhile)
    seen = observe(local_cluster, PodSource(local_cluster), IMAGES, NO_TRAFFIC, 0)
    assert seen.problem.startswith("The counters of canary-1 could not be read: http://127.0.0.1:")
    assert judge([seen], Thresholds()).outcome is Outcome.ERROR


@pytest.mark.usefixtures("few")
def test_nothing_goes_on_after_an_error(
    local_cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> Sent:
        raise KeyboardInterrupt

    monkeypatch.setattr(canary.observe, "generate", interrupted)
    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        observe(local_cluster, PodSource(local_cluster), IMAGES, NO_TRAFFIC, 0)
    assert set(threading.enumerate()) <= before


def test_stable_track_without_cases(local_cluster: LocalCluster) -> None:
    local_cluster.local[0].is_ready = False
    with pytest.raises(UnreachableError, match=r"^no pod of the stable track is ready$"):
        observe(local_cluster, PodSource(local_cluster), IMAGES, NO_TRAFFIC, 0)


def test_traffic_that_is_refused_asks_nobody(local_cluster: LocalCluster) -> None:
    with pytest.raises(ValueError, match=r"^rate: "):
        observe(local_cluster, PodSource(local_cluster), IMAGES, Traffic("http://a", 1e9), 60)
    assert local_cluster.asked == []


def seconds_until_hopeless(rate: float, stable_rate: float, seed: int, seconds: int = 60) -> float:
    """Draw 20 requests a second, a quarter of them to the canary, and look every two seconds."""
    generator = np.random.default_rng(seed)
    sent = Sent()
    for second in range(2, seconds + 1, 2):
        for to_canary in generator.random(40) < 0.25:
            failed = generator.random() < (rate if to_canary else stable_rate)
            sent.outcomes.append(("canary" if to_canary else "stable", bool(failed)))
        if is_hopeless(sent):
            return second
    return math.inf


@pytest.mark.parametrize(("rate", "most"), [(1.0, 2), (0.2, 10), (0.05, 40)])
def test_a_hopeless_canary_is_known_in_seconds(rate: float, most: float) -> None:
    assert np.median([seconds_until_hopeless(rate, 0, seed) for seed in range(51)]) <= most


def test_what_ends_the_traffic_fails_the_canary() -> None:
    """At the least evidence that ends it, over many rates."""
    for rate in (0.05, 0.1, 0.3, 0.6, 1.0):
        generator = np.random.default_rng(0)
        sent = Sent()
        while not is_hopeless(sent):
            to_canary = generator.random() < 0.25
            failed = bool(to_canary and generator.random() < rate)
            sent.outcomes.append(("canary" if to_canary else "stable", failed))
        ours, theirs = (
            [failed for track, failed in sent.outcomes if track == name]
            for name in ("stable", "canary")
        )
        seen = canaries.observed(
            canaries.track(requests=len(ours), errors=sum(ours)),
            canaries.track(requests=len(theirs), errors=sum(theirs)),
        )
        assert errors([seen], Thresholds()).outcome is Outcome.FAIL


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.2])
def test_a_canary_as_good_as_the_stable_is_never_hopeless(rate: float) -> None:
    found = [seconds_until_hopeless(rate, rate, seed) < math.inf for seed in range(300)]
    assert sum(found) <= 1


def test_one_wrong_answer_is_enough() -> None:
    sent = Sent()
    sent.wrong["stable"] = 1
    assert not is_hopeless(sent)
    sent.wrong["canary"] = 1
    assert is_hopeless(sent)

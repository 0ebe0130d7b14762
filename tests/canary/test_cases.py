"""The labelled cases, asked from real services and from pods that fail."""

import io
import json
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bc_model.artifact import Reference
from bc_model.training import unseen_cases
from canary.cases import TRIES, WARM_UP, WORKERS, LabelledCases, ask_cases, read_cases, warm_up
from canary.cluster import Pod, UnreachableError
from canary.judge import Outcome
from canary.model_check import model
from canary.observation import Cases, OutOfFold
from canary.thresholds import Thresholds
from tests.canaries import few, observed
from tests.local_cluster import LocalCluster, LocalPod


def test_read_from_the_stable_pod(local_cluster: LocalCluster, reference: Reference) -> None:
    labelled = read_cases(local_cluster)
    np.testing.assert_array_equal(labelled.cases, reference.cases)
    np.testing.assert_array_equal(labelled.targets, reference.targets)
    np.testing.assert_array_equal(labelled.unseen, reference.unseen)
    np.testing.assert_array_equal(labelled.malignant, reference.malignant)
    np.testing.assert_array_equal(labelled.out_of_fold, reference.out_of_fold)


@pytest.mark.parametrize("track", ["stable", "canary"])
def test_track_without_a_ready_pod(local_cluster: LocalCluster, track: str) -> None:
    labelled = few(read_cases(local_cluster))
    for pod in local_cluster.local:
        pod.is_ready = pod.track != track
    with pytest.raises(UnreachableError, match=rf"^no pod of the {track} track is ready$"):
        ask_cases(local_cluster, labelled)


def archive(**arrays: Any) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


GOOD = {
    "cases": np.ones((2, 30)),
    "targets": np.array([0, 1]),
    "unseen": np.array([True, False]),
    "malignant": np.array([0.9, 0.1]),
    "out_of_fold": np.array([[0.8, 0.2]]),
}
EMPTY = {**{name: each[..., :0] for name, each in GOOD.items()}, "cases": np.ones((0, 30))}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "No data left in file"),
        (b"PK", "Cannot load file|pickle"),
        (archive(**GOOD)[:-40], "not a zip file"),
        (archive(**GOOD).replace(b"\x3f", b"\x3e"), "Bad CRC-32"),
        (archive(cases=GOOD["cases"]), "targets is not a file in the archive"),
        (archive(**{**GOOD, "cases": np.array([None], dtype=object)}), "Object arrays"),
        (archive(**{**GOOD, "cases": np.ones(2)}), r"its arrays have shapes \[\(2,\)"),
        (
            archive(**{**GOOD, "targets": np.array([0])}),
            r"its arrays have shapes \[\(2, 30\), \(1,\)",
        ),
        (archive(**{**GOOD, "out_of_fold": np.ones((3, 1))}), r"\(3, 1\)\]"),
        (archive(**EMPTY), "it has no cases"),
    ],
)
def test_unusable(local_cluster: LocalCluster, tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "reference.npz").write_bytes(content)
    local_cluster.model_dir = tmp_path
    expected = rf"^artifacts/current/reference\.npz of stable-1 is unusable: .*({reason})"
    with pytest.raises(UnreachableError, match=expected):
        read_cases(local_cluster)


def test_both_tracks_answer_as_the_model_does(
    local_cluster: LocalCluster, reference: Reference
) -> None:
    count = 20
    answered = ask_cases(local_cluster, few(read_cases(local_cluster), count))
    np.testing.assert_allclose(answered.stable, reference.malignant[:count], atol=1e-12)
    np.testing.assert_allclose(answered.canary, answered.stable, atol=1e-12)
    assert answered.targets == reference.targets[:count].tolist()
    assert answered.unseen == reference.unseen[:count].astype(bool).tolist()
    assert (answered.stable_failures, answered.canary_failures) == (0, 0)
    assert (answered.stable_threshold, answered.canary_threshold) == (0.5, 0.5)
    assert answered.deviation < 1e-12
    asked = [pod for pod, path in local_cluster.asked if path == "/predict"]
    assert sorted(asked) == ["canary-1"] * count + ["stable-1"] * count


def asked_with(cluster: LocalCluster, directory: Path, count: int = 60, **reference: Any) -> Cases:
    """Return what is answered to some cases when the canary's artifact has this ``reference``."""
    n = len(reference["cases"])
    answered = {"malignant": np.full(n, 0.5), "out_of_fold": np.full((1, n), 0.5)}
    (directory / "reference.npz").write_bytes(archive(**{**answered, **reference}))
    cluster.own_model_dirs["canary-1"] = directory
    return ask_cases(cluster, few(read_cases(cluster), count))


def test_reordered_data_have_other_unseen_cases(
    local_cluster: LocalCluster, reference: Reference, tmp_path: Path
) -> None:
    """The split is by a case's place, so that the canary was fitted to most of the stable's."""
    count = len(reference.targets)
    order = np.random.default_rng(0).permutation(count)
    targets = reference.targets[order]
    unseen = unseen_cases(targets)
    found = asked_with(
        local_cluster,
        tmp_path,
        count,
        cases=reference.cases[order],
        targets=targets,
        unseen=unseen,
        malignant=reference.malignant[order],
    )
    assert found.stable_out_of_fold is found.canary_out_of_fold is None
    assert found.deviation < 1e-12
    seen_by_canary = {*order[~unseen].tolist()}
    assert found.unseen == [
        bool(mark) and number not in seen_by_canary for number, mark in enumerate(reference.unseen)
    ]
    judged = model(observed(cases_=found), Thresholds())
    assert judged.outcome is Outcome.INCONCLUSIVE
    assert judged.reason.startswith("Only 7 cases of the rarer class are unseen by both models")


def test_data_that_have_grown_have_other_unseen_cases(
    local_cluster: LocalCluster, reference: Reference, tmp_path: Path
) -> None:
    cases = np.concatenate([reference.cases, reference.cases * 1.01])
    targets = np.tile(reference.targets, 2)
    unseen = unseen_cases(targets)
    found = asked_with(local_cluster, tmp_path, cases=cases, targets=targets, unseen=unseen).unseen
    assert found == (reference.unseen[:60].astype(bool) & unseen[:60]).tolist()
    assert 0 < sum(found) < sum(reference.unseen[:60])


def test_unseen_case_that_stands_among_the_seen_ones_too(
    local_cluster: LocalCluster, reference: Reference, tmp_path: Path
) -> None:
    first = int(np.flatnonzero(reference.unseen)[0])
    found = asked_with(
        local_cluster,
        tmp_path,
        cases=np.concatenate([reference.cases, reference.cases[first : first + 1]]),
        targets=np.concatenate([reference.targets, reference.targets[first : first + 1]]),
        unseen=np.concatenate([reference.unseen, [False]]),
    ).unseen
    assert sum(found) == sum(reference.unseen[:60]) - 1
    assert not found[first]


def test_canary_that_does_not_say_what_it_has_seen(
    local_cluster: LocalCluster, tmp_path: Path
) -> None:
    expected = r"^artifacts/current/reference\.npz of canary-1 is unusable: .*unseen is not a"
    with pytest.raises(UnreachableError, match=expected):
        asked_with(local_cluster, tmp_path, cases=GOOD["cases"], targets=GOOD["targets"])


class Scripted:
    """A cluster whose canaries answer as they are told; the stable one answers 0.25."""

    def __init__(self, *answers: object, pods: int = 1, seconds: float = 0) -> None:
        self.answers = list(answers)
        self.seconds = seconds
        self.asked: list[str] = []
        self._lock = threading.Lock()
        self._pods = [Pod("stable-1", "stable", True, 0)]
        self._pods += [Pod(f"canary-{each}", "canary", True, 0) for each in range(1, pods + 1)]

    def pods(self) -> list[Pod]:
        return self._pods

    def ask_pod(self, pod: str, path: str, body: object = None, **headers: str) -> bytes:
        assert (path, headers) == ("/predict", {"X-Traffic": "generated"})
        with self._lock:
            self.asked.append(pod)
            if pod == "stable-1":
                answer: object = {"probability_malignant": 0.25, "threshold": 0.5}
            else:
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, str):
            time.sleep(self.seconds)
            raise UnreachableError(answer)
        return json.dumps(answer).encode()

    def read_file(self, pod: str, path: str) -> bytes:
        return archive(**LABELLED._asdict())


ANSWER = {"probability_malignant": 0.75, "threshold": 0.4}
LABELLED = LabelledCases(
    np.ones((300, 30)),
    np.zeros(300, dtype=np.int64),
    np.ones(300, np.bool_),
    np.full(300, 0.75),
    np.full((1, 300), 0.75),
)


def test_cross_validation_of_the_same_data_is_compared(
    local_cluster: LocalCluster, reference: Reference, tmp_path: Path
) -> None:
    count = len(reference.targets)
    found = asked_with(
        local_cluster,
        tmp_path,
        count,
        cases=reference.cases,
        targets=reference.targets,
        unseen=reference.unseen,
        malignant=reference.malignant + 0.01,
        out_of_fold=np.array([np.ones(count), np.full(count, 0.5)]),
    )
    assert found.canary_out_of_fold == OutOfFold(
        [0.75] * count, [0.125 if target == 0 else 0.625 for target in found.targets]
    )
    assert found.stable_out_of_fold is not None
    np.testing.assert_allclose(
        found.stable_out_of_fold.malignant, reference.out_of_fold.mean(axis=0)
    )
    assert found.deviation == pytest.approx(0.01)


def test_case_that_is_not_answered_at_once_is_asked_again() -> None:
    cluster = Scripted(*["gone"] * (TRIES - 1), ANSWER)
    answered = ask_cases(cluster, few(LABELLED, 1))
    assert (answered.stable, answered.canary) == ([0.25], [0.75])
    assert (answered.stable_threshold, answered.canary_threshold) == (0.5, 0.4)
    assert cluster.asked == ["stable-1", *["canary-1"] * TRIES]
    assert (answered.stable_failures, answered.canary_failures) == (0, TRIES - 1)


def test_pod_that_hangs_is_not_asked_everything() -> None:
    cluster = Scripted("timed out", seconds=0.02)
    with pytest.raises(UnreachableError, match=r"^timed out$"):
        ask_cases(cluster, LABELLED)
    assert cluster.asked.count("canary-1") <= 4 * TRIES * WORKERS  # not TRIES * 300


@pytest.mark.parametrize(
    "answer", [{}, [], None, {"probability_malignant": "x"}, {"probability_malignant": None}]
)
def test_answer_that_is_none(answer: object) -> None:
    with pytest.raises(UnreachableError) as caught:
        ask_cases(Scripted(answer), few(LABELLED, 1))
    assert str(caught.value) == f"canary-1 answers {json.dumps(answer)}"


def test_warm_up_of_each_ready_canary(local_cluster: LocalCluster) -> None:
    canary = local_cluster.local[1]
    local_cluster.local += [
        LocalPod("canary-2", "canary", canary.url),
        LocalPod("canary-3", "canary", canary.url, is_ready=False),
    ]
    warm_up(local_cluster, read_cases(local_cluster))
    asked = [("canary-1", "/predict")] * WARM_UP + [("canary-2", "/predict")] * WARM_UP
    assert local_cluster.asked == asked


def test_warm_up_does_not_insist() -> None:
    cluster = Scripted("gone", pods=3)
    warm_up(cluster, LABELLED)
    assert cluster.asked == ["canary-1", "canary-2", "canary-3"]

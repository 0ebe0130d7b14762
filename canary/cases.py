"""The labelled cases of the model that serves, asked from one pod of each track alone.

They are the stable model's, not the canary's: one that was trained on wrong labels would be right
by its own. But which of them are unseen, both have to say: a model of data that has grown, or is in
another order, was fitted to other cases. What cross-validation answered is compared only where both
models come from the same cases with the same labels.
"""

import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from bc_model.arrays import MALIGNANT, BoolArray, FloatArray, IntArray
from canary.cluster import Cluster, UnreachableError, as_json
from canary.observation import Cases, OutOfFold

WORKERS = 6
TRIES = 3
WARM_UP = 30
"""Cases for each new pod before it is watched."""

HEADERS = {"X-Traffic": "generated"}


REFERENCE = "artifacts/current/reference.npz"
"""Where they are in the image."""


class LabelledCases(NamedTuple):
    """Measurements (n, 30); targets (n,), 0 malignant, 1 benign; which the model has not seen.

    The model answered ``malignant`` (n,), and in each of r repeats of cross-validation those that
    had not seen the case answered ``out_of_fold`` (r, n).
    """

    cases: FloatArray
    targets: IntArray
    unseen: BoolArray
    malignant: FloatArray
    out_of_fold: FloatArray


class _Answer(NamedTuple):
    probability: float
    threshold: float
    failures: int


def read_cases(cluster: Cluster, track: str = "stable") -> LabelledCases:
    """Return the labelled cases of a track's model; UnreachableError when they cannot be read."""
    pod = _ready_pod(cluster, track)
    content = cluster.read_file(pod, REFERENCE)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            labelled = LabelledCases(*(archive[name] for name in LabelledCases._fields))
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise UnreachableError(f"{REFERENCE} of {pod} is unusable: {error}") from error
    shapes = [each.shape for each in labelled]
    n = len(labelled.cases)
    if shapes[0][1:] == () or shapes[1:] != [(n,), (n,), (n,), (*shapes[4][:1], n)]:
        raise UnreachableError(f"{REFERENCE} of {pod} is unusable: its arrays have shapes {shapes}")
    if not n:
        raise UnreachableError(f"{REFERENCE} of {pod} is unusable: it has no cases")
    return labelled


def ask_cases(cluster: Cluster, labelled: LabelledCases) -> Cases:
    """Return what both tracks answer to all labelled cases; UnreachableError when one does not.

    Unseen are those that the canary's model says it has not seen, too.
    """
    own = read_cases(cluster, "canary")
    unseen = _unseen(labelled) & _unseen(own)
    stable = _answers(cluster, "stable", labelled)
    canary = _answers(cluster, "canary", labelled)
    is_same_data = all(map(np.array_equal, labelled[:2], own[:2]))
    stable_out_of_fold, canary_out_of_fold = (
        averaged(each.out_of_fold, each.targets) if is_same_data else None
        for each in (labelled, own)
    )
    return Cases(
        targets=labelled.targets.tolist(),
        unseen=[case.tobytes() in unseen for case in labelled.cases],
        stable=[answer.probability for answer in stable],
        canary=[answer.probability for answer in canary],
        stable_threshold=stable[0].threshold,
        canary_threshold=canary[0].threshold,
        stable_failures=sum(answer.failures for answer in stable),
        canary_failures=sum(answer.failures for answer in canary),
        stable_out_of_fold=stable_out_of_fold,
        canary_out_of_fold=canary_out_of_fold,
        deviation=_deviation(labelled, [answer.probability for answer in canary], own),
    )


def averaged(out_of_fold: FloatArray, targets: IntArray) -> OutOfFold:
    """Return the means over the repeats of what cross-validation answered (r, n)."""
    errors = (out_of_fold - (targets == MALIGNANT)) ** 2
    return OutOfFold(out_of_fold.mean(axis=0).tolist(), errors.mean(axis=0).tolist())


def warm_up(cluster: Cluster, labelled: LabelledCases) -> None:
    """Ask each pod of the canary a few cases: its first answers take longer."""
    for pod in cluster.pods():
        if pod.track == "canary" and pod.is_ready:
            _warm_up(cluster, pod.name, labelled)


def _warm_up(cluster: Cluster, pod: str, labelled: LabelledCases) -> None:
    for case in labelled.cases[:WARM_UP].tolist():
        try:
            _ask(cluster, pod, case, failures=TRIES - 1)
        except UnreachableError:
            return  # the step will show it; many pods that hang would take very long here


def _unseen(labelled: LabelledCases) -> set[bytes]:
    """Return the unseen cases' content; what stands among the seen ones as well is seen."""
    marks = labelled.unseen.astype(bool)
    unseen, seen = (
        {case.tobytes() for case in labelled.cases[marked]} for marked in (marks, ~marks)
    )
    return unseen - seen


def _deviation(labelled: LabelledCases, answers: list[float], own: LabelledCases) -> float:
    """Return how far the ``answers`` are from those of the canary's ``own`` artifact."""
    expected = {
        case.tobytes(): float(answer) for case, answer in zip(own.cases, own.malignant, strict=True)
    }
    return max(
        abs(answer - expected.get(case.tobytes(), answer))
        for case, answer in zip(labelled.cases, answers, strict=True)
    )


def _answers(cluster: Cluster, track: str, labelled: LabelledCases) -> list[_Answer]:
    pod = _ready_pod(cluster, track)
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(lambda case: _ask(cluster, pod, case), labelled.cases.tolist()))


def _ready_pod(cluster: Cluster, track: str) -> str:
    for pod in cluster.pods():
        if pod.track == track and pod.is_ready:
            return pod.name
    raise UnreachableError(f"no pod of the {track} track is ready")


def _ask(cluster: Cluster, pod: str, case: list[float], failures: int = 0) -> _Answer:
    try:
        answer = as_json(cluster.ask_pod(pod, "/predict", {"features": case}, **HEADERS))
    except UnreachableError:
        if failures + 1 < TRIES:
            return _ask(cluster, pod, case, failures + 1)
        raise
    try:
        return _Answer(float(answer["probability_malignant"]), float(answer["threshold"]), failures)
    except (KeyError, TypeError, ValueError) as error:
        raise UnreachableError(f"{pod} answers {json.dumps(answer)[:200]}") from error

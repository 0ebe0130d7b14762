"""Describe what was seen of the stable track and of the canary in a step: all that the judge knows.

One step is one observation; those of a run can be merged, and are checked before they are judged.
"""

from collections.abc import Sequence
from functools import reduce
from itertools import pairwise

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike

TOLERANCE = 1e-6
"""Beyond which an answer is another one; what it is scored with changes it by below 1e-12."""

FEW = 3
"""How many failures of the traffic are described in full."""


class Histogram(Struct, frozen=True):
    """Counts of one histogram, not cumulative.

    ``bounds`` are the upper bounds of the finite buckets, ascending; ``counts`` has one number
    more: the last counts what lies above all bounds.
    """

    bounds: list[float]
    counts: list[int]


WAITS = [0.00025 * 1.25**step for step in range(52)]
"""Bounds of what clients wait, in seconds: from 0.25 ms to 22 s, so that 1.25 times is seen."""


def histogram(values: ArrayLike, bounds: Sequence[float]) -> Histogram:
    """Return how many of the values lie in each bucket."""
    counts = np.bincount(np.searchsorted(bounds, values), minlength=len(bounds) + 1)
    return Histogram(list(bounds), counts.tolist())


GENERATED_STRATUM = "generated "
"""How the names of generated requests' strata begin; the endpoint follows."""


class Stratum(Struct, frozen=True):
    """Requests of one kind: to one endpoint, and users' or generated; ``latency`` in seconds."""

    requests: int
    errors: int
    latency: Histogram


class Track(Struct, frozen=True):
    """What one track did in the step.

    ``requests`` are those on the endpoints that clients call, without probes and /metrics;
    ``generated`` of them came from the traffic generator. ``errors`` are users' requests answered
    with 500 or more, and the ``generated_errors``: generated ones, which are all valid, answered
    with other than 2xx. ``latency`` is in seconds. ``predictions`` counts answers by ``malignant``
    and ``benign``, ``probabilities`` the answered probabilities of malignant. ``restarts`` are
    those of the pods' containers since the pods came; ``down`` pods were there in the step, and
    are gone or not ready at its end.

    ``strata`` are the requests by endpoint, like ``/predict``; generated ones are kept apart, as
    ``generated /predict``. ``waits`` are how long the generator's requests took that this track
    answered, by the generator's clock; ``wrong`` of them, out of the ``checked`` ones, were
    answered otherwise than before.
    """

    image: str
    model_versions: list[str]
    requests: int
    errors: int
    latency: Histogram
    predictions: dict[str, int]
    probabilities: Histogram
    restarts: int
    generated: int
    generated_errors: int = 0
    down: int = 0
    strata: dict[str, Stratum] = {}
    waits: Histogram = Histogram([], [0])
    checked: int = 0
    wrong: int = 0


class OutOfFold(Struct, frozen=True):
    """What models that had not seen a case answered to it in cross-validation, in the mean.

    ``malignant`` are the probabilities (n,), and ``squared_error`` how far each was from the truth.
    """

    malignant: list[float]
    squared_error: list[float]


class Cases(Struct, frozen=True):
    """The artifact's labelled cases, asked from both tracks: lists of one length.

    ``targets`` are 0 for malignant and 1 for benign, as in scikit-learn's data set; ``unseen``
    marks those that neither model was fitted on. ``stable`` and ``canary`` are the probabilities
    of malignant that a pod of each answered; from its threshold on, a track answers malignant.
    ``stable_failures`` and ``canary_failures`` are requests for them that failed, and were
    repeated.

    ``stable_out_of_fold`` and ``canary_out_of_fold`` are None if the models come from different
    data. ``deviation`` is the largest difference between an answer of the canary and what its
    artifact says that its model answers.
    """

    targets: list[int]
    unseen: list[bool]
    stable: list[float]
    canary: list[float]
    stable_threshold: float
    canary_threshold: float
    stable_failures: int = 0
    canary_failures: int = 0
    stable_out_of_fold: OutOfFold | None = None
    canary_out_of_fold: OutOfFold | None = None
    deviation: float = 0.0


class Observation(Struct, frozen=True):
    """Both tracks in the step from ``started`` to ``ended`` (ISO 8601, UTC).

    ``cases`` is None when they could not be asked; ``problem`` says why something could not be
    measured. Of the ``sent`` generated requests, ``lost`` failed where no pod counts an error: they
    were refused, cut off or not answered in time, or a proxy answered them. ``failures``
    describes a few.
    """

    started: str
    ended: str
    stable: Track
    canary: Track
    cases: Cases | None
    problem: str = ""
    sent: int = 0
    lost: int = 0
    failures: list[str] = []


def whole(observations: Sequence[Observation]) -> Observation:
    """Return at least one step as one observation; the cases are those that were asked last."""
    return reduce(_merge, observations)


def split(observation: Observation) -> float | None:
    """Return the canary's share of the requests, if there were any."""
    requests = observation.stable.requests + observation.canary.requests
    return observation.canary.requests / requests if requests else None


def _merge(earlier: Observation, later: Observation) -> Observation:
    return Observation(
        started=earlier.started,
        ended=later.ended,
        stable=_merged(earlier.stable, later.stable),
        canary=_merged(earlier.canary, later.canary),
        cases=later.cases or earlier.cases,
        problem=" ".join(filter(None, (earlier.problem, later.problem))),
        sent=earlier.sent + later.sent,
        lost=earlier.lost + later.lost,
        failures=[*earlier.failures, *later.failures][:FEW],
    )


def _merged(earlier: Track, later: Track) -> Track:
    return Track(
        image=later.image,
        model_versions=sorted({*earlier.model_versions, *later.model_versions}),
        requests=earlier.requests + later.requests,
        errors=earlier.errors + later.errors,
        latency=_add(earlier.latency, later.latency),
        predictions={
            name: earlier.predictions.get(name, 0) + later.predictions.get(name, 0)
            for name in {**earlier.predictions, **later.predictions}
        },
        probabilities=_add(earlier.probabilities, later.probabilities),
        restarts=max(earlier.restarts, later.restarts),
        generated=earlier.generated + later.generated,
        generated_errors=earlier.generated_errors + later.generated_errors,
        down=max(earlier.down, later.down),
        strata={
            name: _joined(earlier.strata.get(name), later.strata.get(name))
            for name in {**earlier.strata, **later.strata}
        },
        waits=_add(earlier.waits, later.waits),
        checked=earlier.checked + later.checked,
        wrong=earlier.wrong + later.wrong,
    )


def _joined(earlier: Stratum | None, later: Stratum | None) -> Stratum:
    nothing = Stratum(0, 0, Histogram([], [0]))
    earlier, later = earlier or nothing, later or nothing
    return Stratum(
        earlier.requests + later.requests,
        earlier.errors + later.errors,
        _add(earlier.latency, later.latency),
    )


def _add(earlier: Histogram, later: Histogram) -> Histogram:
    """Return the sum, with the bounds of both; a step without any reading has no bounds."""
    if not earlier.bounds or not later.bounds:
        return later if later.bounds else earlier
    bounds = common_bounds([earlier, later])
    both = (rebinned(each, bounds).counts for each in (earlier, later))
    return Histogram(bounds, [a + b for a, b in zip(*both, strict=True)])


def common_bounds(histograms: Sequence[Histogram]) -> list[float]:
    """Return the bounds that all have: a release may change them."""
    return sorted(set.intersection(*({*each.bounds} for each in histograms))) if histograms else []


def rebinned(histogram: Histogram, bounds: list[float]) -> Histogram:
    """Return the histogram with ``bounds``, which are some of its own."""
    if histogram.bounds == bounds:
        return histogram
    cumulative = np.cumsum(histogram.counts)
    kept = [int(cumulative[histogram.bounds.index(bound)]) for bound in bounds]
    counts = np.diff([0, *kept, int(cumulative[-1])])
    return Histogram(bounds, counts.tolist())


def counts_problem(name: str, track: Track) -> str:
    """Return what is wrong with the counts of the track called ``name``; nothing when all is well.

    Counters that were reset, or rates in their place, show as negative or broken numbers.
    """
    if not _is_count(track.restarts):
        return f"a count of the {name} is not a whole number of at least 0"
    counts = [(track.requests, track.errors)]
    counts += [(each.requests, each.errors) for each in track.strata.values()]
    for requests, errors in counts:
        if not _is_count(requests) or not _is_count(errors):
            return f"a count of the {name} is not a whole number of at least 0"
        if errors > requests:
            return f"the {name} has {errors} errors among {requests} requests"
    return ""


def histogram_problem(what: str, stable: Histogram, canary: Histogram) -> str:
    """Return what is wrong with a histogram of either track, or keeps the two from comparison."""
    for name, histogram in (("stable", stable), ("canary", canary)):
        bounds = histogram.bounds
        if not (bounds and np.isfinite(bounds).all() and bounds[0] > 0):
            return f"the {what} histogram of the {name} has no finite positive bounds"
        if any(low >= high for low, high in pairwise(bounds)):
            return f"the bounds of the {name}'s {what} histogram do not ascend"
        if len(histogram.counts) != len(bounds) + 1:
            return (
                f"the {name}'s {what} histogram has {len(histogram.counts)} counts for "
                f"{len(bounds)} bounds"
            )
        if not all(_is_count(count) for count in histogram.counts):
            return f"a count of the {name}'s {what} histogram is not a whole number of at least 0"
    if not common_bounds([stable, canary]):
        return f"the tracks' {what} histograms have no bounds in common"
    return ""


def labels_problem(name: str, track: Track) -> str:
    """Return what is wrong with the counts of predictions."""
    if set(track.predictions) - {"malignant", "benign"}:
        return f"the {name} counts predictions other than malignant and benign"
    if not all(_is_count(count) for count in track.predictions.values()):
        return f"a count of the {name}'s predictions is not a whole number of at least 0"
    return ""


def cases_problem(cases: Cases) -> str:
    """Return what is wrong with the labelled cases."""
    lengths = {len(cases.targets), len(cases.unseen), len(cases.stable), len(cases.canary)}
    for repeated in filter(None, (cases.stable_out_of_fold, cases.canary_out_of_fold)):
        lengths |= {len(repeated.malignant), len(repeated.squared_error)}
    if len(lengths) != 1:
        return "the labelled cases are not answered one for one"
    if set(cases.targets) != {0, 1}:
        return "the labelled cases are not of both classes, 0 and 1"
    for name, answers, threshold, out_of_fold in (
        ("stable", cases.stable, cases.stable_threshold, cases.stable_out_of_fold),
        ("canary", cases.canary, cases.canary_threshold, cases.canary_out_of_fold),
    ):
        if not _are_shares([*answers, threshold]):
            return f"the {name} answered a labelled case with something that is not a probability"
        if out_of_fold and not _are_shares([*out_of_fold.malignant, *out_of_fold.squared_error]):
            return f"the {name}'s cross-validation has something that is not a probability"
    return ""


def _are_shares(values: Sequence[float]) -> bool:
    array = np.array(values, dtype=np.float64)
    return bool(((array >= 0) & (array <= 1)).all())


def _is_count(value: float) -> bool:
    return value >= 0 and value == int(value) if np.isfinite(value) else False

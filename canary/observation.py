"""What was seen of the stable track and of the canary in one window: all that the judge knows."""

from msgspec import Struct


class Histogram(Struct, frozen=True):
    """Counts of one histogram, not cumulative.

    ``bounds`` are the upper bounds of the finite buckets, ascending; ``counts`` has one number
    more: the last counts what lies above all bounds.
    """

    bounds: list[float]
    counts: list[int]


class Track(Struct, frozen=True):
    """What one track did in the window.

    ``requests`` are those on the endpoints that clients call, without probes and /metrics;
    ``generated`` of them came from the traffic generator. ``errors`` are users' requests answered
    with 500 or more, and the ``generated_errors``: generated ones, which are all valid, answered
    with other than 2xx. ``latency`` is in seconds. ``predictions`` counts answers by ``malignant``
    and ``benign``, ``probabilities`` the answered probabilities of malignant. ``restarts`` are
    those of the pods' containers since the pods came; ``down`` pods were there in the window, and
    are gone or not ready at its end.
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


class Cases(Struct, frozen=True):
    """The artifact's labelled cases, asked from both tracks: lists of one length.

    ``targets`` are 0 for malignant and 1 for benign, as in scikit-learn's data set; ``unseen``
    marks those that neither model was fitted on. ``stable`` and ``canary`` are the probabilities
    of malignant that a pod of each answered; from its threshold on, a track answers malignant.
    ``stable_failures`` and ``canary_failures`` are requests for them that failed, and were
    repeated.
    """

    targets: list[int]
    unseen: list[bool]
    stable: list[float]
    canary: list[float]
    stable_threshold: float
    canary_threshold: float
    stable_failures: int = 0
    canary_failures: int = 0


class Observation(Struct, frozen=True):
    """Both tracks in the window from ``started`` to ``ended`` (ISO 8601, UTC).

    ``cases`` is None when they could not be asked; ``problem`` says why something could not be
    measured. Of the ``sent`` generated requests, ``lost`` failed where no pod counts an error: they
    were refused, cut off or not answered in time, or a proxy answered them. ``failures`` tells a
    few in words.
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

"""The manifest of a model: everything about it except its arrays, and whether that makes sense."""

import hashlib
import re
from typing import Annotated

import msgspec
from msgspec import Meta

from bc_model.features import FEATURE_COUNT, FEATURE_NAMES

_SANE_VERSION = re.compile(r"[A-Za-z0-9._-]{1,64}")

Count = Annotated[int, Meta(ge=0)]
Probability = Annotated[float, Meta(ge=0, le=1)]
Threshold = Annotated[float, Meta(gt=0, lt=1)]


class Feature(msgspec.Struct, frozen=True):
    """A feature as it was in training; values in ``unit``."""

    name: str
    measurement: str
    statistic: str
    unit: str
    description: str
    median: float
    minimum: float
    maximum: float
    percentiles: dict[str, float]


class Estimate(msgspec.Struct, frozen=True):
    """An estimate with its 95 % confidence interval."""

    value: float
    low: float
    high: float


class OperatingPoint(msgspec.Struct, frozen=True):
    """Sensitivity and specificity at a threshold, on cases the model was not fitted on."""

    threshold: Probability
    sensitivity: Estimate
    specificity: Estimate


class VerdictLimits(msgspec.Struct, frozen=True):
    """Malignant is possible from a probability of ``malignant_from``, benign up to ``benign_to``.

    About ``alpha`` of the cases of a diagnosis have it ruled out (`bc_model.verdict`).
    """

    alpha: Probability
    malignant_from: Probability
    benign_to: Probability


class VerdictShares(msgspec.Struct, frozen=True):
    """How many of the cases with one diagnosis get the other verdict, or ``uncertain``."""

    wrong: Estimate
    uncertain: Estimate


class TrainingData(msgspec.Struct, frozen=True):
    """Where the model comes from; ``unseen`` of the ``cases`` were kept from it."""

    source: str
    sha256: str
    cases: int
    malignant: Count
    benign: Count
    trained_on: Count
    unseen: Count


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of training; ``C`` is the classifier's penalty, ``refits`` the bootstrap's size."""

    C: Annotated[float, Meta(gt=0)] = 1.0
    seed: int = 42
    threshold: Threshold = 0.5
    refits: Annotated[int, Meta(ge=1)] = 50

    def __post_init__(self) -> None:
        """Make ``C`` a float: 1 and 1.0 are the same penalty, but not the same text to hash."""
        msgspec.structs.force_setattr(self, "C", float(self.C))


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """``manifest.json``: everything about a model except its arrays."""

    format: int
    model_version: str
    algorithm: str
    threshold: Threshold
    features: list[Feature]
    data: TrainingData
    parameters: Parameters
    cross_validation: dict[str, Estimate]
    unseen: dict[str, Estimate]
    operating_points: list[OperatingPoint]
    verdict: VerdictLimits
    verdict_shares: dict[str, dict[str, VerdictShares]]
    blunders: dict[str, Estimate]
    libraries: dict[str, str]
    files: dict[str, str]
    checksum: str = ""


def fault(manifest: Manifest) -> str:
    """Return what makes no sense in a manifest, whoever has sealed it."""
    names = tuple(feature.name for feature in manifest.features)
    if names != FEATURE_NAMES:
        return f"names {len(names)} features, which are not the {FEATURE_COUNT} in their order"
    if not _SANE_VERSION.fullmatch(manifest.model_version):
        return f"has the version {manifest.model_version!r}"
    for feature in manifest.features:
        if not 0 <= feature.minimum <= feature.median <= feature.maximum:
            return f"has an invalid range of {feature.name}"
    return ""


def sealed(manifest: Manifest) -> Manifest:
    """Return ``manifest`` with the checksum of all its other fields."""
    content = msgspec.json.encode(msgspec.structs.replace(manifest, checksum=""), order="sorted")
    return msgspec.structs.replace(manifest, checksum=hashlib.sha256(content).hexdigest())

"""The artifact on disk: written whole or not at all, verified, loaded. Nothing is unpickled.

``artifacts/<model_version>/`` holds one model and ``artifacts/current`` points to the one in use.
``manifest.json`` names every other file with its SHA-256, and carries a checksum of itself.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import fields
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import msgspec
import numpy as np

from bc_model.arrays import FloatArray
from bc_model.predictor import ModelArrays

FORMAT = 2
"""Raised when a reader of the former format could not read what is written now."""

MODEL, REFERENCE, MANIFEST = "model.npz", "reference.npz", "manifest.json"
CURRENT = "current"


class ArtifactError(Exception):
    """The artifact cannot be used; the message names the file and what to do."""


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

    threshold: float
    sensitivity: Estimate
    specificity: Estimate


class VerdictLimits(msgspec.Struct, frozen=True):
    """Malignant is possible from a probability of ``malignant_from``, benign up to ``benign_to``.

    About ``alpha`` of the cases of a diagnosis have it ruled out (`bc_model.verdict`).
    """

    alpha: float
    malignant_from: float
    benign_to: float


class VerdictShares(msgspec.Struct, frozen=True):
    """How many of the cases with one diagnosis get the other verdict, or ``uncertain``."""

    wrong: Estimate
    uncertain: Estimate


class TrainingData(msgspec.Struct, frozen=True):
    """Where the model comes from; ``unseen`` of the ``cases`` were kept from it."""

    source: str
    sha256: str
    cases: int
    malignant: int
    benign: int
    trained_on: int
    unseen: int


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of training; ``C`` is the classifier's penalty, ``refits`` the bootstrap's size."""

    C: float = 1.0
    seed: int = 42
    threshold: float = 0.5
    refits: int = 50

    def __post_init__(self) -> None:
        """Make ``C`` a float: 1 and 1.0 are the same penalty, but not the same text to hash."""
        msgspec.structs.force_setattr(self, "C", float(self.C))


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """``manifest.json``: everything about a model except its arrays."""

    format: int
    model_version: str
    algorithm: str
    threshold: float
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


class Reference(msgspec.Struct, frozen=True):
    """``reference.npz``: the data that later cases are compared with.

    ``edges`` (d, 9) are the inner deciles of the training cases and ``counts`` (d, 10) how many
    of them fall between; ``cases`` (n, d) with ``targets`` (n,) are all labelled cases, of which
    the model was not fitted on ``unseen`` (n,), and answered ``malignant`` (n,). ``out_of_fold``
    (r, n) is what the models of each repeat of cross-validation, which had not seen the case,
    answered. ``feature_thresholds`` and ``score_thresholds`` (s,) are the drifts beyond chance at
    `bc_model.drift.NULL_SIZES`.
    """

    edges: FloatArray
    counts: np.ndarray[Any, Any]
    cases: FloatArray
    targets: np.ndarray[Any, Any]
    unseen: np.ndarray[Any, Any]
    malignant: FloatArray
    out_of_fold: FloatArray
    feature_thresholds: FloatArray
    score_thresholds: FloatArray


def publish(root: Path, manifest: Manifest, files: Mapping[str, Callable[[Path], object]]) -> Path:
    """Write ``root/<model_version>`` from writers by file name, and point ``current`` to it.

    The directory appears under its name only when it is complete.
    """
    root.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(prefix=".building-", dir=root))
    try:
        for name, write in files.items():
            write(building / name)
        hashes = {name: _sha256(building / name) for name in sorted(files)}
        complete = _sealed(msgspec.structs.replace(manifest, files=hashes))
        (building / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(complete)))
        building.chmod(0o755)
        building.rename(root / manifest.model_version)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    use(root, manifest.model_version)
    return root / manifest.model_version


def use(root: Path, model_version: str) -> None:
    """Point ``current`` to a model, in one step."""
    link = Path(tempfile.mkdtemp(prefix=".linking-", dir=root))
    try:
        (link / CURRENT).symlink_to(model_version)
        (link / CURRENT).rename(root / CURRENT)
    finally:
        shutil.rmtree(link, ignore_errors=True)


def in_use(root: Path) -> str | None:
    """Return the version that ``current`` points to."""
    link = root / CURRENT
    return link.readlink().name if link.is_symlink() else None


def verify(directory: Path) -> Manifest:
    """Return the manifest after checking that every file is whole and unaltered.

    Raises:
        ArtifactError: a file is missing or altered.
    """
    manifest = read_manifest(directory)
    for name in manifest.files:
        _check(directory, name, manifest)
    return manifest


def read_manifest(directory: Path) -> Manifest:
    """Return the manifest of the artifact in ``directory``.

    Raises:
        ArtifactError: it is missing, altered, or of another format.
    """
    if not (directory / MANIFEST).exists() and not (directory / MODEL).exists():
        raise ArtifactError(_no_artifact(directory.absolute()))
    try:
        manifest = msgspec.json.decode(_read(directory, MANIFEST), type=Manifest)
    except msgspec.DecodeError as error:
        raise _unusable(directory, MANIFEST, f"is not a manifest ({error})") from error
    if manifest.format != FORMAT:
        raise _unusable(directory, MANIFEST, f"has format {manifest.format}, not {FORMAT}")
    if manifest.checksum != _sealed(manifest).checksum:
        raise _unusable(directory, MANIFEST, "was altered: its checksum differs")
    return manifest


def load_model(directory: Path, manifest: Manifest) -> ModelArrays:
    """Return the arrays of ``model.npz``, after checking its hash."""
    arrays = _load(directory, MODEL, manifest, tuple(field.name for field in fields(ModelArrays)))
    return ModelArrays(**arrays)


def load_reference(directory: Path, manifest: Manifest) -> Reference:
    """Return the arrays of ``reference.npz``, after checking its hash."""
    return Reference(**_load(directory, REFERENCE, manifest, Reference.__struct_fields__))


_TRAIN = "python -m bc_model train"


def _no_artifact(directory: Path) -> str:
    """Return what is wrong with a directory that has no manifest, and what would be right."""
    if not directory.exists():
        return f"{directory} does not exist; name the directory of a model, or train one: {_TRAIN}"
    if (directory / CURRENT / MANIFEST).exists():
        return f"{directory} is not a model, but holds models; name one, as {directory / CURRENT}"
    return f"{directory} is not a model: it has no {MANIFEST}; name a model, or train one: {_TRAIN}"


def _unusable(directory: Path, name: str, reason: str) -> ArtifactError:
    """Return the error about a damaged file of the model in ``directory``; it says to retrain."""
    where = directory.absolute()
    return ArtifactError(f"{where / name} {reason}; delete {where} and train again: {_TRAIN}")


def _load(
    directory: Path, name: str, manifest: Manifest, expected: tuple[str, ...]
) -> dict[str, Any]:
    content = BytesIO(_check(directory, name, manifest))
    try:
        with np.load(content, allow_pickle=False) as archive:
            return {key: archive[key] for key in expected}
    except (ValueError, KeyError, BadZipFile) as error:
        raise _unusable(directory, name, f"cannot be read ({error})") from error


def _check(directory: Path, name: str, manifest: Manifest) -> bytes:
    """Return the file's content, which has the hash that the manifest records."""
    recorded = manifest.files.get(name)
    if recorded is None:
        raise _unusable(directory, MANIFEST, f"does not name {name}")
    content = _read(directory, name)
    if hashlib.sha256(content).hexdigest() != recorded:
        raise _unusable(directory, name, "was altered: its SHA-256 is not the manifest's")
    return content


def _read(directory: Path, name: str) -> bytes:
    try:
        return (directory / name).read_bytes()
    except OSError as error:
        raise _unusable(directory, name, f"cannot be read ({error.strerror})") from error


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _sealed(manifest: Manifest) -> Manifest:
    """Return ``manifest`` with the checksum of all its other fields."""
    content = msgspec.json.encode(msgspec.structs.replace(manifest, checksum=""), order="sorted")
    return msgspec.structs.replace(manifest, checksum=hashlib.sha256(content).hexdigest())

"""The artifact on disk: written whole or not at all, verified, loaded. Nothing is unpickled.

``artifacts/<model_version>/`` holds one model and ``artifacts/current`` points to the one in use.
``manifest.json`` names every other file with its SHA-256, and carries a checksum of itself.
"""

import fcntl
import hashlib
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import msgspec
import numpy as np

from bc_model.arrays import FloatArray
from bc_model.features import FEATURE_COUNT
from bc_model.manifest import Manifest, fault, sealed
from bc_model.predictor import ModelArrays

FORMAT = 2
"""Raised when a reader of the former format could not read what is written now."""

LARGEST_FILE = 2**28
"""Bytes of a file, or of one of its arrays, beyond which it is not ours."""

NEEDED_BYTES = 2**24
"""Space that there must be for a model; the one of 569 cases takes a tenth of it."""

MODEL_SHAPES: dict[str, tuple[str | int, ...]] = {
    "median": ("d",), "mean": ("d",), "scale": ("d",), "gamma": (), "cases": ("n", "d"),
    "coefficients": ("refits", "n"), "intercepts": ("refits",), "closeness": ("n",),
    "closeness_floor": (), "centres": (2, "d"), "whitening": ("d", "d"), "distance_limit": (),
    "ratio_limits": (2, 4), "lowest": ("d",), "highest": ("d",),
}  # fmt: skip
REFERENCE_SHAPES: dict[str, tuple[str | int, ...]] = {
    "edges": ("d", 9), "counts": ("d", 10), "cases": ("n", "d"), "targets": ("n",),
    "unseen": ("n",), "malignant": ("n",), "out_of_fold": ("repeats", "n"),
    "feature_thresholds": ("sizes",), "score_thresholds": ("sizes",),
}  # fmt: skip
"""The shapes of the arrays; a letter or word is a length that is the same everywhere."""

_DTYPES: dict[str, type] = {"counts": np.int64, "targets": np.int64, "unseen": np.bool_}

MODEL, REFERENCE, MANIFEST = "model.npz", "reference.npz", "manifest.json"
SIGNATURE = "manifest.sig"
CURRENT = "current"


class ArtifactError(Exception):
    """The artifact cannot be used; the message names the file and what to do."""


class _Format(msgspec.Struct, frozen=True):
    format: int


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


def check_writable(root: Path) -> None:
    """Make sure that a model can be published under ``root``: before hours of work, not after.

    Raises:
        ArtifactError: it cannot.
    """
    nearest = next(place for place in (root, *root.absolute().parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            free = shutil.disk_usage(nearest).free
    except OSError as error:
        raise ArtifactError(f"{root.absolute()} cannot be written to: {error.strerror}") from error
    if free < NEEDED_BYTES:
        raise ArtifactError(
            f"{root.absolute()} has {free} bytes of space left, and a model needs {NEEDED_BYTES}"
        )


def publish(root: Path, manifest: Manifest, files: Mapping[str, Callable[[Path], object]]) -> Path:
    """Write ``root/<model_version>`` from writers by file name, and point ``current`` to it.

    The directory appears under its name only when it is complete. If the same model was published
    meanwhile, it stays.

    Raises:
        ArtifactError: it cannot be written.
    """
    path = root / manifest.model_version
    root.mkdir(parents=True, exist_ok=True)
    try:
        with _alone(root):
            if not path.exists():
                _build(root, manifest, files).rename(path)
            use(root, manifest.model_version)
    except OSError as error:
        raise ArtifactError(
            f"{path.absolute()} cannot be written: {error.strerror or error}"
        ) from error
    return path


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Keep other publishers out, and remove what killed ones have left behind."""
    directory = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        for left in root.glob(".building-*"):
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        os.close(directory)


def _build(root: Path, manifest: Manifest, files: Mapping[str, Callable[[Path], object]]) -> Path:
    building = Path(tempfile.mkdtemp(prefix=".building-", dir=root))
    try:
        for name, write in files.items():
            write(building / name)
        hashes = {name: _sha256(building / name) for name in sorted(files)}
        complete = sealed(msgspec.structs.replace(manifest, files=hashes))
        (building / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(complete)))
        building.chmod(0o755)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    return building


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


def verify(directory: Path, public_key: str = "") -> Manifest:
    """Return the manifest after checking that every file is whole and unaltered.

    Raises:
        ArtifactError: a file is missing or altered, or ``read_manifest`` refuses the manifest.
    """
    manifest = read_manifest(directory, public_key)
    for name in manifest.files:
        _check(directory, name, manifest)
    return manifest


def sign(directory: Path, signature: Callable[[bytes], bytes]) -> bool:
    """Write the ``signature`` of the manifest in ``directory``; return whether it is a new one.

    Raises:
        ArtifactError: the artifact is not whole, or cannot be written to.
    """
    verify(directory)
    path = directory / SIGNATURE
    signed = signature(_read(directory, MANIFEST))
    try:
        if path.exists() and path.read_bytes() == signed:
            return False
        path.write_bytes(signed)
    except OSError as error:
        raise ArtifactError(f"{path.absolute()} cannot be written: {error.strerror}") from error
    return True


def read_manifest(directory: Path, public_key: str = "") -> Manifest:
    """Return the manifest of the artifact in ``directory``.

    Raises:
        ArtifactError: it is missing, altered, of another format, or not signed by the owner of the
            ``public_key``, if there is one.
    """
    if not (directory / MANIFEST).exists() and not (directory / MODEL).exists():
        raise ArtifactError(_no_artifact(directory.absolute()))
    try:
        content = _read(directory, MANIFEST)
        if public_key:
            _check_signature(directory, content, public_key)
        written_as = msgspec.json.decode(content, type=_Format).format
        if written_as != FORMAT:
            raise unusable(directory, MANIFEST, f"has format {written_as}, not {FORMAT}")
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise unusable(directory, MANIFEST, f"is not a manifest ({error})") from error
    if manifest.checksum != sealed(manifest).checksum:
        raise unusable(directory, MANIFEST, "was altered: its checksum differs")
    if reason := fault(manifest):
        raise unusable(directory, MANIFEST, reason)
    return manifest


def _check_signature(directory: Path, content: bytes, public_key: str) -> None:
    from bc_model import signature  # only who asks for it loads the library

    signed = _read(directory, SIGNATURE) if (directory / SIGNATURE).exists() else b""
    if not signature.is_signed(content, signed, public_key):
        where = (directory / MANIFEST).absolute()
        raise ArtifactError(
            f"{where} is not signed with the private key of {public_key}; if the model is yours, "
            "sign it: python -m bc_model sign"
        )


def load_model(directory: Path, manifest: Manifest) -> ModelArrays:
    """Return the arrays of ``model.npz``, after checking its hash, and that they make sense.

    Raises:
        ArtifactError: they do not, or the file is missing or altered.
    """
    arrays = ModelArrays(**_load(directory, MODEL, manifest, MODEL_SHAPES))
    refits, cases = manifest.parameters.refits, manifest.data.trained_on
    if arrays.coefficients.shape != (1 + refits, cases):
        raise unusable(directory, MODEL, "is of another model than the manifest")
    for name in ("median", "scale", "gamma"):
        if not (getattr(arrays, name) > 0).all():
            raise unusable(directory, MODEL, f"has a {name} that is not positive")
    return arrays


def load_reference(directory: Path, manifest: Manifest) -> Reference:
    """Return the arrays of ``reference.npz``, after checking its hash, and that they make sense.

    Raises:
        ArtifactError: they do not, or the file is missing or altered.
    """
    reference = Reference(**_load(directory, REFERENCE, manifest, REFERENCE_SHAPES))
    if len(reference.cases) != manifest.data.cases:
        raise unusable(directory, REFERENCE, "is of another model than the manifest")
    for name in ("targets", "malignant", "out_of_fold"):
        values = getattr(reference, name)
        if values.min() < 0 or values.max() > 1:
            raise unusable(directory, REFERENCE, f"has {name} beyond 0 and 1")
    if reference.unseen.sum() != manifest.data.unseen:
        raise unusable(directory, REFERENCE, "is of another model than the manifest")
    return reference


_TRAIN = "python -m bc_model train"


def _no_artifact(directory: Path) -> str:
    """Return what is wrong with a directory that has no manifest, and what would be right."""
    if not directory.exists():
        return f"{directory} does not exist; name the directory of a model, or train one: {_TRAIN}"
    if (directory / CURRENT / MANIFEST).exists():
        return f"{directory} is not a model, but holds models; name one, as {directory / CURRENT}"
    return f"{directory} is not a model: it has no {MANIFEST}; name a model, or train one: {_TRAIN}"


def unusable(directory: Path, name: str, reason: str) -> ArtifactError:
    """Return the error about a damaged file of the model in ``directory``; it says to retrain."""
    where = directory.absolute()
    return ArtifactError(f"{where / name} {reason}; delete {where} and train again: {_TRAIN}")


def _load(
    directory: Path, name: str, manifest: Manifest, shapes: Mapping[str, tuple[str | int, ...]]
) -> dict[str, Any]:
    content = BytesIO(_check(directory, name, manifest))
    sizes: dict[str | int, int] = {"d": FEATURE_COUNT}
    arrays = {}
    try:
        with ZipFile(content) as archive:
            for key, shape in shapes.items():
                array = arrays[key] = _read_array(archive, f"{key}.npy")
                expected = tuple(
                    sizes.setdefault(size, length) if isinstance(size, str) else size
                    for size, length in zip(shape, array.shape, strict=False)
                )
                if array.shape != expected or array.ndim != len(shape) or 0 in array.shape:
                    raise ValueError(f"{key} has shape {array.shape}")
                if array.dtype != _DTYPES.get(key, np.float64):
                    raise ValueError(f"{key} holds {array.dtype}")
                if np.isnan(array).any() or (key != "ratio_limits" and np.isinf(array).any()):
                    raise ValueError(f"{key} contains NaN or infinity")
    except Exception as error:  # NumPy parses a header as Python, and Python's errors vary
        raise unusable(directory, name, f"cannot be read ({error})") from error
    return arrays


def _read_array(archive: ZipFile, member: str) -> np.ndarray[Any, Any]:
    """Return an array of an archive; what it claims to hold is checked before it is read."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError(f"{member} has version {version}")
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        claimed = math.prod(shape) * dtype.itemsize
        if claimed > LARGEST_FILE or claimed > archive.getinfo(member).file_size:
            raise ValueError(f"{member} claims to hold {claimed} bytes")
    with archive.open(member) as file:
        return np.lib.format.read_array(file, allow_pickle=False)


def _check(directory: Path, name: str, manifest: Manifest) -> bytes:
    """Return the file's content, which has the hash that the manifest records."""
    recorded = manifest.files.get(name)
    if recorded is None:
        raise unusable(directory, MANIFEST, f"does not name {name}")
    content = _read(directory, name)
    if hashlib.sha256(content).hexdigest() != recorded:
        raise unusable(directory, name, "was altered: its SHA-256 is not the manifest's")
    return content


def _read(directory: Path, name: str) -> bytes:
    path = directory / name
    try:
        if not path.is_file():  # a pipe would never end
            path.stat()
            raise unusable(directory, name, "is not a file")
        if path.stat().st_size > LARGEST_FILE:
            raise unusable(directory, name, f"is larger than {LARGEST_FILE} bytes")
        return path.read_bytes()
    except OSError as error:
        raise unusable(directory, name, f"cannot be read ({error.strerror})") from error


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

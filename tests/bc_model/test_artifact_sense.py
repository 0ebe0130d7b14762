"""What makes no sense is refused in one line that names the file, whoever has sealed it."""

import hashlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bc_model import artifact
from bc_model.artifact import ArtifactError
from bc_model.classifier import Classifier
from bc_model.features import FEATURE_NAMES

Arrays = dict[str, Any]
Content = dict[str, Any]


@pytest.fixture
def copy(model_dir: Path, tmp_path: Path) -> Path:
    """A copy of the artifact that may be changed."""
    return Path(shutil.copytree(model_dir, tmp_path / "model"))


def seal(directory: Path, change: Callable[[Content], object] = lambda _: None) -> None:
    """Change the manifest, and make it agree with itself and with the files."""
    path = directory / artifact.MANIFEST
    content = json.loads(path.read_bytes())
    content["files"] = {
        name: hashlib.sha256((directory / name).read_bytes()).hexdigest()
        for name in content["files"]
    }
    change(content)
    content["checksum"] = ""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    content["checksum"] = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(json.dumps(content), encoding="utf-8")


def change_arrays(directory: Path, name: str, change: Callable[[Arrays], object]) -> None:
    with np.load(directory / name) as archive:
        arrays = dict(archive)
    change(arrays)
    np.savez(directory / name, **arrays)
    seal(directory)


def assert_refused(directory: Path, name: str, reason: str) -> None:
    with pytest.raises(ArtifactError) as refusal:
        Classifier.load(directory).load_reference(directory)
    text = str(refusal.value)
    assert text.startswith(f"{directory / name} ")
    assert reason in text
    assert text.endswith("train again: python -m bc_model train")
    assert "\n" not in text


def test_what_is_sealed_anew_and_unchanged_is_loaded(copy: Path) -> None:
    change_arrays(copy, artifact.MODEL, lambda arrays: None)
    change_arrays(copy, artifact.REFERENCE, lambda arrays: None)
    Classifier.load(copy).load_reference(copy)


def put(*path: Any, value: Any) -> Callable[[Any], None]:
    def change(content: Any) -> None:
        for step in path[:-1]:
            content = content[step]
        content[path[-1]] = value

    return change


def rename(content: Content) -> None:
    content["features"][0]["name"], content["features"][1]["name"] = FEATURE_NAMES[1::-1]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        *(
            (put("threshold", value=value), "threshold")
            for value in (0, 1, 2, -1, 1e308, "x", None)
        ),
        (put("parameters", "threshold", value=0), "threshold"),
        (put("parameters", "C", value=0), "C`"),
        (put("parameters", "refits", value=0), "refits"),
        (put("verdict", "alpha", value=2), "alpha"),
        (put("verdict", "malignant_from", value=-0.1), "malignant_from"),
        (put("operating_points", 0, "threshold", value=1.5), "operating_points"),
        (put("data", "unseen", value=-1), "unseen"),
        (put("features", value=[]), "names 0 features"),
        (lambda content: content["features"].pop(), "names 29 features"),
        (lambda content: content["features"].append(content["features"][0]), "names 31 features"),
        (lambda content: content["features"].reverse(), "not the 30 in their order"),
        (rename, "not the 30 in their order"),
        (put("features", 3, "name", value="age"), "not the 30 in their order"),
        (put("features", 3, "name", value=FEATURE_NAMES[2]), "not the 30 in their order"),
        (put("features", 3, "median", value=-1.0), "invalid range of mean area"),
        (put("features", 3, "maximum", value=0.0), "invalid range of mean area"),
        (put("model_version", value="../x"), "version"),
        (put("model_version", value=""), "version"),
        (put("model_version", value='a"b'), "version"),
        (put("format", value=1), "has format 1"),
        (put("format", value="2"), "is not a manifest"),
        (put("files", value={}), "does not name model.npz"),
    ],
)
def test_senseless_manifests(copy: Path, change: Callable[[Content], object], reason: str) -> None:
    seal(copy, change)
    assert_refused(copy, artifact.MANIFEST, reason)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff{}", b'{"format": 2, "\xff": 1}', b"[" * 100_000],
)
def test_manifests_that_are_none(copy: Path, content: bytes) -> None:
    (copy / artifact.MANIFEST).write_bytes(content)
    assert_refused(copy, artifact.MANIFEST, "is not a manifest")


@pytest.mark.parametrize("place", range(0, 4000, 250))
def test_a_flipped_bit_of_a_manifest_is_noticed(copy: Path, place: int) -> None:
    content = bytearray((copy / artifact.MANIFEST).read_bytes())
    content[place] ^= 0x80
    (copy / artifact.MANIFEST).write_bytes(content)
    assert_refused(copy, artifact.MANIFEST, "")


def not_a_number(name: str, value: float) -> Callable[[Arrays], None]:
    def change(arrays: Arrays) -> None:
        arrays[name].reshape(-1)[0] = value

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        *(
            (not_a_number(name, np.nan), f"{name} contains NaN or infinity")
            for name in artifact.MODEL_SHAPES
        ),
        (not_a_number("median", np.inf), "median contains NaN or infinity"),
        (not_a_number("median", 0), "median that is not positive"),
        (not_a_number("scale", -1), "scale that is not positive"),
        (put("gamma", value=np.array(0.0)), "gamma that is not positive"),
        (put("gamma", value=np.array([1.0])), "gamma has shape (1,)"),
        (put("median", value=np.ones(29)), "median has shape (29,)"),
        (put("median", value=np.ones((30, 1))), "median has shape (30, 1)"),
        (put("cases", value=np.ones((0, 30))), "cases has shape (0, 30)"),
        (put("cases", value=np.ones((455, 31))), "cases has shape (455, 31)"),
        (put("cases", value=np.ones((9, 30))), "has shape (51, 455)"),
        (put("median", value=np.ones(30, dtype=np.float32)), "median holds float32"),
        (put("median", value=np.ones(30, dtype=np.int64)), "median holds int64"),
        (put("median", value=np.ones(30, dtype=np.complex128)), "median holds complex128"),
        (put("median", value=np.array(["x"] * 30)), "median holds <U1"),
        (put("median", value=np.array([None] * 30)), "cannot be read"),
        (lambda arrays: arrays.pop("median"), "cannot be read"),
        (not_a_number("coefficients", 1e308), "does not answer as at training"),
        (not_a_number("intercepts", -1e308), "does not answer as at training"),
        (not_a_number("scale", 5e-324), "does not answer as at training"),
        (lambda arrays: arrays["cases"].sort(), "does not answer as at training"),
    ],
)
def test_senseless_models(copy: Path, change: Callable[[Arrays], object], reason: str) -> None:
    change_arrays(copy, artifact.MODEL, change)
    assert_refused(copy, artifact.MODEL, reason)


def test_a_model_of_another_size_than_the_manifests(copy: Path) -> None:
    def shrink(arrays: Arrays) -> None:
        arrays["coefficients"], arrays["intercepts"] = (
            arrays["coefficients"][:9],
            arrays["intercepts"][:9],
        )

    change_arrays(copy, artifact.MODEL, shrink)
    assert_refused(copy, artifact.MODEL, "is of another model than the manifest")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (not_a_number("out_of_fold", np.nan), "out_of_fold contains NaN or infinity"),
        (not_a_number("out_of_fold", 1.5), "out_of_fold beyond 0 and 1"),
        (not_a_number("malignant", -0.5), "malignant beyond 0 and 1"),
        (not_a_number("targets", 7), "targets beyond 0 and 1"),
        (put("unseen", value=np.ones(569, dtype=bool)), "is of another model"),
        (put("targets", value=np.ones(569)), "targets holds float64"),
        (put("cases", value=np.ones((568, 30))), "has shape (569,)"),
        (put("edges", value=np.ones((30, 8))), "edges has shape (30, 8)"),
    ],
)
def test_senseless_references(copy: Path, change: Callable[[Arrays], object], reason: str) -> None:
    change_arrays(copy, artifact.REFERENCE, change)
    assert_refused(copy, artifact.REFERENCE, reason)


def test_a_reference_of_another_number_of_cases(copy: Path) -> None:
    seal(copy, put("data", "cases", value=568))
    assert_refused(copy, artifact.REFERENCE, "is of another model than the manifest")


def test_what_claims_to_be_huge_is_not_even_tried(copy: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (30, 4 * 10**11)}
    )
    with zipfile.ZipFile(copy / artifact.MODEL, "w") as archive:
        archive.writestr("median.npy", header.getvalue())
    seal(copy)
    assert_refused(copy, artifact.MODEL, "claims to hold 96000000000000 bytes")


@pytest.mark.parametrize("start", [b"{'shape': ( }", b"{'shape': 0o8}", b"{" * 90, b"\xff" * 90])
def test_a_header_that_is_none(copy: Path, start: bytes) -> None:
    header = b"\x93NUMPY\x01\x00\x76\x00" + start.ljust(117) + b"\n"
    with zipfile.ZipFile(copy / artifact.MODEL, "w") as archive:
        archive.writestr("median.npy", header + bytes(240))
    seal(copy)
    assert_refused(copy, artifact.MODEL, "cannot be read")


def test_another_version_of_the_format_is_not_guessed_at(copy: Path) -> None:
    content = io.BytesIO()
    np.lib.format.write_array(content, np.ones(30), version=(2, 0))
    with zipfile.ZipFile(copy / artifact.MODEL, "w") as archive:
        archive.writestr("median.npy", content.getvalue())
    seal(copy)
    assert_refused(copy, artifact.MODEL, "median.npy has version (2, 0)")


def test_a_bomb_is_not_unpacked(copy: Path) -> None:
    header = {"descr": "<f8", "fortran_order": False, "shape": (2**26,)}
    with (
        zipfile.ZipFile(copy / artifact.MODEL, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("median.npy", "w", force_zip64=True) as member,
    ):
        np.lib.format.write_array_header_1_0(member, header)
        for _ in range(2**9):
            member.write(bytes(2**20))
    seal(copy)
    assert_refused(copy, artifact.MODEL, "claims to hold 536870912 bytes")


@pytest.mark.parametrize("name", [artifact.MANIFEST, artifact.MODEL])
def test_a_pipe_or_a_directory_is_no_file(copy: Path, name: str) -> None:
    for make in (os.mkfifo, Path.mkdir):
        (copy / name).unlink()
        make(copy / name)
        assert_refused(copy, name, "is not a file")
        (copy / name).rmdir() if (copy / name).is_dir() else None
        (copy / name).touch()


def test_a_file_that_is_too_large_is_not_read(copy: Path) -> None:
    with (copy / artifact.MANIFEST).open("ab") as file:
        file.truncate(artifact.LARGEST_FILE + 1)
    assert_refused(copy, artifact.MANIFEST, f"is larger than {artifact.LARGEST_FILE} bytes")

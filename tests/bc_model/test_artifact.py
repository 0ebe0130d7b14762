"""The artifact: written whole or not at all, refused when it is not what was written."""

import json
import os
import re
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bc_model import artifact
from bc_model.artifact import ArtifactError
from bc_model.classifier import Classifier
from bc_model.manifest import Manifest, Parameters
from bc_model.predictor import ModelArrays

FILES = (
    "MODEL_CARD.md", "calibration.svg", "feature_names.joblib", "model.joblib", "model.npz",
    "reference.npz", "roc.svg", "scaler.joblib",
)  # fmt: skip


@pytest.fixture
def copy(model_dir: Path, tmp_path: Path) -> Path:
    """The default model; may be altered."""
    return Path(shutil.copytree(model_dir.resolve(), tmp_path / "copy"))


def remove(path: Path) -> None:
    path.unlink()


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def replace_by_a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def refusal(check: Callable[[], object]) -> str:
    """Return the one line that an artifact is refused with."""
    with pytest.raises(ArtifactError) as caught:
        check()
    (line,) = str(caught.value).splitlines()
    assert re.search(r"; delete /\S+ and train again: python -m bc_model train$", line)
    return line


def test_an_artifact_is_what_its_manifest_says(model_dir: Path, manifest: Manifest) -> None:
    assert artifact.verify(model_dir) == manifest
    assert tuple(manifest.files) == FILES
    assert {path.name for path in model_dir.iterdir()} == {*FILES, "manifest.json"}


@pytest.mark.parametrize("damage", [remove, truncate, empty, flip_a_bit, replace_by_a_directory])
@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_a_damaged_file_is_refused_by_its_name(
    copy: Path, name: str, damage: Callable[[Path], None]
) -> None:
    damage(copy / name)
    assert refusal(lambda: artifact.verify(copy)).startswith(f"{copy / name}")


@pytest.mark.parametrize(
    ("name", "load"),
    [("model.npz", artifact.load_model), ("reference.npz", artifact.load_reference)],
)
def test_loading_checks_what_it_loads(
    copy: Path, manifest: Manifest, name: str, load: Callable[[Path, Manifest], object]
) -> None:
    flip_a_bit(copy / name)
    assert refusal(lambda: load(copy, manifest)).startswith(
        f"{copy / name} was altered: its SHA-256 is not the manifest's; "
    )


def test_what_was_loaded_is_what_was_written(
    model_dir: Path, manifest: Manifest, arrays: ModelArrays
) -> None:
    with np.load(model_dir / "model.npz") as stored:
        assert set(stored) == set(vars(arrays))
        for name, array in vars(arrays).items():
            np.testing.assert_array_equal(stored[name], array)
    reference = artifact.load_reference(model_dir, manifest)
    scores = Classifier.load(model_dir).score(reference.cases)
    np.testing.assert_array_equal(reference.malignant, scores.malignant)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param('"threshold": 0.5', '"threshold": 0.4', id="threshold"),
        pytest.param('"name": "mean radius"', '"name": "mean Radius"', id="feature"),
        pytest.param('"seed": 42', '"seed": 43', id="parameter"),
        pytest.param('"checksum": "', '"checksum": "0', id="checksum"),
    ],
)
def test_a_manifest_altered_by_hand_is_refused(copy: Path, before: str, after: str) -> None:
    path = copy / "manifest.json"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    assert refusal(lambda: artifact.read_manifest(copy)).startswith(
        f"{path} was altered: its checksum differs; "
    )


@pytest.mark.parametrize("content", ["[]", "{}", "{", '{"format": "one"}', "null", "\0"])
def test_what_is_no_manifest_is_refused(copy: Path, content: str) -> None:
    path = copy / "manifest.json"
    path.write_text(content)
    assert refusal(lambda: artifact.verify(copy)).startswith(f"{path} is not a manifest (")


@pytest.mark.parametrize("number", [0, artifact.FORMAT + 1])
def test_another_format_is_refused(tmp_path: Path, manifest: Manifest, number: int) -> None:
    other = msgspec.structs.replace(manifest, format=number)
    directory = artifact.publish(tmp_path, other, {})
    assert refusal(lambda: artifact.verify(directory)).startswith(
        f"{directory / 'manifest.json'} has format {number}, not {artifact.FORMAT}; "
    )


def test_a_file_that_the_manifest_does_not_name_is_not_loaded(
    tmp_path: Path, manifest: Manifest
) -> None:
    directory = artifact.publish(tmp_path, manifest, {})
    sealed = artifact.verify(directory)
    assert refusal(lambda: artifact.load_model(directory, sealed)).startswith(
        f"{directory / 'manifest.json'} does not name model.npz; "
    )


class Trap:
    """Unpickling it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, (str(self.path),))


def test_nothing_is_unpickled_even_if_its_hash_is_right(
    tmp_path: Path, manifest: Manifest, arrays: ModelArrays
) -> None:
    sprung = tmp_path / "sprung"
    with_a_trap = {**vars(arrays), "median": np.array([Trap(sprung)], dtype=object)}
    directory = artifact.publish(
        tmp_path, manifest, {"model.npz": lambda path: np.savez(path, **with_a_trap)}
    )
    sealed = artifact.verify(directory)
    message = refusal(lambda: artifact.load_model(directory, sealed))
    assert message.startswith(f"{directory / 'model.npz'} cannot be read (Object arrays cannot be ")
    assert not sprung.exists()
    with np.load(directory / "model.npz", allow_pickle=True) as archive:
        archive["median"]
    assert sprung.exists()


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda path: np.savez(path, median=np.zeros(30)), id="arrays are missing"),
        pytest.param(lambda path: path.write_bytes(b"PK\3\4 no archive"), id="no archive"),
        pytest.param(lambda path: path.write_bytes(b"nothing of the kind"), id="no arrays"),
    ],
)
def test_a_file_of_something_else_is_refused_even_if_its_hash_is_right(
    tmp_path: Path, manifest: Manifest, write: Callable[[Path], object]
) -> None:
    directory = artifact.publish(tmp_path, manifest, {"model.npz": write})
    sealed = artifact.verify(directory)
    assert refusal(lambda: artifact.load_model(directory, sealed)).startswith(
        f"{directory / 'model.npz'} cannot be read ("
    )


def test_publishing_writes_names_hashes_and_switches(tmp_path: Path, manifest: Manifest) -> None:
    root = tmp_path / "new" / "artifacts"
    directory = artifact.publish(root, manifest, {"b": Path.touch, "a": Path.touch})
    assert directory == root / manifest.model_version
    assert {path.name for path in root.iterdir()} == {manifest.model_version, "current"}
    nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert artifact.verify(root / "current").files == {"a": nothing, "b": nothing}
    assert artifact.in_use(root) == manifest.model_version
    assert directory.stat().st_mode & 0o777 == 0o755


def test_the_manifest_is_json_for_people(model_dir: Path, manifest: Manifest) -> None:
    text = (model_dir / "manifest.json").read_text(encoding="utf-8")
    content = json.loads(text)
    assert content["model_version"] == manifest.model_version
    assert re.fullmatch("[0-9a-f]{12}", content["model_version"])
    assert text.count("\n") > 100


def test_a_writer_that_fails_leaves_nothing_behind(tmp_path: Path, manifest: Manifest) -> None:
    def fail(path: Path) -> None:
        path.write_text("half")
        raise OSError("disk full")

    with pytest.raises(ArtifactError, match="cannot be written: disk full"):
        artifact.publish(tmp_path, manifest, {"a": Path.touch, "b": fail})
    assert list(tmp_path.iterdir()) == []


def test_a_failed_model_does_not_replace_the_one_in_use(tmp_path: Path, manifest: Manifest) -> None:
    artifact.publish(tmp_path, manifest, {})
    other = msgspec.structs.replace(manifest, model_version="other")
    with pytest.raises(ZeroDivisionError):
        artifact.publish(tmp_path, other, {"a": lambda path: 1 / 0})
    assert artifact.in_use(tmp_path) == manifest.model_version
    assert {path.name for path in tmp_path.iterdir()} == {manifest.model_version, "current"}


def test_in_use_is_nothing_before_the_first_model(tmp_path: Path) -> None:
    assert artifact.in_use(tmp_path) is None


def test_switching_back_and_forth_never_leaves_a_gap(tmp_path: Path, manifest: Manifest) -> None:
    versions = ["first", "second"]
    for version in versions:
        artifact.publish(tmp_path, msgspec.structs.replace(manifest, model_version=version), {})
    done, seen = threading.Event(), set()

    def watch() -> None:
        while not done.is_set():
            seen.add(artifact.read_manifest(tmp_path / "current").model_version)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for _ in range(50):
            for version in versions:
                artifact.use(tmp_path, version)
                assert artifact.in_use(tmp_path) == version
    finally:
        done.set()
        watcher.join()
    assert seen <= set(versions)
    assert {path.name for path in tmp_path.iterdir()} == {*versions, "current"}


def test_a_whole_number_is_a_penalty_like_any_other(tmp_path: Path, manifest: Manifest) -> None:
    whole = msgspec.structs.replace(manifest, parameters=Parameters(C=2))
    assert artifact.verify(artifact.publish(tmp_path, whole, {})).parameters == Parameters(C=2.0)


def test_a_place_that_is_no_model_is_named_with_what_would_be_right(
    artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(artifacts.parent)
    train = "train one: python -m bc_model train"
    for directory, line in [
        (artifacts, f"holds models; name one, as {artifacts / 'current'}"),
        (Path(artifacts.name), f"holds models; name one, as {artifacts / 'current'}"),
        (tmp_path, f"is not a model: it has no manifest.json; name a model, or {train}"),
        (tmp_path / "typo", f"does not exist; name the directory of a model, or {train}"),
    ]:
        with pytest.raises(ArtifactError) as caught:
            artifact.verify(directory)
        assert str(caught.value).startswith(f"{directory.absolute()} ")
        assert str(caught.value).endswith(line)
        assert "delete" not in str(caught.value)


def test_what_cannot_be_written_to_is_noticed_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArtifactError, match="/file/models cannot be written to: Not a directory"):
        artifact.check_writable(tmp_path / "file" / "models")
    artifact.check_writable(tmp_path / "models" / "deeper")
    assert not (tmp_path / "models").exists()
    monkeypatch.setattr(artifact, "NEEDED_BYTES", 2**60)
    with pytest.raises(ArtifactError, match=r"bytes of space left, and a model needs 1152921504"):
        artifact.check_writable(tmp_path / "models")


def test_two_trainings_at_once_publish_one_model(tmp_path: Path, manifest: Manifest) -> None:
    """Each sees that there is no model yet; a third was killed while it wrote."""
    (tmp_path / ".building-killed").mkdir()
    started = threading.Barrier(2)
    written = []

    def write(path: Path) -> None:
        path.touch()
        written.append(path)

    def publish() -> None:
        started.wait()
        artifact.publish(tmp_path, manifest, {"a": write})

    threads = [threading.Thread(target=publish) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(written) == 1
    assert {path.name for path in tmp_path.iterdir()} == {manifest.model_version, "current"}

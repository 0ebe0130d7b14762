import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import image_content
import numpy as np
import pytest
from msgspec import yaml
from packaging.utils import canonicalize_name

from bc_model import artifact
from tests.conftest import ROOT
from tests.playbooks.modules import Module

PATHS = ["Dockerfile", "web"]
PATTERNS = ["manifest.json", "*.npz"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files = {
        "Dockerfile": "FROM scratch",
        "web/page.py": "page",
        "web/__pycache__/page.pyc": "bytecode",
        "README.md": "read me",
        "model/manifest.json": '{"model_version": "0123456789ab"}',
        "model/model.npz": "arrays",
        "model/model.joblib": "pickle",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def run(project: Path, capsys: pytest.CaptureFixture[str]) -> Module:
    """The module, for the project."""
    return Module(
        image_content.main,
        capsys,
        project=str(project),
        paths=PATHS,
        model=str(project / "model"),
        model_files=PATTERNS,
        model_destination="artifacts/current",
    )


def content(project: Path) -> image_content.Content:
    of_model = image_content.model_content(project / "model", PATTERNS, "artifacts/current")
    return image_content.project_content(project, PATHS) | of_model


def digest(project: Path, base: str = "python") -> str:
    code = image_content.project_content(project, PATHS)
    version = image_content.model_identity(project / "model")
    return image_content.digest(code, version, {"base": base})


def test_takes_what_is_named_without_bytecode_and_pickles(project: Path) -> None:
    assert sorted(content(project)) == [
        "Dockerfile",
        "artifacts/current/manifest.json",
        "artifacts/current/model.npz",
        "web/page.py",
    ]


@pytest.mark.parametrize("file", ["Dockerfile", "web/page.py"])
def test_any_change_of_the_code_changes_the_digest(project: Path, file: str) -> None:
    before = digest(project)
    (project / file).write_text("changed")
    assert digest(project) != before


def test_another_model_changes_the_digest(project: Path) -> None:
    before = digest(project)
    (project / "model/manifest.json").write_text('{"model_version": "another"}')
    assert digest(project) != before


def test_arrays_that_differ_in_the_last_digit_keep_the_digest(
    project: Path, run: Module, model_dir: Path
) -> None:
    """Another processor rounds differently; the checksums in the manifest are then others too."""
    manifest = artifact.read_manifest(model_dir)
    arrays = vars(artifact.load_model(model_dir, manifest))

    def writer(content: dict[str, Any]) -> Callable[[Path], None]:
        return lambda path: np.savez(path, **content)

    rounded = arrays | {"cases": np.nextafter(arrays["cases"], np.inf)}
    here, elsewhere = (
        artifact.publish(project / name, manifest, {"model.npz": writer(content)})
        for name, content in (("here", arrays), ("elsewhere", rounded))
    )
    for file in ("model.npz", "manifest.json"):
        assert (here / file).read_bytes() != (elsewhere / file).read_bytes()
    tag = run(model=str(here))["digest"]
    assert run(model=str(elsewhere))["digest"] == tag
    (project / "web/page.py").write_text("changed")
    assert run(model=str(elsewhere))["digest"] != tag


def test_renaming_a_file_changes_the_digest(project: Path) -> None:
    before = digest(project)
    (project / "web/page.py").rename(project / "web/pages.py")
    assert digest(project) != before


def test_another_base_changes_the_digest(project: Path) -> None:
    assert digest(project, base="python") != digest(project, base="pypy")


@pytest.mark.parametrize(
    "file", ["README.md", "model/model.joblib", "model/model.npz", "web/__pycache__/page.pyc"]
)
def test_other_files_do_not_change_the_digest(project: Path, file: str) -> None:
    before = digest(project)
    (project / file).write_text("changed")
    assert digest(project) == before


def test_a_signature_changes_the_digest(project: Path) -> None:
    digests = {digest(project)}
    for signature in ("one", "another"):
        (project / "model/manifest.sig").write_text(signature)
        digests.add(digest(project))
    assert len(digests) == 3


def test_digest_is_the_same_in_another_place_at_another_time(project: Path, tmp_path: Path) -> None:
    copy = tmp_path / "a copy"
    image_content.lay_out(content(project), copy)
    code = image_content.project_content(copy, PATHS)
    version = image_content.model_identity(copy / "artifacts/current")
    assert image_content.digest(code, version, {"base": "python"}) == digest(project)


def test_digest_is_of_what_was_laid_out(
    project: Path, run: Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An edit after a file was copied does not matter, and one before it does."""
    before = run()["digest"]
    copy = shutil.copy2

    def edit(file: Path, destination: Path) -> None:
        copy(file, destination)
        if file.suffix == ".py":
            file.write_text("edited")

    monkeypatch.setattr(shutil, "copy2", edit)
    assert run(destination=str(tmp_path / "first"))["digest"] == before
    assert run(destination=str(tmp_path / "second"))["digest"] != before


def test_without_a_model_only_check_mode_goes_on(project: Path, run: Module) -> None:
    missing = str(project / "missing")
    assert "train one (python -m bc_model train)" in run.fails(model=missing)
    assert run(check=True, model=missing)["digest"] != run()["digest"]


@pytest.mark.parametrize("manifest", ["{}", "[]", "not JSON", "1", '"text"'])
def test_a_manifest_without_a_version_is_refused(project: Path, run: Module, manifest: str) -> None:
    (project / "model/manifest.json").write_text(manifest)
    assert run.fails() == f"{project}/model/manifest.json names no model: train it again"


def test_a_missing_file_fails_by_its_name(project: Path, run: Module) -> None:
    (project / "Dockerfile").unlink()
    assert run.fails() == f"{project}/Dockerfile belongs in the image: No such file or directory"


def test_missing_file_is_named(project: Path) -> None:
    missing = image_content.project_content(project, ["app.py"])
    with pytest.raises(FileNotFoundError, match=r"app\.py"):
        image_content.digest(missing, "", {})


def test_the_dockerfile_copies_what_the_role_lays_out() -> None:
    sources = re.findall(r"^COPY (?!--from)(\S+) ", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    role = yaml.decode((ROOT / "roles/image/vars/main.yml").read_text())
    assert set(sources) | {"Dockerfile"} == {
        *role["__image_paths"],
        role["__image_model_destination"],
    }


def test_a_build_by_hand_is_let_see_the_same() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    role = yaml.decode((ROOT / "roles/image/vars/main.yml").read_text())
    visible = {line[1:] for line in ignored if line.startswith("!")}
    assert visible | {"Dockerfile"} == {*role["__image_paths"], "artifacts"}


def pins(file: str) -> set[str]:
    return set(re.findall(r"^[a-z0-9-]+==\S+", (ROOT / file).read_text(), re.MULTILINE))


def test_the_image_has_the_versions_that_were_tested() -> None:
    assert pins("requirements-serve.txt") <= pins("requirements.txt")


def test_the_bill_of_materials_is_of_these_versions() -> None:
    bill = json.loads((ROOT / "sbom.cdx.json").read_bytes())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    listed = {
        f"{canonicalize_name(each['name'])}=={each['version']}" for each in bill["components"]
    }
    assert listed == pins("requirements-serve.txt")
    assert all(component["licenses"] for component in bill["components"])
    assert all("externalReferences" not in component for component in bill["components"])

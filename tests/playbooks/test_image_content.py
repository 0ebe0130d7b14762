import re
import shutil
from pathlib import Path
from typing import Any

import image_content
import pytest
from msgspec import yaml

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
        "model/manifest.json": "{}",
        "model/model.npz": "arrays",
        "model/model.joblib": "pickle",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def content(project: Path) -> image_content.Content:
    of_model = image_content.model_content(project / "model", PATTERNS, "artifacts/current")
    return image_content.project_content(project, PATHS) | of_model


def digest(project: Path, base: str = "python") -> str:
    return image_content.digest(content(project), {"base": base})


def test_takes_what_is_named_without_bytecode_and_pickles(project: Path) -> None:
    assert sorted(content(project)) == [
        "Dockerfile",
        "artifacts/current/manifest.json",
        "artifacts/current/model.npz",
        "web/page.py",
    ]


@pytest.mark.parametrize("file", ["Dockerfile", "web/page.py", "model/model.npz"])
def test_any_change_changes_the_digest(project: Path, file: str) -> None:
    before = digest(project)
    (project / file).write_text("changed")
    assert digest(project) != before


def test_renaming_a_file_changes_the_digest(project: Path) -> None:
    before = digest(project)
    (project / "web/page.py").rename(project / "web/pages.py")
    assert digest(project) != before


def test_another_base_changes_the_digest(project: Path) -> None:
    assert digest(project, base="python") != digest(project, base="pypy")


@pytest.mark.parametrize("file", ["README.md", "model/model.joblib", "web/__pycache__/page.pyc"])
def test_what_does_not_go_in_does_not_matter(project: Path, file: str) -> None:
    before = digest(project)
    (project / file).write_text("changed")
    assert digest(project) == before


def test_digest_is_the_same_in_another_place_at_another_time(project: Path, tmp_path: Path) -> None:
    copy = tmp_path / "a copy"
    image_content.lay_out(content(project), copy)
    again = image_content.project_content(copy, [*PATHS, "artifacts"])
    assert image_content.digest(again, {"base": "python"}) == digest(project)


def test_digest_is_of_what_was_laid_out(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    """A file that is edited after it was copied does not matter, and one before it does."""
    module = Module(
        image_content.main,
        capsys,
        project=str(project),
        paths=PATHS,
        model=str(project / "model"),
        model_files=PATTERNS,
        model_destination="artifacts/current",
    )
    before = module()["digest"]
    copy = shutil.copy2

    def edit(file: Path, destination: Path) -> None:
        copy(file, destination)
        file.write_text("edited")

    monkeypatch.setattr(shutil, "copy2", edit)
    assert module(destination=str(tmp_path / "first"))["digest"] == before
    assert module(destination=str(tmp_path / "second"))["digest"] != before


def test_missing_file_is_named(project: Path) -> None:
    missing = image_content.project_content(project, ["app.py"])
    with pytest.raises(FileNotFoundError, match=r"app\.py"):
        image_content.digest(missing, {})


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


def test_the_image_has_the_versions_that_were_tested() -> None:
    def pins(file: str) -> set[str]:
        return set(re.findall(r"^[a-z0-9-]+==\S+", (ROOT / file).read_text(), re.MULTILINE))

    assert pins("requirements-serve.txt") <= pins("requirements.txt")

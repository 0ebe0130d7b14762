import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.roles.conftest import run
from tests.roles.registry import Registry, running_registry

PLAYBOOK = """
- name: Build and push
  hosts: all
  gather_facts: false
  roles:
    - role: image
"""
NAME = "breast-cancer-api-push-test"


@pytest.fixture
def registry() -> Iterator[Registry]:
    with running_registry() as registry:
        yield registry


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that is built in a moment."""
    (tmp_path / "Dockerfile").write_text("ARG BASE\nFROM ${BASE}\nCOPY app.py /\n")
    for name in ("app.py", "requirements-serve.txt"):
        (tmp_path / name).touch()
    for name in ("bc_model", "web", "templates", "static", "artifacts/current"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "artifacts/current/manifest.json").write_text("{}")
    (tmp_path / "play.yml").write_text(PLAYBOOK)
    return tmp_path


def play(project: Path, registry: str, *arguments: str) -> str:
    """Run the role, and return what it says last of all: its failure, or its changes."""
    settings = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "image_project": project,
        "image_base": "scratch",
        "image_name": NAME,
        "image_registry": registry,
    }
    extra = [word for item in settings.items() for word in ("-e", "{}={}".format(*item))]
    command = ["ansible-playbook", "-i", "localhost,", str(project / "play.yml"), *extra]
    return run([*command, *arguments], ROOT, 0).stdout


def remove(registry: str) -> None:
    docker = ["docker", "image"]
    listing = [*docker, "ls", "--format={{.Repository}}:{{.Tag}}", f"{registry}/{NAME}"]
    for image in subprocess.check_output(listing, text=True).split():
        subprocess.run([*docker, "rm", image], check=True)


def test_pushes_once(project: Path, registry: Registry) -> None:
    repository = f"{registry.address}/open"
    try:
        checked = play(project, repository, "--check")
        assert "failed=0" in checked, checked
        assert registry.manifests == {}
        first = play(project, repository)
        assert "Push the image" in first
        assert "failed=0" in first, first
        assert any(f"/v2/open/{NAME}/manifests/" in path for path in registry.manifests)
        remove(repository)  # what is in the registry is not built again, either
        assert "changed=0" in play(project, repository)
    finally:
        remove(repository)


def test_registry_that_refuses(project: Path, registry: Registry) -> None:
    repository = f"{registry.address}/closed"
    try:
        said = " ".join(play(project, repository).split())
    finally:
        remove(repository)
    assert f"{repository} did not take {repository}/{NAME}:" in said
    assert f"docker login {registry.address}" in said

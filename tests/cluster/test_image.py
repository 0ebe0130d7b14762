import hashlib
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.conftest import Deployed, call
from tests.conftest import ROOT
from tests.roles.conftest import run
from tests.roles.registry import Registry, encoded, running_registry

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
    for name in ("app.py", "requirements-serve.txt", "sbom.cdx.json"):
        (tmp_path / name).touch()
    for name in ("bc_model", "web", "templates", "static", "artifacts/current"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "artifacts/current/manifest.json").write_text('{"model_version": "1"}')
    (tmp_path / "play.yml").write_text(PLAYBOOK)
    return tmp_path


def play(project: Path, registry: str, *arguments: str, **environment: str) -> str:
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
    return run([*command, *arguments], ROOT, 0, **environment).stdout


def remove(registry: str) -> None:
    docker = ["docker", "image"]
    repository = f"{registry}/{NAME}".lstrip("/")
    listing = [*docker, "ls", "--format={{.Repository}}:{{.Tag}}", repository]
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
    assert f"{repository} refused {repository}/{NAME}:" in said
    assert f"docker login {registry.address}" in said


def test_pushes_with_the_login_of_docker(project: Path, tmp_path: Path) -> None:
    login = "me:a-secret"
    home = Path.home() / ".docker"
    configuration = tmp_path / "docker"
    configuration.mkdir()
    (configuration / "cli-plugins").symlink_to(home / "cli-plugins")
    with running_registry(login) as registry:
        repository = f"{registry.address}/open"
        auths = {registry.address: {"auth": encoded(login)}}
        try:
            refused = play(project, repository)
            (configuration / "config.json").write_text(json.dumps({"auths": auths}))
            pushed = play(project, repository, DOCKER_CONFIG=str(configuration))
            remove(repository)
            again = play(project, repository, DOCKER_CONFIG=str(configuration))
        finally:
            remove(repository)
    assert f"docker login {registry.address}" in " ".join(refused.split())
    assert "failed=0" in pushed, pushed
    assert "Push the image" in pushed
    assert "changed=0" in again, again
    for secret in ("a-secret", encoded(login)):
        assert secret not in pushed


def test_platform(project: Path) -> None:
    docker = ["docker", "image"]
    try:
        for platform in ("linux/amd64", "linux/arm64"):
            play(project, "", "-e", f"image_platform={platform}")
        names = call(*docker, "ls", "--format={{.Repository}}:{{.Tag}}", NAME).split()
        built = call(*docker, "inspect", "--format={{.Architecture}}", *names).split()
    finally:
        remove("")
    assert sorted(built) == ["amd64", "arm64"]


Entry = tuple[bytes, int, int, int, str]


def files(image: str, archive: Path) -> dict[str, Entry]:
    """Return type, permissions, owners and content of each file by its name."""
    container = call("docker", "container", "create", image).strip()
    try:
        call("docker", "container", "export", f"--output={archive}", container)
    finally:
        call("docker", "container", "rm", container)
    with tarfile.open(archive) as found:
        return {
            each.name: (each.type, each.mode, each.uid, each.gid, content(found, each))
            for each in found
        }


def content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    file = archive.extractfile(member) if member.isfile() else None
    return hashlib.sha256(file.read()).hexdigest() if file else member.linkname


def test_another_build_has_the_same_files(checkout: Deployed, tmp_path: Path) -> None:
    name = f"breast-cancer-api-again-{os.getpid()}"
    images = (f"{name}:first", f"{name}:second")
    try:
        for image in images:
            call("docker", "build", "--quiet", "--no-cache", f"--tag={image}",
                 str(checkout.directory))  # fmt: skip
        first, second = (files(image, tmp_path / "files.tar") for image in images)
    finally:
        call("docker", "image", "rm", "--force", *images)
    assert any(each.endswith(".pyc") for each in first if each.startswith("app"))
    assert first == second

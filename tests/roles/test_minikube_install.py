"""The download, from a server on this machine in place of the project's releases."""

import functools
import hashlib
import json
import platform
import subprocess
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.roles.conftest import run

RELEASE = b"#!/bin/sh\necho minikube\n"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def releases(tmp_path: Path) -> Iterator[str]:
    directory = tmp_path / "releases"
    directory.mkdir()
    (directory / "minikube").write_bytes(RELEASE)
    handler = functools.partial(Quiet, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/minikube"
        server.shutdown()


def install(url: str, home: Path, checksum: str) -> subprocess.CompletedProcess[str]:
    machine = {platform.machine(): checksum, "amd64": checksum, "arm64": checksum}
    settings = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "minikube_directory": str(home / "bin"),
        "__minikube_version": "v0",
        "__minikube_checksums": {"v0": {platform.system().lower(): machine}},
        "__minikube_url": url,
    }
    role = ["-m", "ansible.builtin.include_role", "-a", "name=minikube tasks_from=install"]
    command = ["ansible", "all", "-i", "localhost,", *role, "-e", json.dumps(settings)]
    return run(command, ROOT, 0)


def test_pinned_release_is_installed_without_root(releases: str, tmp_path: Path) -> None:
    checksum = hashlib.sha256(RELEASE).hexdigest()
    result = install(releases, tmp_path, checksum)
    assert result.returncode == 0, result.stdout
    assert "CHANGED" in result.stdout
    command = tmp_path / "bin" / "minikube"
    assert subprocess.check_output([command], text=True) == "minikube\n"
    assert "CHANGED" not in install(releases, tmp_path, checksum).stdout


def test_release_that_was_altered_is_not_installed(releases: str, tmp_path: Path) -> None:
    result = install(releases, tmp_path, "0" * 64)
    assert result.returncode != 0
    assert "checksum" in result.stdout
    assert not (tmp_path / "bin" / "minikube").exists()

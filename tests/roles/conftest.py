"""Fixtures that run playbooks in a copy of the checkout."""

import functools
import hashlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import supervised_processes

from tests.conftest import ROOT, free_port

BIN = Path(sys.executable).parent
TIMEOUT_SECONDS = 600


def run(
    command: list[str], directory: Path, port: int, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run one of the virtual environment's commands, with ``PORT`` set."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")
    }
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=directory,
        env={**inherited, "PATH": path, "PORT": str(port), "NO_COLOR": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


class Site:
    """A copy of the checkout, and what its playbooks put up."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.state = directory / "var"
        self.socket = str(self.state / "supervisor.sock")

        listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        files = subprocess.check_output(listing, cwd=ROOT, text=True).split("\0")
        for file in filter(None, files):
            if (ROOT / file).exists():
                (directory / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / file, directory / file)

    def play(self, playbook: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return run(["ansible-playbook", playbook, *arguments], self.directory, self.port)

    def take_down(self) -> None:
        supervised_processes.stop(self.socket, patience=30)


@pytest.fixture
def clean_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that has not been up; the path of a socket may not be long."""
    site = Site(tmp_path_factory.mktemp("site") / "a checkout")
    yield site
    site.take_down()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, artifacts: Path) -> Iterator[Site]:
    """A site that is up, with the artifact that the other tests have trained."""
    site = Site(tmp_path_factory.mktemp("site") / "a checkout")
    shutil.copytree(artifacts, site.directory / "artifacts", symlinks=True)
    result = site.play("site.yml")
    try:
        assert result.returncode == 0, result.stdout
        yield site
    finally:
        site.take_down()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def release(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """What pins a release of minikube that a server on this machine has."""
    content = b"#!/bin/sh\necho minikube\n"
    directory = tmp_path / "releases"
    directory.mkdir()
    (directory / "minikube").write_bytes(content)
    handler = functools.partial(Quiet, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield {
            "__minikube_version": "v0",
            "__minikube_checksum": hashlib.sha256(content).hexdigest(),
            "__minikube_url": f"http://127.0.0.1:{server.server_port}/minikube",
        }
        server.shutdown()

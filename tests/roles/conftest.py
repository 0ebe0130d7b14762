"""Fixtures that run playbooks in a copy of the checkout."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import supervised_processes

from tests.conftest import ROOT, free_port

BIN = Path(sys.executable).parent
TIMEOUT_SECONDS = 300


def run(command: list[str], directory: Path, port: int) -> subprocess.CompletedProcess[str]:
    """Run one of the virtual environment's commands, with ``PORT`` set."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")
    }
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=directory,
        env={**inherited, "PATH": path, "PORT": str(port), "NO_COLOR": "1"},
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
def clean_site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path / "a checkout")
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


@pytest.fixture
def old_python(tmp_path: Path) -> Path:
    """An interpreter that says it is Python 3.8."""
    file = tmp_path / "python3.8"
    file.write_text("""#!/bin/sh\necho '{"version": [3, 8, 18], "packages": {}}'\n""")
    file.chmod(0o700)
    return file

"""The download, from a server on this machine in place of the project's releases."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.roles.conftest import run


def install(home: Path, release: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    settings = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "minikube_directory": str(home / "bin"),
        **release,
    }
    role = ["-m", "ansible.builtin.include_role", "-a", "name=minikube tasks_from=install"]
    command = ["ansible", "all", "-i", "localhost,", *role, "-e", json.dumps(settings)]
    return run(command, ROOT, 0)


def test_pinned_release_is_installed_without_root(release: dict[str, Any], tmp_path: Path) -> None:
    own = tmp_path / "bin" / "minikube"
    own.parent.mkdir(mode=0o700)
    own.write_text("the user's own")
    result = install(tmp_path, release)
    assert result.returncode == 0, result.stdout
    assert "CHANGED" in result.stdout
    command = tmp_path / "bin" / "minikube-v0"
    assert subprocess.check_output([command], text=True) == "minikube\n"
    assert own.read_text() == "the user's own"
    assert own.parent.stat().st_mode & 0o777 == 0o700
    assert "CHANGED" not in install(tmp_path, release).stdout


def test_release_that_was_altered_is_not_installed(release: dict[str, Any], tmp_path: Path) -> None:
    wrong = json.loads(json.dumps(release).replace(release["__minikube_checksum"], "0" * 64))
    result = install(tmp_path, wrong)
    assert result.returncode != 0
    assert "checksum" in result.stdout
    assert not (tmp_path / "bin" / "minikube-v0").exists()

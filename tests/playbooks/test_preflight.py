import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import preflight
import psutil
import pytest

from tests.conftest import ROOT, free_port


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that the test itself listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        yield port


def port_problems(port: int, own_processes: list[dict[str, Any]]) -> list[str]:
    return list(preflight.port_problems("127.0.0.1", str(port), own_processes))


def test_this_interpreter_will_do() -> None:
    assert list(preflight.python_problems(sys.executable, ROOT / "requirements.txt")) == []


def test_old_interpreter(old_python: Path) -> None:
    [problem] = preflight.python_problems(str(old_python), ROOT / "requirements.txt")
    assert problem == (
        f"{old_python} is Python 3.8.18, but at least 3.11 is needed:"
        " rm -r .venv, then make up PYTHON=<path of a newer one>"
    )


def test_interpreter_that_is_not_there(tmp_path: Path) -> None:
    [problem] = preflight.python_problems(str(tmp_path / "none"), ROOT / "requirements.txt")
    assert problem.startswith(f"{tmp_path}/none does not run")


def test_missing_package(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text("no-such-package==1.0 \\\n    --hash=sha256:00\n")
    [problem] = preflight.python_problems(sys.executable, lock)
    assert "lacks packages of requirements.txt (no-such-package==1.0): make up" in problem


@pytest.mark.parametrize(
    ("lock", "installed", "wrong"),
    [
        ("a-b==1.0 \\\n    --hash=sha256:00\n", {"A_b": "1.0"}, []),
        ("a==1.0 \\\n    --hash=sha256:00\n", {}, ["a==1.0"]),
        ("a==1.0\n", {"a": "2.0"}, ["a==1.0 but 2.0"]),
        ('a==1.0 ; python_version < "3.12" \\\n', {}, []),
        ('a==1.0 ; python_full_version >= "3.12" \\\n', {}, ["a==1.0"]),
        ("# a==1.0\n    # via b==1.0\n", {}, []),
    ],
)
def test_packages(lock: str, installed: dict[str, str], wrong: list[str]) -> None:
    assert list(preflight.wrong_packages(lock, installed, "3.12.1")) == wrong


def test_long_lists_are_shortened() -> None:
    assert preflight.shortened(list("abcde")) == "a, b, c, d, e"
    assert preflight.shortened(list("abcdefg")) == "a, b, c, d, e, 2 more"


@pytest.mark.parametrize("port", ["x", "0", "65536", "-1", "٨"])
def test_nonsense_for_a_port(port: str) -> None:
    [problem] = preflight.port_problems("127.0.0.1", port, [])
    assert problem == (
        f"port {port!r} is not a number from 1 to 65535; choose another: PORT=8001 make up"
    )


def test_free_port() -> None:
    assert port_problems(free_port(), []) == []


def test_taken_port(taken_port: int) -> None:
    [problem] = port_problems(taken_port, [{"pid": 1, "environment": {"PORT": "1"}}])
    name = psutil.Process().name()
    assert problem == (
        f"port {taken_port} on 127.0.0.1 is in use by another program ({name}, pid {os.getpid()});"
        " stop it, or choose another: PORT=8001 make up"
    )


def test_port_taken_by_somebody_else(taken_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "net_connections", lambda _: [])
    [problem] = port_problems(taken_port, [])
    assert "is in use by another program; stop it" in problem


def test_port_taken_where_connections_may_not_be_listed(
    taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(_: str) -> None:
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "net_connections", denied)
    [problem] = port_problems(taken_port, [])
    assert "is in use by another program; stop it" in problem


def test_port_taken_where_psutil_is_missing(
    taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "HAS_PSUTIL", False)
    [problem] = port_problems(taken_port, [])
    assert "is in use by another program; stop it" in problem


def test_own_port(taken_port: int) -> None:
    assert port_problems(taken_port, [{"pid": 1, "environment": {"PORT": str(taken_port)}}]) == []


def test_own_port_of_a_process_that_was_just_started(taken_port: int) -> None:
    assert port_problems(taken_port, [{"pid": os.getppid(), "environment": {}}]) == []


def test_address_of_another_machine() -> None:
    [problem] = preflight.port_problems("192.0.2.1", str(free_port()), [])
    assert "cannot be listened on (Cannot assign requested address)" in problem


def test_directories_may_be_made(tmp_path: Path) -> None:
    assert list(preflight.directory_problems([str(tmp_path), f"{tmp_path}/new/newer"])) == []


def test_file_in_place_of_a_directory(tmp_path: Path) -> None:
    file = tmp_path / "var"
    file.touch()
    [problem] = preflight.directory_problems([f"{file}/log"])
    assert problem == f"{file}/log cannot be created: {file} is a file; move it away"


def test_directory_without_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: mode == os.F_OK)  # root has all rights
    [problem] = preflight.directory_problems([str(tmp_path)])
    assert problem == (f"{tmp_path} cannot be written to: get write permission on {tmp_path}")


def test_socket_path() -> None:
    assert list(preflight.socket_problems("/short/supervisor.sock")) == []
    [problem] = preflight.socket_problems(f"/{'long' * 30}/supervisor.sock")
    assert "move the project to a directory with a shorter path" in problem


def test_data(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    [problem] = preflight.data_problems(str(table))
    assert f"there is no file {table}" in problem
    table.touch()
    assert list(preflight.data_problems(str(table))) == []


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A docker command whose engine is not there."""
    file = tmp_path / "docker"
    file.write_text("""#!/bin/sh\necho 'Client: 20.10'\necho 'Cannot connect' >&2\nexit 1\n""")
    file.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return file


def test_docker_engine_that_is_not_there(docker: Path) -> None:
    [problem] = preflight.docker_problems()
    assert problem.startswith("no Docker engine answers (Cannot connect): start it")


def test_docker_engine(docker: Path) -> None:
    docker.write_text("#!/bin/sh\n")
    assert list(preflight.docker_problems()) == []


def test_docker_engine_that_hangs(docker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(command: list[str], timeout: float, **_: Any) -> None:
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", hang)
    [problem] = preflight.docker_problems()
    assert problem.startswith("the Docker engine does not answer in time: start it")


def test_no_docker_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    [problem] = preflight.docker_problems()
    assert problem.startswith("there is no docker command")


def test_docker_without_buildx(docker: Path) -> None:
    docker.write_text('#!/bin/sh\n[ "$1" != buildx ]\n')
    assert list(preflight.docker_problems()) == []
    [problem] = preflight.buildx_problems()
    assert problem.endswith("install Docker's Buildx plugin")
    docker.write_text("#!/bin/sh\n")
    assert list(preflight.buildx_problems()) == []


@pytest.fixture
def somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests is not root."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


def test_minikube_as_root(docker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    [problem] = preflight.minikube_problems("breast-cancer", [])
    assert problem.startswith("you are root, and minikube refuses to run as root with Docker: use")


@pytest.mark.usefixtures("somebody")
def test_port_that_minikube_would_publish(docker: Path, taken_port: int) -> None:
    ports = [str(free_port()), str(taken_port)]
    [problem] = preflight.minikube_problems("breast-cancer", ports)
    assert problem.startswith(f"port {taken_port} on 127.0.0.1 is in use by another program (")
    assert problem.endswith("another: minikube_ports in inventory/minikube/group_vars/minikube.yml")


@pytest.mark.usefixtures("somebody")
def test_port_of_minikubes_own_container(docker: Path, taken_port: int) -> None:
    answer = f"30000/tcp -> 127.0.0.1:{taken_port}"
    docker.write_text(f'#!/bin/sh\n[ "$*" = "port breast-cancer" ] && echo "{answer}"\n')
    assert list(preflight.minikube_problems("breast-cancer", [str(taken_port)])) == []


def compose_problems(port: int | str) -> list[str]:
    ports = {"monitoring_prometheus_port": str(port), "monitoring_grafana_port": ""}
    return list(preflight.compose_problems("watching", ports))


def test_compose(docker: Path) -> None:
    docker.write_text("#!/bin/sh\n")
    assert compose_problems(free_port()) == []


def test_port_that_compose_would_listen_on(docker: Path, taken_port: int) -> None:
    docker.write_text("#!/bin/sh\n")
    [problem] = compose_problems(taken_port)
    assert problem.startswith(f"port {taken_port} on 127.0.0.1 is in use by another program (")
    assert problem.endswith("stop it, or choose another: -e monitoring_prometheus_port=...")
    assert "-e monitoring_prometheus_port=..." in compose_problems("x")[0]


def test_port_of_a_container_of_ours(docker: Path, taken_port: int) -> None:
    filtered = "--filter=label=com.docker.compose.project=watching"
    docker.write_text(f'#!/bin/sh\n[ "$1 $2" = "ps {filtered}" ] && echo {taken_port}\nexit 0\n')
    assert compose_problems(taken_port) == []


def test_docker_without_compose(docker: Path) -> None:
    [problem] = compose_problems(free_port())
    assert problem == "there is no docker compose: install Docker's Compose plugin, version 2"


def test_compose_that_hangs(docker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(command: list[str], timeout: float, **_: Any) -> None:
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", hang)
    assert len(compose_problems(free_port())) == 1


def test_all_problems_at_once(
    tmp_path: Path,
    old_python: Path,
    taken_port: int,
    docker: Path,
    somebody: None,
) -> None:
    found = preflight.problems(
        {
            "python": str(old_python),
            "requirements": str(ROOT / "requirements.txt"),
            "host": "127.0.0.1",
            "port": str(taken_port),
            "own_processes": [],
            "directories": [f"{old_python}/var"],
            "socket": "/x" * 100,
            "data": f"{tmp_path}/none.csv",
            "docker": True,
            "minikube_profile": "breast-cancer",
            "minikube_ports": [str(taken_port)],
            "compose_project": "watching",
            "compose_ports": {"monitoring_prometheus_port": str(taken_port)},
            "more": ["and another"],
        }
    )
    assert len(list(found)) == 11

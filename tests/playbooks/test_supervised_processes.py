import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import supervised_processes

OBEDIENT = "print(flush=True); import time; time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {OBEDIENT}"


@contextmanager
def started(code: str, socket: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``code`` as if the supervisord of ``socket`` had started it."""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={"SUPERVISOR_SERVER_URL": f"unix://{socket}", **environment},
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout
        process.stdout.readline()
        yield process
        process.kill()


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    return tmp_path / "supervisor.sock"


def test_finds_what_belongs_to_the_socket(socket: Path) -> None:
    other = socket.with_name("other.sock")
    with started(OBEDIENT, socket, PORT="8000") as app, started(OBEDIENT, other):
        [found] = supervised_processes.supervised(str(socket))
    assert found["pid"] == app.pid
    assert found["environment"]["PORT"] == "8000"


def test_finds_it_by_any_path_of_the_socket(socket: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    with started(OBEDIENT, socket):
        assert len(supervised_processes.supervised(str(link / socket.name))) == 1


def test_processes_of_others_are_left_out(socket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(process: psutil.Process) -> None:
        raise psutil.AccessDenied(process.pid)

    with started(OBEDIENT, socket):
        monkeypatch.setattr(psutil.Process, "environ", denied)
        assert supervised_processes.supervised(str(socket)) == []


def test_asks_to_end(socket: Path) -> None:
    with started(OBEDIENT, socket) as app:
        supervised_processes.stop(str(socket), patience=10)
        assert app.wait(timeout=10) == -signal.SIGTERM


def test_kills_what_does_not_end_and_asks_programs_after_their_supervisord(socket: Path) -> None:
    program = {"SUPERVISOR_PROCESS_NAME": "app"}
    with started(STUBBORN, socket) as supervisord, started(OBEDIENT, socket, **program) as app:
        supervised_processes.stop(str(socket), patience=0.5)
        assert supervisord.wait(timeout=10) == -signal.SIGKILL
        assert app.wait(timeout=10) == -signal.SIGKILL

"""The process that holds a run: real processes that come and go."""

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import psutil
import pytest
from msgspec.structs import replace

import canary.lease
from canary.lease import holder, is_alive
from canary.store import Holder
from tests.conftest import ROOT

PRINT = "import canary.lease as h, msgspec; print(msgspec.json.encode(h.holder()).decode())"
"""What a module does, in a process that a playbook has started."""


def asked_in(command: list[str]) -> tuple[Holder, int]:
    """Return whom the module takes for the holder, and the playbook's own number."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    output = subprocess.check_output(command, env=environment, text=True, timeout=60)
    found, pid = output.splitlines()
    return msgspec.json.decode(found, type=Holder), int(pid)


@pytest.fixture
def playbook(tmp_path: Path) -> Path:
    """A script that is called as the real one is, and starts a worker which starts a module."""
    script = tmp_path / "ansible-playbook"
    worker = f"subprocess.run([sys.executable, '-c', {PRINT!r}], check=True)"
    script.write_text(
        "import os, subprocess, sys\n"
        "if 'worker' not in sys.argv:\n"
        "    subprocess.run([sys.executable, __file__, 'worker'], check=True)\n"
        "    print(os.getpid())\n"
        "else:\n"
        f"    {worker}\n",
        encoding="utf-8",
    )
    return script


def test_without_a_playbook_nothing_is_known() -> None:
    """A module that is started by SSH has no parent on its machine that is one."""
    found, _ = asked_in([sys.executable, "-c", f"{PRINT}; print(0)"])
    assert (found.user, found.host, found.pid) == (getpass.getuser(), socket.gethostname(), 0)
    assert str(found) == f"{found.user}@{found.host}"
    assert is_alive(found)


def test_the_playbook_that_all_belongs_to(playbook: Path) -> None:
    found, pid = asked_in([sys.executable, str(playbook)])
    assert found.pid == pid


def test_shell_that_has_started_the_playbook_is_not_it(playbook: Path) -> None:
    """It may go on when the playbook has been killed."""
    bash = shutil.which("bash")
    assert bash
    found, pid = asked_in([bash, "-c", f"{sys.executable} {playbook}; sleep 0"])
    assert found.pid == pid


def test_killed() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    since = psutil.Process(process.pid).create_time()
    me = Holder("me", socket.gethostname(), process.pid, since)
    assert is_alive(me)
    process.kill()
    deadline = time.monotonic() + 30
    while is_alive(me):  # a zombie is not alive, though nobody has waited for it
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.wait()
    assert not is_alive(me)


@pytest.fixture
def me() -> Holder:
    process = psutil.Process()
    return Holder("me", socket.gethostname(), process.pid, process.create_time())


def test_clock_that_was_set_does_not_kill(me: Holder) -> None:
    assert is_alive(replace(me, since=me.since + 1))
    assert is_alive(replace(me, since=me.since - 1))


def test_another_process_with_its_number(me: Holder) -> None:
    assert not is_alive(replace(me, since=me.since - 60))


def test_of_another_host_nothing_is_known() -> None:
    assert is_alive(Holder("me", "elsewhere.example", 1, 0))


def test_user_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs under any number."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4242424)
    assert holder().user == "4242424"


def test_parent_that_may_not_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(process: psutil.Process) -> list[str]:
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr(psutil.Process, "cmdline", denied)
    assert canary.lease.holder().pid == 0

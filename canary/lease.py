"""Find out which playbook holds a run, and whether it still runs."""

import getpass
import os
import socket
from pathlib import Path

import psutil

from canary.store import Holder

PLAYBOOK = "ansible-playbook"

CLOCK_SECONDS = 10.0
"""By how much a process's start seems to move when the clock of its machine is set.

Within that time, no other process gets its number.
"""


def holder() -> Holder:
    """Return the playbook that this process belongs to, as far as it can be told from here.

    It cannot behind a connection by SSH, for one; the number is 0 then.
    """
    playbooks = [parent for parent in psutil.Process().parents() if _is_playbook(parent)]
    pid, since = (playbooks[-1].pid, playbooks[-1].create_time()) if playbooks else (0, 0.0)
    return Holder(_user(), socket.gethostname(), pid, since)


def is_alive(holder: Holder) -> bool:
    """Return whether it still runs; yes where that cannot be known."""
    if holder.host != socket.gethostname() or not holder.pid:
        return True
    try:
        process = psutil.Process(holder.pid)
        is_same = abs(process.create_time() - holder.since) < CLOCK_SECONDS
        return is_same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a number without a name, as in some containers
        return str(os.getuid())


def _is_playbook(process: psutil.Process) -> bool:
    try:
        return any(Path(word).name == PLAYBOOK for word in process.cmdline()[:3])
    except psutil.Error:
        return False

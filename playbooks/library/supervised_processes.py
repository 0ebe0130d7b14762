#!/usr/bin/python
from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: supervised_processes
short_description: Find, or stop, a supervisord and what it started
description:
  - Finds processes by E(SUPERVISOR_SERVER_URL) in their environment. supervisord hands it to
    everything it starts, so what a killed supervisord left behind is found as well.
  - A supervisord is found itself when it was started with the variable in its own environment.
options:
  socket:
    description: Path of supervisord's unix socket.
    type: path
    required: true
  state:
    description:
      - With V(present), the processes are only listed.
      - With V(absent), they are asked to end, supervisord first, and killed when they do not.
    choices: [present, absent]
    default: present
  patience:
    description: Seconds from asking to killing.
    type: int
    default: 40
attributes:
  check_mode:
    support: full
author:
  - The project's contributors
"""

EXAMPLES = r"""
- name: Stop the service, whatever became of its supervisord
  supervised_processes:
    socket: /srv/app/var/supervisor.sock
    state: absent
"""

RETURN = r"""
processes:
  description: The processes that were found.
  returned: always
  type: list
  elements: dict
  sample: [{"pid": 4711, "environment": {"PORT": "8000"}}]
"""

SERVER = "SUPERVISOR_SERVER_URL"
PROGRAM = "SUPERVISOR_PROCESS_NAME"  # set for what supervisord starts, not for supervisord

PROC = Path("/proc")
PS_VARIABLE = re.compile(r"(?<!\S)([A-Za-z_]\w*)=(.*?)(?=\s+[A-Za-z_]\w*=|$)")


class Process(TypedDict):
    pid: int
    environment: dict[str, str]


def running() -> Iterator[Process]:
    """Yield the processes whose environment this user may read."""
    return from_proc() if (PROC / "self" / "environ").exists() else from_ps()


def from_proc() -> Iterator[Process]:
    for file in PROC.glob("[0-9]*/environ"):
        try:
            text = file.read_text(errors="replace")
        except OSError:
            continue  # it has ended meanwhile, or is somebody else's
        variables = (entry.partition("=") for entry in text.split("\0"))
        yield {
            "pid": int(file.parent.name),
            "environment": {name: value for name, _, value in variables if name},
        }


def from_ps() -> Iterator[Process]:
    """Do the same where there is no /proc, as on macOS."""
    command = ["ps", "axeww", "-o", "pid=,command="]
    for line in subprocess.check_output(command, text=True, errors="replace").splitlines():
        pid, _, rest = line.strip().partition(" ")
        yield {"pid": int(pid), "environment": dict(PS_VARIABLE.findall(rest))}


def supervised(socket: str) -> list[Process]:
    return [process for process in running() if belongs(process, Path(socket))]


def belongs(process: Process, socket: Path) -> bool:
    scheme, _, path = process["environment"].get(SERVER, "").partition("://")
    return scheme == "unix" and Path(path).resolve() == socket.resolve()


def stop(socket: str, patience: float) -> None:
    asked: set[int] = set()
    deadline = time.monotonic() + patience
    while (alive := supervised(socket)) and time.monotonic() < deadline:
        supervisors = [process for process in alive if PROGRAM not in process["environment"]]
        for process in supervisors or alive:  # a supervisord stops its programs itself
            if process["pid"] not in asked:
                send(signal.SIGTERM, process)
                asked.add(process["pid"])
        time.sleep(0.2)
    for process in alive:
        send(signal.SIGKILL, process)


def send(number: signal.Signals, process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process["pid"], number)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "socket": {"type": "path", "required": True},
            "state": {"choices": ["present", "absent"], "default": "present"},
            "patience": {"type": "int", "default": 40},
        },
        supports_check_mode=True,
    )
    socket = module.params["socket"]
    processes = supervised(socket)
    stopping = module.params["state"] == "absent" and bool(processes)
    if stopping and not module.check_mode:
        stop(socket, module.params["patience"])
    module.exit_json(changed=stopping, processes=processes)


if __name__ == "__main__":
    main()

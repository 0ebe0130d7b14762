#!/usr/bin/python
from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

import yaml
from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    import psutil
except ImportError:
    HAS_PSUTIL = False
else:
    HAS_PSUTIL = True

DOCUMENTATION = r"""
module: supervised_processes
short_description: Find or stop a supervisord and the processes it started
description:
  - Finds processes by E(SUPERVISOR_SERVER_URL) in their environment. supervisord sets it for
    everything it starts, so the module also finds what a killed supervisord left behind.
  - It finds supervisord itself if that was started with the variable in its environment.
options:
  socket:
    description: Path of supervisord's unix socket.
    type: path
    required: true
  state:
    description:
      - With V(present), the processes are only listed.
      - With V(absent), they get SIGTERM, supervisord first, and after O(patience) SIGKILL.
    choices: [present, absent]
    default: present
  patience:
    description: Seconds from SIGTERM to SIGKILL.
    type: int
    default: 40
"""

RETURN = r"""
processes:
  description: The processes found.
  returned: always
  type: list
  elements: dict
  sample: [{"pid": 4711, "environment": {"PORT": "8000"}}]
"""

SERVER = "SUPERVISOR_SERVER_URL"
PROGRAM = "SUPERVISOR_PROCESS_NAME"  # set for what supervisord starts, not for supervisord


class Process(TypedDict):
    pid: int
    environment: dict[str, str]


def running() -> Iterator[Process]:
    """Yield the processes whose environment this user may read."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # it has ended, or belongs to someone else
            yield {"pid": process.pid, "environment": process.environ()}


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
    module = AnsibleModule(yaml.safe_load(DOCUMENTATION)["options"], supports_check_mode=True)
    if not HAS_PSUTIL:
        module.fail_json(msg=missing_required_lib("psutil"))
    socket = module.params["socket"]
    processes = supervised(socket)
    stopping = module.params["state"] == "absent" and bool(processes)
    if stopping and not module.check_mode:
        stop(socket, module.params["patience"])
    module.exit_json(changed=stopping, processes=processes)


if __name__ == "__main__":
    main()

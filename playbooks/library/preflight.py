#!/usr/bin/python
from __future__ import annotations

import errno
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.basic import AnsibleModule
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

try:
    import psutil
except ImportError:
    HAS_PSUTIL = False  # a missing package is one of the problems to list
else:
    HAS_PSUTIL = True

DOCUMENTATION = r"""
module: preflight
short_description: List every problem that would stop the playbook, and how to fix it
description:
  - Checks the interpreter, its packages, the port, the directories, the data and the Docker engine,
    and fails with all problems at once. Options that are not set are not checked.
options:
  python:
    description: Interpreter that trains and serves.
    type: path
    required: true
  requirements:
    description: Lock file; its packages must be installed in exactly these versions.
    type: path
    required: true
  host:
    description: Address the service will listen on.
    type: str
    default: 127.0.0.1
  port:
    description: Port the service will listen on. A string, so that a bad value is a problem too.
    type: str
    default: ""
  own_processes:
    description: Processes of the service itself, which may use the port.
    type: list
    elements: dict
    default: []
  directories:
    description: Directories to write to; they need not exist yet.
    type: list
    elements: path
    default: []
  socket:
    description: Path of the Unix socket that supervisord will create.
    type: str
    default: ""
  data:
    description: Table to train on; the bundled data when empty.
    type: str
    default: ""
  docker:
    description: Whether a Docker engine is needed to build an image.
    type: bool
    default: false
  minikube_profile:
    description: minikube profile to run on this machine, in Docker; none when empty.
    type: str
    default: ""
  minikube_ports:
    description:
      - Ports its container will publish on 127.0.0.1; the container itself may use them.
    type: list
    elements: str
    default: []
  compose_project:
    description: Docker Compose project to start; none when empty.
    type: str
    default: ""
  compose_ports:
    description:
      - Ports it will listen on, on 127.0.0.1, by the variables that set them; empty for none. Its
        own containers, which name theirs in the label C(breast-cancer.port), may use them.
    type: dict
    default: {}
  more:
    description: Problems found by other modules, to list with the rest.
    type: list
    elements: str
    default: []
"""

RETURN = r"""
problems:
  description: One or two sentences for each problem.
  returned: on failure
  type: list
  elements: str
"""

OLDEST_PYTHON = (3, 11)
SOCKET_PATH_BYTES = 103 if sys.platform == "darwin" else 107
PORT_LABEL = "breast-cancer.port"
SUPERVISOR_SUFFIX = ".4194304"  # supervisord binds to <path>.<its process id> first

NOT_FOUND, TIMED_OUT = 127, 124  # as the shell and coreutils' timeout have it

Object = dict[str, Any]

# Runs in the interpreter under test, which may be an old one.
DESCRIBE = """
import json, sys
packages = {}
if sys.version_info >= (3, 11):
    from importlib.metadata import distributions
    packages = {d.metadata["Name"]: d.version for d in distributions() if d.metadata["Name"]}
print(json.dumps({"version": sys.version_info[:3], "packages": packages}))
"""


def python_problems(python: str, requirements: Path) -> Iterator[str]:
    new_venv = "rm -r .venv, then make up PYTHON=<path of a newer one>"
    try:
        answer = subprocess.run(
            [python, "-c", DESCRIBE], capture_output=True, text=True, check=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError) as error:
        yield f"{python} does not run ({error}): {new_venv}"
        return
    described = json.loads(answer.stdout)
    version = ".".join(map(str, described["version"]))
    if tuple(described["version"]) < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        yield f"{python} is Python {version}, but at least {oldest} is needed: {new_venv}"
        return
    wrong = list(wrong_packages(requirements.read_text(), described["packages"], version))
    if wrong:
        yield (
            f"{python} lacks packages of {requirements.name} ({shortened(wrong)}): make up installs"
            f" them, or {python} -m pip install --require-hashes -r {requirements}"
        )


def shortened(items: list[str], most: int = 5) -> str:
    rest = [f"{len(items) - most} more"] if len(items) > most else []
    return ", ".join(items[:most] + rest)


def wrong_packages(lock: str, installed: dict[str, str], python: str) -> Iterator[str]:
    versions = {canonicalize_name(name): version for name, version in installed.items()}
    target = {"python_full_version": python, "python_version": python.rpartition(".")[0]}
    for line in re.findall(r"^[A-Za-z0-9].*==[^\\\n]*", lock, flags=re.MULTILINE):
        wanted = Requirement(line)
        if wanted.marker and not wanted.marker.evaluate(target):
            continue
        version = versions.get(canonicalize_name(wanted.name))
        if version is None:
            yield f"{wanted.name}{wanted.specifier}"
        elif version not in wanted.specifier:
            yield f"{wanted.name}{wanted.specifier} but {version}"


def port_problems(
    host: str,
    port: str,
    own_processes: list[Object],
    remedy: str = "PORT=8001 make up",
) -> Iterator[str]:
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        yield f"port {port!r} is not a number from 1 to 65535; choose another: {remedy}"
        return
    if any(process["environment"].get("PORT") == port for process in own_processes):
        return
    try:
        bind(host, int(port))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            yield (
                f"port {port} on {host} cannot be listened on ({error.strerror});"
                f" choose another: {remedy}"
            )
            return
        listener = find_listener(int(port))
        if listener.get("ppid") in {process["pid"] for process in own_processes}:
            return  # our supervisord has just started it
        who = " ({name}, pid {pid})".format(**listener) if listener else ""
        yield (
            f"port {port} on {host} is in use by another program{who}; stop it, or choose"
            f" another: {remedy}"
        )


def bind(host: str, port: int) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)


def find_listener(port: int) -> Object:
    """Return pid, name and ppid of the program on a port, as far as this user may see them."""
    if not HAS_PSUTIL:
        return {}
    with suppress(psutil.Error):
        for found in psutil.net_connections("tcp"):
            here = found.laddr and found.laddr.port == port
            if here and found.status == psutil.CONN_LISTEN and found.pid:
                listener: Object = psutil.Process(found.pid).as_dict(["pid", "name", "ppid"])
                return listener
    return {}


def directory_problems(directories: list[str]) -> Iterator[str]:
    for directory in map(Path, directories):
        way_up = (directory, *directory.parents)
        nearest = next(path for path in way_up if os.access(path, os.F_OK))
        if not nearest.is_dir():
            yield f"{directory} cannot be created: {nearest} is a file; move it away"
        elif not os.access(nearest, os.W_OK | os.X_OK):
            yield f"{directory} cannot be written to: get write permission on {nearest}"


def socket_problems(path: str) -> Iterator[str]:
    if "%" in path:
        yield f"supervisord does not work with a % in its path: {path}; move the project"
    most = SOCKET_PATH_BYTES - len(SUPERVISOR_SUFFIX)
    size = len(os.fsencode(path))
    if size > most:
        yield (
            f"the path of supervisord's socket, {path}, has {size} bytes, but at most {most}"
            " are possible: move the project to a directory with a shorter path"
        )


def data_problems(data: str) -> Iterator[str]:
    if not Path(data).is_file():
        yield (
            f"model_data: there is no file {data}; give the path of a CSV file, absolute or"
            " relative to the current directory"
        )


def docker_problems() -> Iterator[str]:
    remedy = "start it, and check that `docker version` works"
    answer = docker("version")
    if answer.returncode == NOT_FOUND:
        yield "there is no docker command: install Docker"
    elif answer.returncode == TIMED_OUT:
        yield f"the Docker engine does not answer in time: {remedy}"
    elif answer.returncode:
        said = (answer.stderr.strip().splitlines() or ["no reason given"])[-1]
        yield f"no Docker engine answers ({said}): {remedy}"


def buildx_problems() -> Iterator[str]:
    if docker("buildx", "version").returncode not in {0, NOT_FOUND}:
        yield "there is no docker buildx, which builds the image: install Docker's Buildx plugin"


def minikube_problems(profile: str, ports: list[str]) -> Iterator[str]:
    """Yield what would stop minikube, apart from the engine itself."""
    if os.geteuid() == 0:
        yield (
            "you are root, and minikube refuses to run as root with Docker: use an account that may"
            " use Docker (usermod -aG docker <user>)"
        )
    published = docker("port", profile).stdout.splitlines()
    own_ports = {line.rpartition(":")[2] for line in published}
    for port in ports:
        if port not in own_ports:
            remedy = "minikube_ports in inventory/minikube/group_vars/minikube.yml"
            yield from port_problems("127.0.0.1", port, [], remedy)


def compose_problems(project: str, ports: dict[str, str]) -> Iterator[str]:
    """Yield what would stop a project of Docker Compose, apart from the engine itself."""
    if docker("compose", "version").returncode not in {0, NOT_FOUND}:
        yield "there is no docker compose: install Docker's Compose plugin, version 2"
    label = f"label=com.docker.compose.project={project}"
    template = f'{{{{.Label "{PORT_LABEL}"}}}}'
    own_ports = docker("ps", f"--filter={label}", f"--format={template}").stdout.split()
    for variable, port in ports.items():
        if port and port not in own_ports:
            yield from port_problems("127.0.0.1", port, [], f"-e {variable}=...")


def docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run docker; its status is NOT_FOUND without the command, TIMED_OUT when it hangs."""
    command = ["docker", *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except FileNotFoundError:
        return subprocess.CompletedProcess(command, NOT_FOUND, "", "")
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, TIMED_OUT, "", "")


def problems(parameters: Object) -> Iterator[str]:
    yield from python_problems(parameters["python"], Path(parameters["requirements"]))
    if parameters["port"]:
        yield from port_problems(
            parameters["host"], parameters["port"], parameters["own_processes"]
        )
    yield from directory_problems(parameters["directories"])
    if parameters["socket"]:
        yield from socket_problems(parameters["socket"])
    if parameters["data"]:
        yield from data_problems(parameters["data"])
    if any(parameters[name] for name in ("docker", "minikube_profile", "compose_project")):
        yield from docker_problems()
    if parameters["docker"]:
        yield from buildx_problems()
    if parameters["minikube_profile"]:
        yield from minikube_problems(parameters["minikube_profile"], parameters["minikube_ports"])
    if parameters["compose_project"]:
        yield from compose_problems(parameters["compose_project"], parameters["compose_ports"])
    yield from parameters["more"]


def main() -> None:
    module = AnsibleModule(yaml.safe_load(DOCUMENTATION)["options"], supports_check_mode=True)
    given = module.params
    given["compose_ports"] = {name: str(port) for name, port in given["compose_ports"].items()}
    found = list(problems(given))
    if found:
        module.fail_json(msg="\n".join(["Before this can run:", *(f"- {text}" for text in found)]))
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()

#!/usr/bin/python
from __future__ import annotations

import errno
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ansible.module_utils.basic import AnsibleModule
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

DOCUMENTATION = r"""
module: preflight
short_description: List everything that would stop the playbook, and what to do about it
description:
  - Looks at the interpreter, its packages, the port, the directories, the data and the Docker
    engine, and fails with all problems at once. What is not given is not looked at.
options:
  python:
    description: Interpreter that trains and serves.
    type: path
    required: true
  requirements:
    description: Lock file; its packages have to be installed in these very versions.
    type: path
    required: true
  host:
    description: Address that the service will listen on.
    type: str
    default: 127.0.0.1
  port:
    description: Port that the service will listen on. A string, so that nonsense is a problem too.
    type: str
    default: ""
  own_processes:
    description: Processes of the service itself, which may hold the port.
    type: list
    elements: dict
    default: []
  directories:
    description: Directories to write to; they need not exist yet.
    type: list
    elements: path
    default: []
  socket:
    description: Path of the unix socket that supervisord will create.
    type: str
    default: ""
  data:
    description: Table to train on; without it, the bundled data is used.
    type: str
    default: ""
  docker:
    description: Whether a Docker engine is needed, to build an image with.
    type: bool
    default: false
  minikube_profile:
    description: Profile of minikube that is to run on this machine, in Docker; none when empty.
    type: str
    default: ""
  minikube_ports:
    description:
      - Ports of this machine that its container will publish, on 127.0.0.1; the container itself
        may hold them.
    type: list
    elements: str
    default: []
  compose_project:
    description: Docker Compose project that is to be started; none when empty.
    type: str
    default: ""
  compose_ports:
    description:
      - Ports of this machine that it will listen on, on 127.0.0.1, by the names of the variables
        that set them; empty for none. Its own containers, which tell theirs by the label
        C(breast-cancer.port), may hold them.
    type: dict
    default: {}
  more:
    description: Problems that others have found, to be told with the rest.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
author:
  - The project's contributors
"""

EXAMPLES = r"""
- name: Look for problems
  preflight:
    python: /srv/app/.venv/bin/python
    requirements: /srv/app/requirements.txt
    port: "8000"
"""

RETURN = r"""
problems:
  description: One sentence or two for each problem.
  returned: on failure
  type: list
  elements: str
"""

OLDEST_PYTHON = (3, 11)
SOCKET_PATH_BYTES = 103 if sys.platform == "darwin" else 107
PORT_LABEL = "breast-cancer.port"
SUPERVISOR_SUFFIX = ".4194304"  # supervisord binds to <path>.<its process id> first

PROC = Path("/proc")
LISTENING = "0A"

# Runs in the interpreter under test, which may be an old one.
DESCRIBE = """
import json, sys
packages = {}
if sys.version_info >= (3, 11):
    from importlib.metadata import distributions
    packages = {d.metadata["Name"]: d.version for d in distributions() if d.metadata["Name"]}
print(json.dumps({"version": sys.version_info[:3], "packages": packages}))
"""


class Listener(NamedTuple):
    pid: int
    name: str
    parent: int


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
        yield f"{python} is Python {version}, and {oldest} is the oldest that will do: {new_venv}"
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
    own_processes: list[dict[str, Any]],
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
        if listener and listener.parent in {process["pid"] for process in own_processes}:
            return  # our supervisord has started it since it was looked for
        who = f" ({listener.name}, pid {listener.pid})" if listener else ""
        yield (
            f"port {port} on {host} is in use by another program{who}; stop it, or choose"
            f" another: {remedy}"
        )


def bind(host: str, port: int) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)


def find_listener(port: int) -> Listener | None:
    """Find who listens, as far as /proc tells this user."""
    sockets = {f"socket:[{inode}]" for inode in listening_inodes(port)}
    for descriptor in PROC.glob("[0-9]*/fd/*"):
        try:
            if str(descriptor.readlink()) in sockets:
                return describe(descriptor.parent.parent)
        except OSError:
            continue  # it has ended meanwhile, or is somebody else's
    return None


def describe(process: Path) -> Listener:
    before, _, after = (process / "stat").read_text().rpartition(")")  # pid (name) state parent
    pid, _, name = before.partition(" (")
    return Listener(int(pid), name, int(after.split()[1]))


def listening_inodes(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        file = PROC / "net" / table
        if file.exists():
            for line in file.read_text().splitlines()[1:]:
                fields = line.split()
                local, state, inode = fields[1], fields[3], fields[9]
                if state == LISTENING and int(local.rpartition(":")[2], 16) == port:
                    yield inode


def directory_problems(directories: list[str]) -> Iterator[str]:
    for directory in map(Path, directories):
        way_up = (directory, *directory.parents)
        nearest = next(path for path in way_up if os.access(path, os.F_OK))
        if not nearest.is_dir():
            yield f"{directory} cannot be created: {nearest} is a file; move it away"
        elif not os.access(nearest, os.W_OK | os.X_OK):
            yield f"{directory} cannot be written to: give yourself the right to, on {nearest}"


def socket_problems(path: str) -> Iterator[str]:
    if "%" in path:
        yield f"supervisord cannot work where there is a % in the path: {path}; move the project"
    most = SOCKET_PATH_BYTES - len(SUPERVISOR_SUFFIX)
    size = len(os.fsencode(path))
    if size > most:
        yield (
            f"the path of supervisord's socket, {path}, has {size} bytes, and {most} is the most"
            " that will do: move the project to a directory with a shorter path"
        )


def data_problems(data: str) -> Iterator[str]:
    if not Path(data).is_file():
        yield (
            f"model_data: there is no file {data}; give the path of a CSV file, absolute or"
            " relative to where you are"
        )


def docker_problems() -> Iterator[str]:
    docker = shutil.which("docker")
    if docker is None:
        yield "there is no docker command: install Docker"
        return
    remedy = "start it, and see that `docker version` works"
    try:
        subprocess.run([docker, "version"], capture_output=True, text=True, check=True, timeout=60)
    except subprocess.TimeoutExpired:
        yield f"the Docker engine does not answer in time: {remedy}"
    except subprocess.CalledProcessError as error:
        said = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        yield f"no Docker engine answers ({said}): {remedy}"


def buildx_problems() -> Iterator[str]:
    docker = shutil.which("docker")
    answer = ask(docker, "buildx", "version") if docker else None
    if answer and answer.returncode:
        yield "there is no docker buildx, which builds the image: install Docker's Buildx plugin"


def minikube_problems(profile: str, ports: list[str]) -> Iterator[str]:
    """Yield what minikube would stumble over, the engine itself left aside."""
    if os.geteuid() == 0:
        yield (
            "you are root, and minikube refuses to run as root with Docker: be a user who may use"
            " Docker (usermod -aG docker <user>)"
        )
    docker = shutil.which("docker")
    own_ports = published_ports(docker, profile) if docker else set()
    for port in ports:
        if port not in own_ports:
            remedy = "minikube_ports in inventory/minikube/group_vars/minikube.yml"
            yield from port_problems("127.0.0.1", port, [], remedy)


def published_ports(docker: str, container: str) -> set[str]:
    """Return the ports of this machine that a container publishes while it runs."""
    answer = ask(docker, "port", container)
    return {line.rpartition(":")[2] for line in answer.stdout.splitlines()} if answer else set()


def compose_problems(project: str, ports: dict[str, str]) -> Iterator[str]:
    """Yield what is in the way of a project of Docker Compose, the engine itself left aside."""
    docker = shutil.which("docker")
    own_ports: set[str] = set()
    if docker:
        answer = ask(docker, "compose", "version")
        if answer is None or answer.returncode:
            yield "there is no docker compose: install Docker's Compose plugin, version 2"
        own_ports = ports_of_containers(docker, project)
    for variable, port in ports.items():
        if port and port not in own_ports:
            yield from port_problems("127.0.0.1", port, [], f"-e {variable}=...")


def ports_of_containers(docker: str, project: str) -> set[str]:
    """Return the ports that the running containers of the project say they listen on."""
    label = f"label=com.docker.compose.project={project}"
    template = f'{{{{.Label "{PORT_LABEL}"}}}}'
    answer = ask(docker, "ps", f"--filter={label}", f"--format={template}")
    return set(answer.stdout.split()) if answer else set()


def ask(*command: str) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except subprocess.TimeoutExpired:
        return None


def problems(parameters: dict[str, Any]) -> Iterator[str]:
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
    module = AnsibleModule(
        argument_spec={
            "python": {"type": "path", "required": True},
            "requirements": {"type": "path", "required": True},
            "host": {"default": "127.0.0.1"},
            "port": {"default": ""},
            "own_processes": {"type": "list", "elements": "dict", "default": []},
            "directories": {"type": "list", "elements": "path", "default": []},
            "socket": {"default": ""},
            "data": {"default": ""},
            "docker": {"type": "bool", "default": False},
            "minikube_profile": {"default": ""},
            "minikube_ports": {"type": "list", "elements": "str", "default": []},
            "compose_project": {"default": ""},
            "compose_ports": {"type": "dict", "default": {}},
            "more": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    given = module.params
    given["compose_ports"] = {name: str(port) for name, port in given["compose_ports"].items()}
    found = list(problems(given))
    if found:
        module.fail_json(msg="\n".join(["Before this can run:", *(f"- {text}" for text in found)]))
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()

#!/usr/bin/python
from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from typing import Any

import yaml
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: minikube_cluster
short_description: Inspect a minikube cluster, and compare it with what it should be
description:
  - Asks minikube for the profile, and Docker for the ports of its container, because minikube
    records the ports requested last, not those the container was created with.
  - Changes nothing. Without minikube, the state is V(absent).
options:
  executable:
    description: Path of minikube.
    type: path
    required: true
  profile:
    description: Name of the profile.
    type: str
    required: true
  driver:
    description: Driver it should run on; with V(""), this and the next three may be anything.
    type: str
    default: ""
  kubernetes:
    description: Version of Kubernetes it should have.
    type: str
    default: ""
  container_runtime:
    description: Container runtime it should have.
    type: str
    default: ""
  cni:
    description: Network plugin it should have.
    type: str
    default: ""
  ports:
    description: Ports it should publish, as V(address:port:node port).
    type: list
    elements: str
    default: []
  image:
    description: Image to look for in the cluster.
    type: str
    default: ""
"""

RETURN = r"""
state:
  description: V(running), V(stopped), V(absent), or V(broken) if minikube cannot read the profile.
  returned: always
  type: str
  sample: running
differences:
  description: How it differs from what it should be.
  returned: always
  type: list
  elements: str
  sample: ["kubernetes is v1.30.0, not v1.35.1"]
has_image:
  description: Whether the cluster has the image.
  returned: always
  type: bool
"""

Json = dict[str, Any]

SETTINGS = ("driver", "kubernetes", "container_runtime", "cni")
RUNNING = {"Running", "OK"}  # the word differs between releases


def find(listing: Json, profile: str) -> tuple[str, Json]:
    """Return the state of ``profile`` and its configuration, from ``minikube profile list``."""
    for found in listing["valid"]:
        if found["Name"] == profile:
            return "running" if found["Status"] in RUNNING else "stopped", found["Config"]
    broken = any(found["Name"] == profile for found in listing["invalid"])
    return "broken" if broken else "absent", {}


def differences(
    config: Json, published: set[str] | None, wanted: dict[str, str], ports: Iterable[str]
) -> Iterator[str]:
    """Yield how a cluster differs; ``published`` is None without a container."""
    kubernetes = config["KubernetesConfig"]
    actual = {
        "driver": config["Driver"],
        "kubernetes": kubernetes["KubernetesVersion"],
        "container_runtime": kubernetes["ContainerRuntime"],
        "cni": kubernetes["CNI"],
    }
    for name, value in wanted.items():
        if actual[name] != value:
            yield f"{name.replace('_', ' ')} is {actual[name] or 'not set'}, not {value}"
    if published is not None:
        for port in ports:
            if port not in published:
                yield f"port {port} is not published; it publishes {', '.join(sorted(published))}"


def published_ports(container: Json) -> set[str]:
    """Return the fixed ports of a container, from ``docker container inspect``."""
    return {
        f"{binding['HostIp']}:{binding['HostPort']}:{port.partition('/')[0]}"
        for port, bindings in (container["HostConfig"]["PortBindings"] or {}).items()
        for binding in bindings
        if binding["HostPort"] not in {"", "0"}  # minikube's own, on any free port
    }


def has_image(listing: str, reference: str) -> bool:
    """Return whether ``minikube image ls`` lists ``reference``; it prints one full name a line."""
    full_names = {prefix + reference for prefix in ("", "docker.io/", "docker.io/library/")}
    return not full_names.isdisjoint(listing.split())


def ask(*command: str) -> str:
    """Return what ``command`` prints; subprocess.CalledProcessError when it fails."""
    quiet = {"MINIKUBE_WANTUPDATENOTIFICATION": "false"}
    return subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, **quiet}
    ).stdout


def container_ports(profile: str) -> set[str] | None:
    try:
        return published_ports(json.loads(ask("docker", "container", "inspect", profile))[0])
    except subprocess.CalledProcessError:
        return None  # minikube creates it when it starts the profile


def look(parameters: Json) -> Json:
    executable, profile = parameters["executable"], parameters["profile"]
    answer: Json = {"state": "absent", "differences": [], "has_image": False}
    if not os.access(executable, os.X_OK):
        return answer
    state, config = find(json.loads(ask(executable, "profile", "list", "--output=json")), profile)
    answer["state"] = state
    if state == "broken":
        answer["differences"] = ["minikube cannot read its configuration"]
    if config:
        wanted = {name: parameters[name] for name in SETTINGS if parameters[name]}
        published = container_ports(profile)
        answer["differences"] = list(differences(config, published, wanted, parameters["ports"]))
    if state == "running" and parameters["image"]:
        listing = ask(executable, "image", "ls", f"--profile={profile}")
        answer["has_image"] = has_image(listing, parameters["image"])
    return answer


def main() -> None:
    module = AnsibleModule(yaml.safe_load(DOCUMENTATION)["options"], supports_check_mode=True)
    try:
        answer = look(module.params)
    except subprocess.CalledProcessError as error:
        module.fail_json(
            msg=f"{' '.join(error.cmd)} failed: {(error.stderr or error.stdout).strip()}"
        )
    except OSError as error:
        module.fail_json(msg=f"{error.filename}: {error.strerror}")
    module.exit_json(changed=False, **answer)


if __name__ == "__main__":
    main()

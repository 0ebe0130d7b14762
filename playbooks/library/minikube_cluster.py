#!/usr/bin/python
from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterable, Iterator
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: minikube_cluster
short_description: Find out how a minikube cluster is, and in what it is not as it should be
description:
  - Asks minikube for the profile, and Docker for the ports of its container, as minikube notes what
    ports were asked for last, and not with which the container was made.
  - Changes nothing. Without minikube, there is no cluster.
options:
  executable:
    description: Path of minikube.
    type: path
    required: true
  profile:
    description: Name of the profile.
    type: str
    required: true
  wanted:
    description: What it should have been created with.
    type: dict
    default: {}
    suboptions:
      driver:
        description: Where it runs.
        type: str
      kubernetes:
        description: Version of Kubernetes.
        type: str
      container_runtime:
        description: What runs the containers.
        type: str
      cni:
        description: The network.
        type: str
  ports:
    description: Ports that it should publish, as V(address:port:node port).
    type: list
    elements: str
    default: []
  image:
    description: Image to look for in it.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
author:
  - The project's contributors
"""

EXAMPLES = r"""
- name: Look at the cluster
  minikube_cluster:
    executable: /home/me/.local/bin/minikube
    profile: breast-cancer
    wanted:
      kubernetes: v1.35.1
    ports: ["127.0.0.1:30000:30000"]
"""

RETURN = r"""
state:
  description: How it is. V(broken) is a profile that minikube itself cannot read.
  returned: always
  type: str
  sample: running
differences:
  description: In what it is not as it should be.
  returned: always
  type: list
  elements: str
  sample: ["kubernetes is v1.30.0, not v1.35.1"]
has_image:
  description: Whether the image is in it.
  returned: always
  type: bool
"""

Json = dict[str, Any]

RUNNING = {"Running", "OK"}  # what releases call it differs
DEFAULT_REGISTRY, DEFAULT_NAMESPACE = "docker.io/", "library/"


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
    """Yield in what a cluster is not as wanted; ``published`` is None without a container."""
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
        if binding["HostPort"] not in {"", "0"}  # minikube's own, wherever they were free
    }


def has_image(listing: str, reference: str) -> bool:
    """Tell whether ``minikube image ls`` lists ``reference``; it lists full names, one a line."""
    return not full_names(reference).isdisjoint(listing.split())


def full_names(reference: str) -> set[str]:
    prefixes = ("", DEFAULT_REGISTRY, DEFAULT_REGISTRY + DEFAULT_NAMESPACE)
    return {prefix + reference for prefix in prefixes}


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
        wanted = {name: value for name, value in parameters["wanted"].items() if value}
        published = container_ports(profile)
        answer["differences"] = list(differences(config, published, wanted, parameters["ports"]))
    if state == "running" and parameters["image"]:
        listing = ask(executable, "image", "ls", f"--profile={profile}")
        answer["has_image"] = has_image(listing, parameters["image"])
    return answer


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "executable": {"type": "path", "required": True},
            "profile": {"required": True},
            "wanted": {
                "type": "dict",
                "default": {},
                "options": {
                    "driver": {},
                    "kubernetes": {},
                    "container_runtime": {},
                    "cni": {},
                },
            },
            "ports": {"type": "list", "elements": "str", "default": []},
            "image": {"default": ""},
        },
        supports_check_mode=True,
    )
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

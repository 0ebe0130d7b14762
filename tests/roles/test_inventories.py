"""Playbooks that are for one kind of environment, and the inventory that they are given."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.kubernetes_api import KubernetesApi
from tests.roles.conftest import BIN, Site, run

STAND_INS = ROOT / "roles/minikube/molecule/default/bin"
MINIKUBE = ["-i", "inventory/minikube"]


@pytest.mark.parametrize("playbook", ["canary", "deploy", "promote", "render", "rollback"])
def test_playbook_for_a_cluster_says_that_there_is_none(playbook: str) -> None:
    result = run(["ansible-playbook", f"playbooks/{playbook}.yml"], ROOT, 0)
    assert result.returncode != 0
    assert "This playbook needs a cluster, and the inventory has none" in result.stdout
    assert "-i inventory/kubernetes" in result.stdout


@pytest.fixture
def minikube(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine where stand-ins play minikube and Docker."""
    home, commands = tmp_path / "home", tmp_path / "bin"
    home.mkdir()
    commands.mkdir()
    docker = commands / "docker"
    ports = f'[ "$1" = container ] && exec {STAND_INS}/docker "$@"'
    docker.write_text(f"#!/bin/sh\n{ports}\nexit 0\n")
    docker.chmod(0o700)
    path = os.pathsep.join([str(commands), str(BIN), os.environ["PATH"]])
    return {"HOME": str(home), "MINIKUBE_HOME": str(home), "PATH": path}


def extra(**variables: Any) -> list[str]:
    """Return variables for a machine whose user may be root, which minikube itself refuses."""
    return ["-e", json.dumps({"preflight_minikube_profile": "", **variables})]


def test_deployed_image_is_loaded_into_minikube(
    minikube: dict[str, str], connected: KubernetesApi, kubeconfig: Path
) -> None:
    given = extra(
        app_image="breast-cancer-api:mine",
        kube_context="here",
        minikube_executable=str(STAND_INS / "minikube"),
    )
    command = ["ansible-playbook", *MINIKUBE, "playbooks/deploy.yml", *given]
    result = run(command, ROOT, 0, **minikube, KUBECONFIG=str(kubeconfig))
    state = Path(minikube["MINIKUBE_HOME"], "state.json")
    assert state.exists(), result.stdout
    cluster = json.loads(state.read_text())["breast-cancer"]
    assert cluster["images"] == ["docker.io/library/breast-cancer-api:mine"]
    assert "PLAY [Deploy the image]" in result.stdout.partition("Load the image")[2]


@pytest.mark.parametrize(
    ("given", "loaded"),
    [
        ({}, "app:built"),
        ({"app_image": "app:mine"}, "app:mine"),
        ({"app_image": "ghcr.io/me/app:1", "image_registry": "ghcr.io/me"}, ""),
    ],
)
def test_image_that_is_loaded_into_minikube(given: dict[str, str], loaded: str) -> None:
    look = ["-m", "ansible.builtin.debug", "-a", "msg=<{{ minikube_image }}>"]
    command = [
        "ansible",
        "minikube",
        *MINIKUBE,
        *look,
        *extra(image_reference="app:built", **given),
    ]
    assert f"<{loaded}>" in run(command, ROOT, 0).stdout


@pytest.mark.parametrize("has_folder", [False, True])
def test_check_mode_on_a_machine_without_minikube(
    minikube: dict[str, str], release: dict[str, Any], clean_site: Site, has_folder: bool
) -> None:
    folder = Path(minikube["HOME"], ".local/bin")
    if has_folder:
        folder.mkdir(parents=True, mode=0o700)
    command = ["ansible-playbook", *MINIKUBE, "site.yml", "--check", *extra(**release)]
    result = run(command, clean_site.directory, 0, **minikube)
    assert result.returncode == 0, result.stdout
    assert folder.exists() == has_folder
    if has_folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert list(folder.iterdir()) == []

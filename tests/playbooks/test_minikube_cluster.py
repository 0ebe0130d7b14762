"""The module's reading of answers of minikube and Docker.

Some answers are recorded ones; the others are written in the form that minikube v1.38.1's types
give them.
"""

import subprocess
from pathlib import Path
from typing import Any

import minikube_cluster
import pytest
from msgspec import json, yaml

from tests.conftest import ROOT

ANSWERS = Path(__file__).parent / "minikube"

WANTED = {
    "driver": "docker",
    "kubernetes": "v1.35.1",
    "container_runtime": "containerd",
    "cni": "calico",
}
PORTS = ["127.0.0.1:30000:30000", "127.0.0.1:9090:30090"]


def answer(name: str) -> Any:
    return json.decode((ANSWERS / f"{name}.json").read_bytes())


@pytest.fixture
def config() -> minikube_cluster.Json:
    _, config = minikube_cluster.find(answer("profile_list"), "breast-cancer")
    return config


def differences(config: minikube_cluster.Json, **wanted: str) -> list[str]:
    published = minikube_cluster.published_ports(answer("container_inspect")[0])
    return list(minikube_cluster.differences(config, published, WANTED | wanted, PORTS))


@pytest.mark.parametrize(
    ("profile", "state"),
    [
        ("breast-cancer", "running"),
        ("minikube", "stopped"),
        ("old", "broken"),
        ("none", "absent"),
    ],
)
def test_state(profile: str, state: str) -> None:
    assert minikube_cluster.find(answer("profile_list"), profile)[0] == state


def test_recorded_profile() -> None:
    listing = answer("recorded/profile_list-v1.36.0-running")
    state, config = minikube_cluster.find(listing, "minikube-1")
    assert state == "running"
    assert list(minikube_cluster.differences(config, None, WANTED, PORTS)) == [
        "driver is vfkit, not docker",
        "kubernetes is v1.33.1, not v1.35.1",
        "container runtime is docker, not containerd",
        "cni is not set, not calico",
    ]


def test_written_answers_have_the_form_of_the_recorded_one() -> None:
    [recorded] = answer("recorded/profile_list-v1.36.0-running")["valid"]
    for written in answer("profile_list")["valid"]:
        assert written.keys() == recorded.keys()
        assert written["Config"].keys() <= recorded["Config"].keys()
        kubernetes = "KubernetesConfig"
        assert written["Config"][kubernetes].keys() == recorded["Config"][kubernetes].keys()


def test_without_any_profile() -> None:
    nothing = json.decode(b'{"invalid":[],"valid":[]}')
    assert minikube_cluster.find(nothing, "breast-cancer") == ("absent", {})


def test_as_it_should_be(config: minikube_cluster.Json) -> None:
    assert differences(config) == []


def test_each_difference_is_named(config: minikube_cluster.Json) -> None:
    assert differences(config, kubernetes="v1.36.0", cni="cilium") == [
        "kubernetes is v1.35.1, not v1.36.0",
        "cni is calico, not cilium",
    ]


def test_value_that_was_not_set(config: minikube_cluster.Json) -> None:
    config["KubernetesConfig"]["CNI"] = ""
    assert differences(config) == ["cni is not set, not calico"]


def test_ports_are_those_of_the_container(config: minikube_cluster.Json) -> None:
    published = {"127.0.0.1:8080:30000"}
    found = list(minikube_cluster.differences(config, published, {}, PORTS))
    assert found[0] == (
        "port 127.0.0.1:30000:30000 is not published; it publishes 127.0.0.1:8080:30000"
    )
    assert len(found) == 2


def test_container_that_is_gone_is_made_with_the_right_ports(config: minikube_cluster.Json) -> None:
    assert list(minikube_cluster.differences(config, None, WANTED, PORTS)) == []


def test_ports_that_minikube_chose_do_not_count() -> None:
    published = minikube_cluster.published_ports(answer("container_inspect")[0])
    assert published == {"127.0.0.1:30000:30000", "127.0.0.1:9090:30090"}


def test_recorded_ports_are_all_of_minikubes_choice() -> None:
    bindings = answer("recorded/port_bindings-v1.12.0")
    assert len(bindings) == 3
    assert minikube_cluster.published_ports({"HostConfig": {"PortBindings": bindings}}) == set()


@pytest.mark.parametrize(
    ("record", "reference", "there"),
    [
        ("pr11007", "busybox:latest", True),
        ("pr11007", "kubernetesui/dashboard:v2.1.0", True),
        ("pr11007", "k8s.gcr.io/pause:3.2", True),
        ("pr11007", "busybox:1.37", False),
        ("pr11007", "box:latest", False),
        ("pr12996", "busybox:latest", False),
        ("pr12996", "k8s.gcr.io/coredns/coredns:v1.8.4", True),
    ],
)
def test_recorded_images(record: str, reference: str, there: bool) -> None:
    listing = (ANSWERS / f"recorded/image_ls-{record}.txt").read_text()
    assert minikube_cluster.has_image(listing, reference) is there


def test_cluster_without_images() -> None:
    assert not minikube_cluster.has_image("", "breast-cancer-api:0123456789ab")


def parameters(executable: Path) -> dict[str, Any]:
    return {
        "executable": str(executable),
        "profile": "breast-cancer",
        **WANTED,
        "ports": PORTS,
        "image": "breast-cancer-api:0123456789ab",
    }


def test_without_minikube_there_is_no_cluster(tmp_path: Path) -> None:
    assert minikube_cluster.look(parameters(tmp_path / "minikube"))["state"] == "absent"


def test_profile_that_minikube_cannot_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    executable = tmp_path / "minikube"
    executable.touch(mode=0o700)
    listing = (ANSWERS / "profile_list.json").read_text()
    monkeypatch.setattr(minikube_cluster, "ask", lambda *_: listing)
    found = minikube_cluster.look(parameters(executable) | {"profile": "old"})
    assert found["state"] == "broken"
    assert found["differences"] == ["minikube cannot read its configuration"]


def test_profile_without_its_container(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*command: str) -> str:
        raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(minikube_cluster, "ask", fail)
    assert minikube_cluster.container_ports("breast-cancer") is None


def test_every_release_has_checksums_for_the_same_machines() -> None:
    role = yaml.decode((ROOT / "roles/minikube/vars/main.yml").read_text())
    for systems in role["__minikube_checksums"].values():
        for name in ("linux", "darwin"):
            sums = [systems[name][architecture] for architecture in ("amd64", "arm64")]
            assert all(len(bytes.fromhex(checksum)) == 32 for checksum in sums)
    assert role["__minikube_version"] in role["__minikube_checksums"]

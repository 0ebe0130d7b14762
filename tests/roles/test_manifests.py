"""The manifests, for every environment and with every option."""

import json
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.conftest import ROOT, free_port
from tests.pod_security import violated
from tests.roles.conftest import run

Object = dict[str, Any]

IMAGE = "breast-cancer-api:0123456789ab"
ENVIRONMENTS = ("kubernetes", "minikube")
OPTIONS = (
    "track", "autoscaling", "disruption_budget", "node_port", "metrics_node_port",
    "ingress_host", "ingress_class", "ingress_tls_secret", "image_pull_secrets",
)  # fmt: skip
HOST = "api.example.org"
VARIANTS = [
    {"name": str(number), **dict(zip(OPTIONS, values, strict=True))}
    for number, values in enumerate(
        [
            ("stable", True, False, "30000", "30001", "", "", "", []),
            ("stable", False, True, "30000", "", HOST, "nginx", "", ["registry"]),
            ("stable", False, False, "", "30001", HOST, "", "certificate", ["one", "two"]),
            ("canary", True, True, "", "", HOST, "nginx", "certificate", []),
        ]
    )
]
DIRECTORIES = [*ENVIRONMENTS, *(str(number) for number in range(len(VARIANTS)))]
VERSIONS = ("1.30", kubernetes_validate.latest_version())


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a folder of manifests for each environment and variant."""
    directory = tmp_path_factory.mktemp("manifests")
    for environment in ENVIRONMENTS:
        variables = {"app_image": IMAGE, "render_directory": str(directory / environment)}
        play("playbooks/render.yml", environment, variables)
    variants = {"directory": str(directory), "variants": VARIANTS}
    play("tests/roles/manifests.yml", "kubernetes", variants)
    return directory


def play(playbook: str, environment: str, variables: Object) -> None:
    inventory = f"inventory/{environment}"
    command = ["ansible-playbook", "-i", inventory, playbook, "-e", json.dumps(variables)]
    result = run(command, ROOT, free_port())
    assert result.returncode == 0, result.stdout


def manifests(directory: Path) -> dict[str, Object]:
    return {
        file.stem: yaml.safe_load(file.read_text(encoding="utf-8"))
        for file in sorted(directory.glob("*.yml"))
    }


@pytest.fixture(params=DIRECTORIES)
def objects(rendered: Path, request: pytest.FixtureRequest) -> dict[str, Object]:
    return manifests(rendered / request.param)


@pytest.fixture
def default(rendered: Path) -> dict[str, Object]:
    return manifests(rendered / "kubernetes")


@pytest.mark.parametrize("version", VERSIONS)
def test_valid(objects: dict[str, Object], version: str) -> None:
    assert len(objects) >= 6
    for manifest in objects.values():
        kubernetes_validate.validate(manifest, version, strict=True)


def test_restricted(objects: dict[str, Object]) -> None:
    assert violated(objects["deployment"]["spec"]["template"]["spec"]) == []
    labels = objects["00-namespace"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_every_object_says_whose_it_is(objects: dict[str, Object]) -> None:
    for manifest in objects.values():
        managed_by = manifest["metadata"]["labels"]["app.kubernetes.io/managed-by"]
        assert managed_by == "breast-cancer-playbooks"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_one_folder_has_it_all(rendered: Path, environment: str) -> None:
    names = {"00-namespace", "deployment", "prometheus-deployment", "grafana-deployment"}
    assert names <= set(manifests(rendered / environment))


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: str(variant["name"]))
def test_options(rendered: Path, variant: Object) -> None:
    objects = manifests(rendered / variant["name"])
    assert ("ingress" in objects) == bool(variant["ingress_host"])
    assert ("horizontalpodautoscaler" in objects) == variant["autoscaling"]
    if "horizontalpodautoscaler" in objects:
        limit = objects["deployment"]["spec"]["template"]["spec"]["containers"][0]["resources"][
            "limits"
        ]
        (metric,) = objects["horizontalpodautoscaler"]["spec"]["metrics"]
        assert limit["cpu"] == "1"
        assert metric["resource"]["target"] == {"type": "AverageValue", "averageValue": "700m"}
    assert ("poddisruptionbudget" in objects) == variant["disruption_budget"]
    deployment = objects["deployment"]["spec"]
    is_autoscaled = variant["autoscaling"] and variant["track"] == "stable"
    assert ("replicas" in deployment) != is_autoscaled
    assert deployment["selector"]["matchLabels"]["version"] == variant["track"]
    secrets = deployment["template"]["spec"].get("imagePullSecrets", [])
    assert [secret["name"] for secret in secrets] == variant["image_pull_secrets"]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: str(variant["name"]))
def test_ways_in(rendered: Path, variant: Object) -> None:
    objects = manifests(rendered / variant["name"])
    service = objects["service"]["spec"]
    assert service["type"] == ("NodePort" if variant["node_port"] else "ClusterIP")
    ports = [str(port.get("nodePort", "")) for port in service["ports"]]
    metrics = variant["metrics_node_port"] if variant["node_port"] else ""
    assert ports == [variant["node_port"], metrics]
    if "ingress" in objects:
        ingress = objects["ingress"]["spec"]
        secret = variant["ingress_tls_secret"]
        assert ingress.get("ingressClassName", "") == variant["ingress_class"]
        tls = [{"hosts": [HOST], "secretName": secret}] if secret else []
        assert ingress.get("tls", []) == tls


def test_names_and_labels_are_the_originals(default: dict[str, Object]) -> None:
    deployment = default["deployment"]
    stable = {"app": "breast-cancer-api", "version": "stable"}
    assert deployment["metadata"]["name"] == "breast-cancer-api"
    assert deployment["metadata"]["namespace"] == "breast-cancer"
    assert deployment["spec"]["selector"]["matchLabels"] == stable
    assert deployment["spec"]["template"]["metadata"]["labels"] == stable
    assert default["service"]["metadata"]["name"] == "breast-cancer-service"
    assert default["service"]["spec"]["selector"] == {"app": "breast-cancer-api"}
    assert [
        (port["name"], port["nodePort"], port["targetPort"])
        for port in default["service"]["spec"]["ports"]
    ] == [("http", 30000, "http"), ("metrics", 30001, "http")]
    assert default["canary-service"]["spec"]["selector"]["version"] == "canary"


def test_pods(default: dict[str, Object]) -> None:
    pod = default["deployment"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    environment = {each["name"]: each.get("value") for each in container["env"]}
    pre_stop = int(container["lifecycle"]["preStop"]["exec"]["command"][-1])
    leaving = pre_stop + int(environment["DRAIN_SECONDS"]) + int(environment["SHUTDOWN_SECONDS"])
    assert pod["terminationGracePeriodSeconds"] > leaving
    assert (container["name"], container["image"]) == ("api", IMAGE)
    assert environment["VERSION"] == "stable"
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert pod["automountServiceAccountToken"] is False
    assert set(container["resources"]) == {"requests", "limits"}
    assert default["deployment"]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0

"""The manifests of Prometheus and Grafana, and the files for Docker Compose."""

import json
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.conftest import ROOT, free_port
from tests.pod_security import violated
from tests.roles.conftest import run
from tests.roles.test_manifests import VERSIONS, manifests

Object = dict[str, Any]

FILES = ROOT / "roles/monitoring/files"
VARIANT = {
    "monitoring_persistence": True,
    "monitoring_storage_class": "fast",
    "monitoring_prometheus_node_port": "",
    "monitoring_grafana_enabled": False,
    "monitoring_alertmanager": "alertmanager:9093",
    "monitoring_runbook_url": "https://git.example.org/runbook.md",
}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("monitoring")
    for name, variables in (("default", {}), ("variant", VARIANT)):
        given = {"monitoring_render_directory": str(directory / name / "monitoring"), **variables}
        role = ["-m", "ansible.builtin.include_role", "-a", "name=monitoring tasks_from=render"]
        command = ["ansible", "kubernetes", "-i", "inventory/kubernetes", *role]
        result = run([*command, "-e", json.dumps(given)], ROOT, free_port())
        assert result.returncode == 0, result.stdout
    return directory


@pytest.fixture(params=["default", "variant"])
def objects(rendered: Path, request: pytest.FixtureRequest) -> dict[str, Object]:
    return manifests(rendered / request.param / "monitoring")


@pytest.fixture
def default(rendered: Path) -> dict[str, Object]:
    return manifests(rendered / "default" / "monitoring")


@pytest.fixture
def variant(rendered: Path) -> dict[str, Object]:
    return manifests(rendered / "variant" / "monitoring")


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files for Docker Compose, as the environment `local` has them."""
    directory = tmp_path_factory.mktemp("compose")
    role = ["-m", "ansible.builtin.include_role", "-a", "name=monitoring tasks_from=compose-files"]
    given = json.dumps({"monitoring_directory": str(directory)})
    result = run(["ansible", "local", *role, "-e", given], ROOT, free_port())
    assert result.returncode == 0, result.stdout
    password = (directory / "secrets/grafana-password").read_text()
    assert password not in result.stdout
    return directory


def configuration(objects: dict[str, Object]) -> Object:
    content: Object = yaml.safe_load(objects["prometheus-configmap"]["data"]["prometheus.yml"])
    return content


@pytest.mark.parametrize("version", VERSIONS)
def test_valid(objects: dict[str, Object], version: str) -> None:
    assert len(objects) >= 8
    for manifest in objects.values():
        kubernetes_validate.validate(manifest, version, strict=True)


def test_restricted(objects: dict[str, Object]) -> None:
    for name in ("prometheus-deployment", "grafana-deployment"):
        if name in objects:
            pod = objects[name]["spec"]["template"]["spec"]
            assert violated(pod) == []
            [container] = pod["containers"]
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert set(container["resources"]) == {"requests", "limits"}
            assert ":" in container["image"]


def test_every_object_says_whose_it_is(objects: dict[str, Object]) -> None:
    for manifest in objects.values():
        labels = manifest["metadata"]["labels"]
        assert labels["app.kubernetes.io/managed-by"] == "breast-cancer-playbooks"
        assert labels["app"] in ("prometheus", "grafana")
        assert manifest["metadata"]["namespace"] == "breast-cancer"


def test_prometheus_may_see_pods_and_nothing_else(default: dict[str, Object]) -> None:
    assert default["prometheus-role"]["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
    ]
    assert "ClusterRole" not in json.dumps(default)


def test_each_pod_is_scraped_once_under_its_names(default: dict[str, Object]) -> None:
    itself, job = configuration(default)["scrape_configs"]
    assert itself["static_configs"] == [
        {"targets": ["127.0.0.1:9090"], "labels": {"namespace": "breast-cancer"}}
    ]
    assert job["job_name"] == "breast-cancer-api"
    assert job["kubernetes_sd_configs"] == [
        {"role": "pod", "namespaces": {"names": ["breast-cancer"]}}
    ]
    kept, _, *named = job["relabel_configs"]
    assert (kept["action"], kept["regex"]) == ("keep", "breast-cancer-api;http")
    assert [each["target_label"] for each in named] == ["namespace", "pod", "version"]


def test_names_and_ports_are_those_that_others_know(default: dict[str, Object]) -> None:
    ports = {
        name: [(port["port"], port["nodePort"]) for port in default[name]["spec"]["ports"]]
        for name in ("prometheus-service", "grafana-service")
    }
    assert ports == {"prometheus-service": [(9090, 30090)], "grafana-service": [(3000, 30030)]}
    assert default["prometheus-service"]["metadata"]["name"] == "prometheus"


def test_rules_and_dashboards_are_the_files(default: dict[str, Object]) -> None:
    rules = default["prometheus-configmap"]["data"]["rules.yml"]
    assert rules == (FILES / "rules.yml").read_text(encoding="utf-8")
    boards = default["grafana-dashboards"]["data"]
    assert boards == {
        file.name: file.read_text(encoding="utf-8") for file in (FILES / "dashboards").iterdir()
    }


def test_grafana_lets_nobody_in_without_the_password(default: dict[str, Object]) -> None:
    [container] = default["grafana-deployment"]["spec"]["template"]["spec"]["containers"]
    environment = {each["name"]: each for each in container["env"]}
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"]["value"] == "false"
    secret = {"secretKeyRef": {"name": "grafana", "key": "password"}}
    assert environment["GF_SECURITY_ADMIN_PASSWORD"] == {
        "name": "GF_SECURITY_ADMIN_PASSWORD",
        "valueFrom": secret,
    }
    assert not any(manifest["kind"] == "Secret" for manifest in default.values())


def test_what_grafana_is_provisioned_with_is_read_only(default: dict[str, Object]) -> None:
    data = default["grafana-configmap"]["data"]
    [source] = yaml.safe_load(data["datasources.yml"])["datasources"]
    assert (source["type"], source["url"], source["editable"]) == (
        "prometheus", "http://prometheus:9090", False,
    )  # fmt: skip
    [provider] = yaml.safe_load(data["dashboards.yml"])["providers"]
    assert (provider["disableDeletion"], provider["allowUiUpdates"]) == (True, False)
    [container] = default["grafana-deployment"]["spec"]["template"]["spec"]["containers"]
    mounted = {each["mountPath"] for each in container["volumeMounts"]}
    assert provider["options"]["path"] in mounted


def test_options(variant: dict[str, Object]) -> None:
    assert not any(name.startswith("grafana") for name in variant)
    assert variant["prometheus-persistentvolumeclaim"]["spec"]["storageClassName"] == "fast"
    volumes = variant["prometheus-deployment"]["spec"]["template"]["spec"]["volumes"]
    assert {"claimName": "prometheus"} in [each.get("persistentVolumeClaim") for each in volumes]
    assert variant["prometheus-service"]["spec"]["type"] == "ClusterIP"
    assert "nodePort" not in variant["prometheus-service"]["spec"]["ports"][0]
    [manager] = configuration(variant)["alerting"]["alertmanagers"]
    assert manager["static_configs"] == [{"targets": ["alertmanager:9093"]}]
    rules = variant["prometheus-configmap"]["data"]["rules.yml"]
    assert "runbook_url: https://git.example.org/runbook.md#apptargetdown" in rules
    assert "docs/runbook.md" not in rules


def test_compose_has_the_same_rules_and_dashboards(compose: Path) -> None:
    assert (compose / "prometheus/rules.yml").read_bytes() == (FILES / "rules.yml").read_bytes()
    for file in (FILES / "dashboards").iterdir():
        assert (compose / "grafana/dashboards" / file.name).read_bytes() == file.read_bytes()


def test_compose_watches_the_app_on_this_machine(compose: Path) -> None:
    content = yaml.safe_load((compose / "prometheus/prometheus.yml").read_text())
    itself, job = content["scrape_configs"]
    assert itself["static_configs"] == [
        {"targets": ["127.0.0.1:9090"], "labels": {"namespace": "local"}}
    ]
    [target] = job["static_configs"]
    assert set(target["labels"]) == {"namespace", "pod", "version"}
    assert target["targets"][0].startswith("127.0.0.1:")
    [source] = yaml.safe_load((compose / "grafana/datasources.yml").read_text())["datasources"]
    assert source["url"] == "http://127.0.0.1:9090"


def test_compose_listens_on_this_machine_alone(compose: Path) -> None:
    services = yaml.safe_load((compose / "compose.yml").read_text())["services"]
    assert {service["network_mode"] for service in services.values()} == {"host"}
    assert "--web.listen-address=127.0.0.1:9090" in services["prometheus"]["command"]
    environment = services["grafana"]["environment"]
    assert environment["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    assert environment["GF_SERVER_HTTP_PORT"] == "3001"
    assert services["grafana"]["user"] == "472:0"
    for service in services.values():
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            assert not source.startswith(".") or (compose / source).exists()


def test_the_password_is_generated_once_and_nobody_elses(compose: Path) -> None:
    file = compose / "secrets/grafana-password"
    assert file.parent.stat().st_mode & 0o777 == 0o700
    password = file.read_text()
    assert len(password) == 24
    holders = [
        each for each in compose.rglob("*") if each.is_file() and password in each.read_text()
    ]
    assert holders == [file]

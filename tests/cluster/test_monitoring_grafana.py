"""The role's handling of Grafana on a real cluster, with a stand-in for Grafana itself."""

import base64
import hashlib
import json
import time
from typing import Any

import httpx2
import pytest

from tests.cluster.conftest import (
    GRAFANA_NODE_PORT,
    NAMESPACE,
    PATIENCE_SECONDS,
    PATIENTLY,
    Deployed,
    call,
    kubectl,
    read,
)
from tests.conftest import ROOT
from tests.roles.test_site import changes

OURS = ("deployments,pods,services,configmaps,secrets,networkpolicies,serviceaccounts",
        "--selector=app=grafana")  # fmt: skip


class Monitored:
    """A namespace with nothing but the monitoring in it."""

    def __init__(self, checkout: Deployed, image: str) -> None:
        self._checkout = checkout
        self._settings = {
            "monitoring_grafana_image": image,
            "monitoring_grafana_node_port": GRAFANA_NODE_PORT,
        }

    def play(self, *arguments: str, is_wanted: bool = True) -> str:
        settings: dict[str, Any] = {**self._settings, "monitoring_grafana_enabled": is_wanted}
        result = self._checkout.on_cluster("playbooks/monitoring.yml", *arguments, **settings)
        assert result.returncode == 0, result.stdout
        return result.stdout


@pytest.fixture(scope="module")
def monitored(checkout: Deployed, grafana_stand_in: str) -> Monitored:
    """A namespace to watch."""
    kubectl("create", "namespace", NAMESPACE)
    return Monitored(checkout, grafana_stand_in)


def password() -> str:
    return base64.b64decode(read("secret", "grafana")["data"]["password"]).decode()


def test_grafana_gets_a_password_that_nobody_sees_unasked(monitored: Monitored) -> None:
    output = monitored.play("-v")
    assert len(password()) == 24
    assert password() not in output
    assert base64.b64encode(password().encode()).decode() not in output


def test_second_run_changes_nothing(monitored: Monitored) -> None:
    before = password()
    output = monitored.play()
    assert changes(output) == 0
    assert password() == before
    assert before not in output


def test_password_is_shown_when_asked_for(monitored: Monitored) -> None:
    assert f"password: {password()}" in monitored.play("--tags", "password")


@pytest.mark.usefixtures("monitored")
def test_grafana_can_read_what_it_is_given() -> None:
    found = what_it_is_given(f"http://127.0.0.1:{GRAFANA_NODE_PORT}")
    assert found["user"] == 472
    assert found["password_sha256"] == hashlib.sha256(password().encode()).hexdigest()
    assert "url: http://prometheus:9090" in found["provisioning"]["datasources.yml"]
    check_dashboards(found)


def test_grafana_goes_when_it_is_not_wanted(monitored: Monitored) -> None:
    assert kubectl("get", *OURS).strip()
    monitored.play(is_wanted=False)
    kubectl("wait", "pods", "--selector=app=grafana", "--for=delete", PATIENTLY)
    assert kubectl("get", *OURS).strip() == ""
    assert changes(monitored.play(is_wanted=False)) == 0
    assert "There is no Grafana." in monitored.play("--tags", "password", is_wanted=False)


def what_it_is_given(url: str) -> Any:
    """Wait until the stand-in answers, and return what it says."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return httpx2.get(f"{url}/api/health", trust_env=False).raise_for_status().json()
        except httpx2.TransportError:
            assert time.monotonic() < deadline, call("docker", "ps", "--all")
            time.sleep(0.2)


def check_dashboards(found: Any) -> None:
    files = (ROOT / "roles/monitoring/files/dashboards").iterdir()
    boards = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}
    assert found["dashboards"] == boards
    assert found["home"] == boards["service"]["title"]
    assert set(found["provisioning"]) == {"datasources.yml", "dashboards.yml"}

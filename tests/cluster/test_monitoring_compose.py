"""Prometheus beside the service on this machine, by Docker Compose; a stand-in for Grafana, too."""

import hashlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.cluster.conftest import PATIENCE_SECONDS, call
from tests.cluster.test_monitoring_grafana import check_dashboards, what_it_is_given
from tests.conftest import free_port
from tests.roles.conftest import Site
from tests.roles.test_site import changes


@pytest.fixture(scope="session", autouse=True)
def cluster() -> None:
    """No cluster is needed here."""


class WatchedSite(Site):
    """A copy of the checkout whose service is watched."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.prometheus_port = free_port()
        self.project = f"breast-cancer-monitoring-{self.prometheus_port}"

    def watched(self, playbook: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        settings = {
            "monitoring_enabled": True,
            "monitoring_grafana_enabled": False,
            "monitoring_scrape_interval": "1s",
            "monitoring_prometheus_port": self.prometheus_port,
            "monitoring_compose_project": self.project,
            **variables,
        }
        return self.play(playbook, "-e", json.dumps(settings))

    def containers(self) -> list[str]:
        """Return the names of the containers of the project, whatever they do."""
        label = f"--filter=label=com.docker.compose.project={self.project}"
        return call("docker", "ps", "--all", label, "--format={{.Names}}").split()

    def targets(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("targets", scrapePool="breast-cancer-api")[
            "activeTargets"
        ]
        return found

    def ask(self, path: str, **parameters: str) -> Any:
        url = f"http://127.0.0.1:{self.prometheus_port}/api/v1/{path}"
        return httpx2.get(url, params=parameters, trust_env=False).json()["data"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, artifacts: Path) -> Iterator[WatchedSite]:
    """A site that is up, with the artifact that the other tests have trained."""
    site = WatchedSite(tmp_path_factory.mktemp("site") / "a checkout")
    shutil.copytree(artifacts, site.directory / "artifacts", symlinks=True)
    result = site.watched("site.yml")
    try:
        assert result.returncode == 0, result.stdout
        yield site
    finally:
        site.watched("playbooks/teardown.yml")
        call("docker", "volume", "rm", "--force", f"{site.project}_prometheus")


def test_the_service_is_a_target_that_is_up(site: WatchedSite) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (found := site.targets()) == [] or found[0]["health"] != "up":
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    [target] = found
    assert target["scrapeUrl"] == f"{site.url}/metrics"
    assert target["labels"]["version"] == "stable"
    [model] = site.ask("query", query="app_model_info")["result"]
    current = (site.directory / "artifacts" / "current").resolve().name
    assert model["metric"]["model_version"] == current


def test_second_run_changes_nothing(site: WatchedSite) -> None:
    before = site.containers()
    result = site.watched("site.yml")
    assert result.returncode == 0, result.stdout
    assert changes(result.stdout) == 0
    assert site.containers() == before


def test_grafana_can_read_what_it_is_given_and_goes_when_it_is_not_wanted(
    site: WatchedSite, grafana_stand_in: str
) -> None:
    port = free_port()
    settings = {"monitoring_grafana_image": grafana_stand_in, "monitoring_grafana_port": port}
    result = site.watched("playbooks/monitoring.yml", monitoring_grafana_enabled=True, **settings)
    assert result.returncode == 0, result.stdout
    found = what_it_is_given(f"http://127.0.0.1:{port}")
    assert found["user"] == 472
    password = (site.directory / "var/monitoring/secrets/grafana-password").read_text()
    assert password not in result.stdout
    assert found["password_sha256"] == hashlib.sha256(password.encode()).hexdigest()
    check_dashboards(found)
    assert len(site.containers()) == 2
    result = site.watched("playbooks/monitoring.yml", monitoring_grafana_enabled=False)
    assert result.returncode == 0, result.stdout
    assert len(site.containers()) == 1


def test_teardown_stops_it_and_keeps_what_was_measured(site: WatchedSite) -> None:
    first, second = (site.watched("playbooks/teardown.yml") for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0), first.stdout + second.stdout
    assert changes(first.stdout) > 0
    assert changes(second.stdout) == 0
    assert site.containers() == []
    assert f"{site.project}_prometheus" in call("docker", "volume", "ls", "--quiet").split()

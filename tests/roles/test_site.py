"""The playbooks, run for real; the tests of one site build on one another, from up to down."""

import json
import os
import re
import signal
import socket
from pathlib import Path

import httpx2
import supervised_processes

from bc_model.dataset import Dataset
from tests.roles.conftest import Site, run
from tests.tables import labelled_rows, write_rows


def changes(output: str) -> int:
    [number] = re.findall(r"^localhost .* changed=(\d+)", output, flags=re.MULTILINE)
    return int(number)


def test_check_mode_on_a_clean_checkout(clean_site: Site) -> None:
    result = clean_site.play("site.yml", "--check")
    assert result.returncode == 0, result.stdout
    assert not (clean_site.directory / "artifacts").exists()
    assert not clean_site.state.exists()


def test_everything_in_the_way_is_listed(clean_site: Site, old_python: Path) -> None:
    settings = {
        "preflight_python": str(old_python),
        "model_data": "none.csv",
        "monitoring_enabled": True,
        "monitoring_prometheus_port": clean_site.port,
    }
    with socket.create_server(("127.0.0.1", clean_site.port)):
        result = clean_site.play("site.yml", "-e", json.dumps(settings))
    assert result.returncode != 0
    assert f"- {old_python} is Python 3.8.18, but at least 3.11 is needed:" in result.stdout
    assert f"- port {clean_site.port} on 127.0.0.1 is in use by another program (" in result.stdout
    assert f"pid {os.getpid()}); stop it" in result.stdout
    assert f"there is no file {clean_site.directory}/none.csv" in result.stdout
    assert "or choose another: -e monitoring_prometheus_port=..." in result.stdout


def test_second_run_changes_nothing(site: Site) -> None:
    before = supervised_processes.supervised(site.socket)
    result = site.play("site.yml")
    assert result.returncode == 0, result.stdout
    assert changes(result.stdout) == 0
    assert f"The service answers at {site.url}" in result.stdout
    assert supervised_processes.supervised(site.socket) == before


def test_smoke_test_that_fails(site: Site) -> None:
    role = ["-m", "ansible.builtin.include_role", "-a", "name=smoke"]
    given = {"smoke_model_version": "another", "smoke_retries": 1, "smoke_remedy": "Look again"}
    command = ["ansible", "local", *role, "-e", json.dumps(given)]
    result = run(command, site.directory, site.port)
    assert result.returncode != 0
    assert f"The service at {site.url} failed its smoke test: /health says" in result.stdout
    assert "expected model another. Look again" in result.stdout


def reversed_table(small: Dataset, directory: Path) -> dict[str, object]:
    """Write labels the wrong way round, and return what lets such a small table be tried."""
    header, *rows = labelled_rows(small)
    cells = [header, *(["BM"["MB".index(str(row[0]))], *row[1:]] for row in rows)]
    table = write_rows(directory / "reversed.csv", cells)
    return {"model_data": str(table), "model_floors": {"specificity": 0.5, "log_loss": 1}}


def test_model_whose_smoke_test_fails_makes_way_for_the_former(site: Site, small: Dataset) -> None:
    current = site.directory / "artifacts" / "current"
    former = current.resolve().name
    settings = reversed_table(small, site.directory)
    refused = site.play("site.yml", "-e", json.dumps(settings))
    assert refused.returncode != 0
    assert "the labels seem to be reversed" in re.sub(r"\s+", " ", refused.stdout)
    failed = site.play("site.yml", "-e", json.dumps({**settings, "model_trust_labels": True}))
    last = re.sub(r"\s+", " ", failed.stdout[failed.stdout.rindex("TASK [") :])
    assert failed.returncode != 0
    assert "expected malignant" in last
    assert "reversed.csv: 16 cases labelled M are read as malignant" in last
    assert f"In use now: {former}." in last
    assert current.resolve().name == former
    assert httpx2.get(f"{site.url}/health", trust_env=False).json()["model_version"] == former


def test_first_model_whose_smoke_test_fails_is_not_served(clean_site: Site, small: Dataset) -> None:
    settings = reversed_table(small, clean_site.directory)
    failed = clean_site.play("site.yml", "-e", json.dumps({**settings, "model_trust_labels": True}))
    assert failed.returncode != 0
    assert "In use now: no model." in re.sub(r"\s+", " ", failed.stdout)
    assert not (clean_site.directory / "artifacts" / "current").exists()
    assert supervised_processes.supervised(clean_site.socket) == []


def test_status(site: Site) -> None:
    line = ["ansible-playbook", "playbooks/status.yml"]
    result = run(line, site.directory, site.port, ANSIBLE_STDOUT_CALLBACK="messages")
    assert result.returncode == 0, result.stdout
    version = (site.directory / "artifacts" / "current").resolve().name
    state, *rest = result.stdout.splitlines()
    assert state.startswith("state: breast-cancer-api")
    assert "RUNNING" in state
    assert [line.replace("'", "") for line in rest] == [
        f"url: {site.url}",
        f"model_version: {version}",
        f"log: {site.state}/log/app.log",
    ]


def test_failure_is_printed_where_only_messages_are(site: Site) -> None:
    line = ["ansible-playbook", "-i", "inventory/local", "playbooks/promote.yml"]
    result = run(line, site.directory, site.port, ANSIBLE_STDOUT_CALLBACK="messages")
    assert result.returncode != 0
    assert "This playbook needs a cluster, and the inventory has none" in result.stdout


def test_killed_supervisord_is_replaced_with_what_it_left_behind(site: Site) -> None:
    supervisord = int((site.state / "supervisord.pid").read_text())
    os.kill(supervisord, signal.SIGKILL)  # it may take a moment to end
    found = supervised_processes.supervised(site.socket)
    [orphan] = [process for process in found if process["pid"] != supervisord]
    result = site.play("site.yml")
    assert result.returncode == 0, result.stdout
    pids = {process["pid"] for process in supervised_processes.supervised(site.socket)}
    assert len(pids) == 2
    assert orphan["pid"] not in pids


def test_damaged_artifact(site: Site) -> None:
    model = site.directory / "artifacts" / "current" / "model.npz"
    intact = model.read_bytes()
    model.write_bytes(b"x" + intact[1:])
    try:
        result = site.play("playbooks/train.yml")
    finally:
        model.write_bytes(intact)
    assert result.returncode != 0
    assert "model.npz was altered" in re.sub(r"\s+", " ", result.stdout)


def test_teardown_stops_the_service_and_leaves_the_rest(site: Site) -> None:
    first, second = site.play("playbooks/teardown.yml"), site.play("playbooks/teardown.yml")
    assert (first.returncode, second.returncode) == (0, 0), first.stdout + second.stdout
    assert (changes(first.stdout), changes(second.stdout)) == (1, 0)
    assert supervised_processes.supervised(site.socket) == []
    assert (site.state / "log" / "app.log").exists()
    assert (site.directory / "artifacts" / "current" / "model.npz").exists()

"""From nothing to a prediction and back again; the tests build on one another, in this order."""

import json
import re
import subprocess
from pathlib import Path

import httpx2
import pytest

from bc_model.dataset import Dataset
from tests.cases import MALIGNANT
from tests.cluster.conftest import (
    APPLIED,
    METRICS_NODE_PORT,
    NAMESPACE,
    NODE_PORT,
    OTHER,
    Deployed,
    Object,
    kubectl,
    read,
    ready_pods,
    watched_readiness,
)
from tests.pod_security import violated
from tests.roles.test_site import changes, reversed_table

URL = f"http://127.0.0.1:{NODE_PORT}"


def test_everything_in_the_way_is_listed(checkout: Deployed) -> None:
    result = checkout.on_cluster("site.yml", kube_context="nowhere", model_data="none.csv")
    assert result.returncode != 0
    assert "- the kubeconfig has no context nowhere, only " in result.stdout
    assert f"there is no file {checkout.directory}/none.csv" in result.stdout
    assert "Traceback" not in result.stdout


def test_check_mode_on_an_empty_cluster(checkout: Deployed) -> None:
    result = checkout.on_cluster("site.yml", "--check", monitoring_enabled=True)
    assert result.returncode == 0, result.stdout
    assert NAMESPACE not in kubectl("get", "namespaces")


def fails_for_its_answers(site: Deployed, small: Dataset) -> str:
    """Train on reversed labels and deploy; return what the last task says."""
    settings = reversed_table(small, site.directory)
    result = site.on_cluster("site.yml", **settings, model_trust_labels=True)
    assert result.returncode != 0
    last = re.sub(r"\s+", " ", result.stdout[result.stdout.rindex("TASK [") :])
    assert "expected malignant" in last
    assert "reversed.csv: 16 cases labelled M are read as malignant" in last
    return last


def test_first_model_that_answers_wrongly_is_not_served(checkout: Deployed, small: Dataset) -> None:
    current = checkout.directory / "artifacts" / "current"
    former = current.readlink()
    current.unlink()
    assert "In use now: no model." in fails_for_its_answers(checkout, small)
    assert not current.exists()
    assert kubectl("get", "deployments") == ""
    current.symlink_to(former)


def test_from_nothing_to_a_prediction(deployed: Deployed) -> None:
    with httpx2.Client(base_url=URL, trust_env=False) as client:
        answer = client.post("/predict", json={"features": MALIGNANT})
        assert answer.json()["diagnosis"] == "malignant"
        assert client.get("/health").json()["version"] == "stable"
        metrics = client.get(f"http://127.0.0.1:{METRICS_NODE_PORT}/metrics")
    assert "app_requests_total" in metrics.text


def test_second_run_changes_nothing(deployed: Deployed) -> None:
    result = deployed.on_cluster("site.yml")
    assert result.returncode == 0, result.stdout
    assert changes(result.stdout) == 0
    assert f"The service answers at {URL}" in result.stdout


def test_check_mode_on_a_deployed_cluster(deployed: Deployed) -> None:
    result = deployed.on_cluster("site.yml", "--check")
    assert result.returncode == 0, result.stdout
    assert changes(result.stdout) == 0


def test_three_ready_pods_that_may_do_nothing(deployed: Deployed) -> None:
    pods = read("pods", "--selector=version=stable")["items"]
    assert len(pods) == 3
    for pod in pods:
        assert violated(pod["spec"]) == []
        [status] = pod["status"]["containerStatuses"]
        assert status["ready"]
        assert status["restartCount"] == 0


def test_nothing_to_write_to_and_no_token(deployed: Deployed) -> None:
    execute = ["exec", "deployment/breast-cancer-api", "--container=api", "--"]
    with pytest.raises(subprocess.CalledProcessError) as failure:
        kubectl(*execute, "touch", "/app/file")
    assert "Read-only file system" in failure.value.stderr
    assert kubectl(*execute, "id", "-u").strip() == "65532"
    token = "/var/run/secrets/kubernetes.io"  # noqa: S105  a path, no secret
    with pytest.raises(subprocess.CalledProcessError) as failure:
        kubectl(*execute, "ls", token)
    assert "No such file or directory" in failure.value.stderr


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("get pods", "breast-cancer-api-"),
        ("get services", "breast-cancer-service"),
        ("get pods -l version=stable", "Running"),
        ("get pods -l app=breast-cancer-api", "Running"),
        ("get deployment breast-cancer-api", "3/3"),
        ("logs -l version=stable", '"path"'),
        ("describe deployment breast-cancer-api", "RollingUpdate"),
        ("describe pods -l version=stable", "Image:"),
        ("scale deployment breast-cancer-api --replicas=2", "scaled"),
    ],
)
def test_lines_of_the_original(deployed: Deployed, command: str, shown: str) -> None:
    assert shown in kubectl(*command.split())


def test_what_was_scaled_by_hand_is_set_again(deployed: Deployed, image: str) -> None:
    kubectl("scale", "deployment", "breast-cancer-api", "--replicas=2")
    result = deployed.on_cluster("playbooks/deploy.yml", app_image=image)
    assert result.returncode == 0, result.stdout
    assert ready_pods() == 3


def test_number_of_pods_is_left_to_the_autoscaler_once(deployed: Deployed, image: str) -> None:
    """The cluster may be too old to serve one, so somebody plays its part by hand."""
    settings = {"app_image": image, "__app_is_autoscaled": True}
    taken = deployed.on_cluster("playbooks/deploy.yml", **settings)
    assert taken.returncode == 0, taken.stdout
    assert "Leave the number of pods to the autoscaler" in taken.stdout
    assert read("deployment", "breast-cancer-api")["spec"]["replicas"] == 3
    kubectl("scale", "deployment", "breast-cancer-api", "--replicas=4")
    again = deployed.on_cluster("playbooks/deploy.yml", **settings)
    assert again.returncode == 0, again.stdout
    assert "Leave the number of pods to the autoscaler" not in again.stdout
    assert read("deployment", "breast-cancer-api")["spec"]["replicas"] == 4
    kubectl("scale", "deployment", "breast-cancer-api", "--replicas=3")


def test_what_the_cluster_refuses_starts_no_rollout(deployed: Deployed, image: str) -> None:
    result = deployed.on_cluster("playbooks/deploy.yml", app_image="any:1", app_ingress_host="a b")
    assert result.returncode != 0
    assert "spec.rules[0].host" in result.stdout
    pod = read("deployment", "breast-cancer-api")["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == image


def test_unwanted_object_of_another_stays(deployed: Deployed, image: str) -> None:
    rule = "--rule=their.example.org/=breast-cancer-service:8000"
    kubectl("create", "ingress", "breast-cancer-api", rule)
    result = deployed.on_cluster("playbooks/deploy.yml", app_image=image)
    assert result.returncode == 0, result.stdout
    assert "their.example.org" in kubectl("get", "ingress", "breast-cancer-api")
    kubectl("delete", "ingress", "breast-cancer-api")


def test_status(deployed: Deployed, image: str) -> None:
    result = deployed.on_cluster("playbooks/status.yml")
    assert result.returncode == 0, result.stdout
    assert "3 of 3 pods are ready" in result.stdout
    assert image in result.stdout


def test_rendered_manifests_are_what_is_deployed(
    deployed: Deployed, image: str, tmp_path: Path
) -> None:
    result = deployed.on_cluster(
        "playbooks/render.yml",
        app_image=image,
        render_directory=str(tmp_path),
        app_autoscaling=False,  # these two may be newer than what the cluster serves
        app_disruption_budget=False,
    )
    assert result.returncode == 0, result.stdout
    kubectl("diff", "--server-side", "--force-conflicts",
            "--field-manager=breast-cancer-playbooks", f"--filename={tmp_path}")  # fmt: skip


def test_applied_manifests_give_the_same_objects(
    deployed: Deployed, image: str, tmp_path: Path
) -> None:
    result = deployed.on_cluster(
        "playbooks/render.yml",
        app_image=image,
        render_directory=str(tmp_path),
        kube_namespace=APPLIED,
        app_node_port="",  # these are taken
        app_autoscaling=False,
        app_disruption_budget=False,
    )
    assert result.returncode == 0, result.stdout
    try:
        kubectl("apply", f"--filename={tmp_path}", namespace=APPLIED)
        applied, ours = ours_in(APPLIED), ours_in(NAMESPACE)
    finally:
        kubectl("delete", "namespace", APPLIED, "--wait=false")
    assert len(ours) == 5
    assert applied == ours


def ours_in(namespace: str) -> dict[str, Object]:
    """Return what is asked for of each object of ours, less what differs between namespaces."""
    kinds = "deployments,networkpolicies,serviceaccounts,services"
    selector = "--selector=app.kubernetes.io/managed-by=breast-cancer-playbooks"
    listed = kubectl("get", kinds, selector, "--output=json", namespace=namespace)
    found = {}
    for each in json.loads(listed)["items"]:
        spec = each.get("spec", {})
        for name in ("clusterIP", "clusterIPs", "externalTrafficPolicy", "type"):
            spec.pop(name, None)
        for port in spec.get("ports", []):
            port.pop("nodePort", None)
        labels = each["metadata"]["labels"]
        found[f"{each['kind']} {each['metadata']['name']}"] = {"labels": labels, "spec": spec}
    return found


def test_broken_image_is_rolled_back(deployed: Deployed, image: str, broken_image: str) -> None:
    with watched_readiness() as counts:
        result = deployed.on_cluster("playbooks/deploy.yml", app_image=broken_image)
    said = re.sub(r"\s+", " ", result.stdout)
    assert result.returncode != 0
    assert f"{broken_image} did not become ready: 0 of 3 new pods are available" in said
    assert f"What ran before runs again: {image}" in said
    assert "ended with status 1 (Error)" in said
    assert "event of pod breast-cancer-api-" in said
    assert "Back-off restarting failed container" in said
    assert "no model today" in said
    assert min(counts) >= 3
    [replica_set] = [
        each for each in read("replicasets")["items"] if each["status"].get("readyReplicas")
    ]
    assert replica_set["spec"]["template"]["spec"]["containers"][0]["image"] == image


def test_rollback_leaves_nothing_to_change(deployed: Deployed) -> None:
    result = deployed.on_cluster("site.yml")
    assert result.returncode == 0, result.stdout
    assert changes(result.stdout) == 0


def test_model_that_answers_wrongly_makes_way_for_the_former(
    deployed: Deployed, image: str, small: Dataset
) -> None:
    former = (deployed.directory / "artifacts" / "current").resolve().name
    assert f"In use now: {former}." in fails_for_its_answers(deployed, small)
    assert (deployed.directory / "artifacts" / "current").resolve().name == former
    pods = read("pods", "--selector=version=stable")["items"]
    running = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    assert {pod["spec"]["containers"][0]["image"] for pod in running} == {image}


def test_run_after_an_interrupted_one_goes_back_to_what_is_ready(
    deployed: Deployed, image: str, broken_image: str
) -> None:
    kubectl("set", "image", "deployment/breast-cancer-api", "api=breast-cancer-api:none")
    result = deployed.on_cluster("playbooks/deploy.yml", app_image=broken_image)
    assert result.returncode != 0
    assert f"What ran before runs again: {image}" in re.sub(r"\s+", " ", result.stdout)


def test_first_deployment_that_fails_is_removed(deployed: Deployed, broken_image: str) -> None:
    result = deployed.on_cluster(
        "playbooks/deploy.yml",
        kube_namespace=OTHER,
        app_node_port="",
        app_ingress_host="api.example.org",
        app_image=broken_image,
    )
    assert result.returncode != 0
    assert "It was removed again; nothing had run before." in result.stdout
    assert "breast-cancer-api" not in kubectl("get", "deployments", namespace=OTHER)
    assert "api.example.org" in kubectl("get", "ingresses", namespace=OTHER)


def test_node_port_of_another(deployed: Deployed) -> None:
    result = deployed.on_cluster("playbooks/deploy.yml", kube_namespace=OTHER, app_image="any:1")
    assert result.returncode != 0
    for port in (NODE_PORT, METRICS_NODE_PORT):
        assert f"node port {port} is in use by the service breast-cancer-service" in result.stdout


def test_teardown_leaves_what_others_have_put_there(deployed: Deployed) -> None:
    kubectl("create", "configmap", "notes", "--from-literal=a=b")
    metadata = {"name": "ours-by-name", "labels": {"app": "breast-cancer-api"}}
    another = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    kubectl("create", "--filename=-", stdin=json.dumps(another))
    result = deployed.on_cluster("playbooks/teardown.yml")
    assert result.returncode == 0, result.stdout
    said = re.sub(r"\s+", " ", result.stdout)
    assert (
        "stays, because it contains objects of others: ConfigMap notes, ConfigMap ours-by-name"
        in said
    )
    assert kubectl("get", "deployments,services,pods,networkpolicies").strip() == ""


def test_teardown_removes_the_namespace_that_it_made(deployed: Deployed) -> None:
    kubectl("delete", "configmap", "notes", "ours-by-name")
    first = deployed.on_cluster("playbooks/teardown.yml")
    second = deployed.on_cluster("playbooks/teardown.yml")
    assert (first.returncode, second.returncode) == (0, 0), first.stdout + second.stdout
    assert (changes(first.stdout), changes(second.stdout)) == (1, 0)
    assert NAMESPACE not in kubectl("get", "namespaces", "--output=name").split("/")


def test_namespace_of_another_is_left_as_it_is(checkout: Deployed, image: str) -> None:
    kubectl("create", "namespace", NAMESPACE)
    kubectl("label", "namespace", NAMESPACE, "team=theirs")
    for playbook in ("playbooks/deploy.yml", "playbooks/teardown.yml"):
        result = checkout.on_cluster(playbook, app_image=image)
        assert result.returncode == 0, result.stdout
    labels = read("namespace", NAMESPACE)["metadata"]["labels"]
    assert labels["team"] == "theirs"
    assert "app.kubernetes.io/managed-by" not in labels

"""The order of the steps of the role `canary`; its commands ask a server that plays the cluster.

The role `app`, which needs a real one, and what watches the pods are stand-ins here: they tell the
server what they deploy, and say what they are told to.
"""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from canary.report import Report
from canary.verdict import Outcome
from tests.canary.test_cluster import DEPLOYMENTS, deployment
from tests.canary.test_command_report import SEEN
from tests.canary.test_store import CONFIG_MAP
from tests.conftest import ROOT, free_port
from tests.kubernetes_api import KubernetesApi
from tests.roles.conftest import run

Object = dict[str, Any]

PLAY = """
- hosts: kubernetes
  gather_facts: false
  vars_files: {root}/playbooks/vars/kubernetes.yml
  vars:
    deployed: {{stable: app:1}}
  tasks:
    - ansible.builtin.include_role:
        name: canary
        tasks_from: "{{{{ entry | default('main') }}}}"
    - ansible.builtin.debug:
        msg: kept is {{{{ app_kept_image }}}} for {{{{ app_image }}}}
      when: entry is defined
"""

DEPLOY = """
- ansible.builtin.set_fact:
    deployed: "{{{{ {tracks} }}}}"
- ansible.builtin.uri:
    url: "{{{{ api }}}}/deployed"
    method: PUT
    body_format: json
    body: "{{{{ deployed }}}}"
"""

APP = {
    "compare": "- ansible.builtin.debug:",
    "canary": DEPLOY.format(tracks="deployed | combine({'canary': app_canary_image})")
    + "- ansible.builtin.set_fact: {app_canary: {complete: '{{ ready }}', msg: x, evidence: y}}",
    "redeploy": DEPLOY.format(tracks="deployed | combine({'stable': app_image})"),
    "remove-canary": DEPLOY.format(tracks="{'stable': deployed.stable}"),
}

ROLLOUT = """#!/bin/sh
# WANT_JSON
echo '{"complete": true}'
"""


class Cluster:
    """What runs, as the stand-ins have told, and the play that makes it so."""

    def __init__(self, api: KubernetesApi, directory: Path) -> None:
        self.api = api
        self.directory = directory
        self.deployed: list[Object] = []
        api.told["/deployed"] = self.deploy
        self.deploy({"stable": "app:1"})
        tasks = directory / "roles" / "app" / "tasks"
        tasks.mkdir(parents=True)
        for name, content in APP.items():
            (tasks / f"{name}.yml").write_text(content, encoding="utf-8")
        (directory / "library").mkdir()
        (directory / "library" / "rollout.py").write_text(ROLLOUT, encoding="utf-8")
        self.python = directory / "python"
        self.step("echo nothing could be watched >&2; exit 1")
        (directory / "play.yml").write_text(PLAY.format(root=ROOT), encoding="utf-8")

    def deploy(self, tracks: Object) -> None:
        self.deployed.append(tracks)
        items = [deployment(image, track) for track, image in tracks.items()]
        self.api.answers[DEPLOYMENTS] = (200, {"items": items})

    def step(self, script: str) -> None:
        """Run a script of the shell in place of the command that watches both tracks."""
        self.python.write_text(
            "#!/bin/sh\n"
            f'for word; do if [ "$word" = step ]; then cat >/dev/null; {script}; fi; done\n'
            f'exec {sys.executable} "$@"\n',
            encoding="utf-8",
        )
        self.python.chmod(0o755)

    def play(self, **variables: Any) -> tuple[int, str]:
        """Try app:2; return the exit status, and what was said."""
        given = {
            "api": f"http://127.0.0.1:{self.api.server_port}",
            "canary_image": "app:2",
            "canary_python": str(self.python),
            "canary_reports": str(self.directory / "reports"),
            "ready": True,
            **variables,
        }
        result = run(
            ["ansible-playbook", "play.yml", "-i", str(ROOT / "inventory/kubernetes"), "-e",
             json.dumps(given)],
            self.directory,
            free_port(),
            KUBECONFIG=str(self.directory / "kubeconfig"),
            ANSIBLE_LIBRARY=str(self.directory / "library"),
            ANSIBLE_ROLES_PATH=f"{self.directory}/roles:{ROOT}/roles",
        )  # fmt: skip
        return result.returncode, " ".join(result.stdout.split())

    @property
    def releases(self) -> Object:
        content: Object = json.loads(self.api.config_maps[CONFIG_MAP]["data"]["releases.json"])
        return content

    @property
    def report(self) -> Report:
        [file] = (self.directory / "reports").glob("*.json")
        return msgspec.json.decode(file.read_bytes(), type=Report)


@pytest.fixture
def cluster(connected: KubernetesApi, tmp_path: Path) -> Cluster:
    return Cluster(connected, tmp_path)


STABLE, BOTH = {"stable": "app:1"}, {"stable": "app:1", "canary": "app:2"}


def test_settings_that_make_no_sense(cluster: Cluster) -> None:
    """The address is the inventory's."""
    variables = cluster.directory / "group_vars" / "kubernetes.yml"
    variables.parent.mkdir()
    variables.write_text("canary_traffic_url: service.example\n", encoding="utf-8")
    status, said = cluster.play(canary_steps=[])
    assert status != 0
    assert "canary_steps: there has to be a step" in said
    assert "canary_traffic_url: 'service.example' is not like http://" in said
    assert cluster.api.requests == []


def test_canary_that_fails_in_its_first_step_is_gone_before_the_report(cluster: Cluster) -> None:
    seen = {**SEEN, "outcome": "fail", "model_versions": ["0123"], "summary": "", "changed": False}
    (cluster.directory / "seen.json").write_text(json.dumps(seen), encoding="utf-8")
    cluster.step(f"cat {cluster.directory}/seen.json; exit 0")
    (cluster.directory / "file").touch()
    status, said = cluster.play(canary_reports=str(cluster.directory / "file"))
    assert status != 0
    assert "The report cannot be written" in said
    assert cluster.deployed == [STABLE, BOTH, STABLE]
    assert cluster.releases["run"] is None
    [entry] = cluster.releases["history"]
    assert (entry["action"], entry["model_versions"]) == ("stopped", ["0123"])
    assert entry["verdict"].startswith("fail: errors: ")


def test_canary_that_does_not_become_ready(cluster: Cluster) -> None:
    status, _ = cluster.play(ready=False)
    assert status != 0
    assert cluster.deployed == [STABLE, BOTH, STABLE]
    [part] = cluster.report.verdict.parts
    assert (part.name, part.outcome) == ("run", Outcome.FAIL)
    assert part.reason == "the canary did not become ready: x y"
    assert cluster.report.decision == "stopped"


def test_somebody_ends_the_run(cluster: Cluster) -> None:
    """Its pods come after the canary was removed."""
    change = cluster.deploy

    def end(tracks: Object) -> None:
        change(tracks)
        cluster.api.config_maps.clear()

    cluster.api.told["/deployed"] = end
    status, said = cluster.play()
    assert status != 0
    assert "Somebody else has ended this canary" in said
    assert cluster.deployed[-1] == STABLE
    assert all(tracks["stable"] == "app:1" for tracks in cluster.deployed)
    assert cluster.report.decision == "not carried out"


def test_deployment_keeps_what_a_promotion_has_put_in_place(cluster: Cluster) -> None:
    entry = {"when": "today", "who": "me", "action": "promoted", "from_image": "app:0",
             "to_image": "app:1", "model_versions": [], "verdict": "pass"}  # fmt: skip
    data = {"releases.json": json.dumps({"history": [entry]})}
    cluster.api.answers[f"{CONFIG_MAP}"] = (200, {"data": data})
    status, said = cluster.play(entry="keep", app_image="app:0", image_reference="app:0")
    assert status == 0
    assert "app:1 stays: me promoted from app:0 to app:1 on today." in said
    assert "kept is app:1 for app:0" in said
    status, said = cluster.play(entry="keep", app_image="app:0", image_reference="app:3")
    assert (status, "stays: " in said) == (0, False)
    assert "kept is for app:0" in said

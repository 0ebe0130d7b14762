"""The module that reads and writes what is under way, against a server that plays the cluster."""

import json
from pathlib import Path
from typing import Any

import canary_releases
import pytest

from canary.holder import holder
from tests.canary.test_cluster import DEPLOYMENTS, deployment
from tests.canary.test_releases import CONFIG_MAP
from tests.conftest import free_port
from tests.kubernetes_api import KubernetesApi, write_kubeconfig
from tests.playbooks.modules import Module, Object

STABLE: Object = {"image": "app:1", "replicas": 3}


@pytest.fixture
def releases(capsys: pytest.CaptureFixture[str]) -> Module:
    return Module(canary_releases.main, capsys, namespace="breast-cancer")


@pytest.fixture
def served(connected: KubernetesApi) -> KubernetesApi:
    """A cluster whose stable track runs app:1."""
    run(connected, stable="app:1")
    return connected


def run(api: KubernetesApi, **images: str) -> None:
    items = [deployment(image, track) for track, image in images.items()]
    api.answers[DEPLOYMENTS] = (200, {"items": items})


@pytest.fixture
def begun(releases: Module, served: KubernetesApi) -> Object:
    """A run of this process's own that has begun."""
    run: Object = releases(action="begin", canary_image="app:2")["run"]
    return run


def kept(connected: KubernetesApi) -> Object:
    content: Object = json.loads(connected.config_maps[CONFIG_MAP]["data"]["releases.json"])
    return content


NOTHING = {
    "changed": False,
    "tracks": {"stable": STABLE},
    "run": {},
    "target": "",
    "is_interrupted": False,
    "history": [],
    "kept_image": "",
    "kept_reason": "",
}


def test_look_at_nothing(releases: Module, served: KubernetesApi) -> None:
    result = releases()
    assert {name: result[name] for name in NOTHING} == NOTHING
    assert served.config_maps == {}


def test_a_run_from_its_begin_to_its_end(releases: Module, served: KubernetesApi) -> None:
    begun = releases(action="begin", seconds=60, canary_image="app:2")
    assert begun["changed"]
    assert (begun["is_interrupted"], begun["target"]) == (False, "app:1")
    under_way = begun["run"]
    assert (under_way["phase"], under_way["stable_image"]) == ("testing", "app:1")
    assert under_way["holder"]["pid"] == holder().pid
    assert kept(served)["run"] == under_way

    id = under_way["id"]
    assert not releases(action="move", run_id=id, phase="testing")["changed"]
    found: Object = {"verdict": "pass", "model_versions": ["0123"]}
    moved = releases(action="move", run_id=id, phase="promoting", **found)
    assert (moved["changed"], moved["target"]) == (True, "app:2")
    assert moved["run"] == kept(served)["run"] == {**under_way, "phase": "promoting", **found}

    run(served, stable="app:2")
    done = releases(action="finish", run_id=id)
    assert done["changed"]
    assert (done["run"], done["target"]) == ({}, "")
    [last] = done["history"]
    end = {"action": "promoted", "from_image": "app:1", "to_image": "app:2", **found}
    assert {name: last[name] for name in end} == end
    assert last["who"] == str(holder())
    assert kept(served) == {"run": None, "history": [last]}


def test_by_hand(releases: Module, begun: Object, served: KubernetesApi) -> None:
    releases(action="move", run_id=begun["id"], phase="waiting", verdict="fail: x")
    assert "app:2 has not passed (fail: x)" in releases.fails(action="promote")
    taken = releases(action="promote", override=True)
    assert taken["target"] == "app:2"
    assert taken["run"]["id"] != begun["id"]
    run(served, stable="app:2", canary="app:2")
    [last] = releases(action="finish", run_id=taken["run"]["id"])["history"]
    assert (last["verdict"], last["note"]) == ("fail: x", "by hand, overriding the verdict")
    assert not releases(action="promote")["changed"]

    run(served, stable="app:2")
    back = releases(action="roll back")
    assert (back["run"]["phase"], back["target"]) == ("rolling back", "app:1")
    run(served, stable="app:1")
    releases(action="finish", run_id=back["run"]["id"])
    assert releases(action="roll back")["run"] == {}


def test_what_runs_is_looked_at_after_a_run_was_taken(
    releases: Module, begun: Object, served: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The playbook that had it may have deployed its canary since the look before."""
    change = canary_releases.change

    def meanwhile(*given: Any) -> Any:
        run(served, stable="app:2", canary="app:2")
        return change(*given)

    monkeypatch.setattr(canary_releases, "change", meanwhile)
    taken = releases(action="roll back")
    assert (taken["run"]["phase"], taken["target"]) == ("stopping", "app:1")
    assert {track["image"] for track in taken["tracks"].values()} == {"app:2"}


def test_canary_without_a_run(releases: Module, served: KubernetesApi) -> None:
    run(served, stable="app:1", canary="app:9")
    taken = releases(action="roll back")["run"]
    assert (taken["phase"], taken["canary_image"]) == ("stopping", "app:9")


def test_interrupted(
    releases: Module, begun: Object, served: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "try again" in releases.fails(action="recover")
    monkeypatch.setattr(canary_releases, "is_alive", lambda _: False)
    assert releases()["is_interrupted"]
    assert releases(action="recover")["run"]["phase"] == "stopping"


def test_nothing_is_written_in_check_mode(releases: Module, served: KubernetesApi) -> None:
    result = releases(check=True, action="begin", canary_image="app:2")
    assert (result["changed"], result["run"]) == (False, {})
    message = releases.fails(check=True, action="promote")
    assert message.startswith("There is no canary to promote")
    assert served.config_maps == {}


def test_begin_while_this_playbook_tries_another(
    releases: Module, begun: Object, served: KubernetesApi
) -> None:
    message = releases.fails(action="begin", canary_image="app:3")
    assert message.startswith(f"{holder()} tries the canary app:2 since ")
    assert kept(served)["run"] == begun


@pytest.mark.usefixtures("begun")
@pytest.mark.parametrize("action", ["move", "finish"])
def test_run_that_somebody_has_ended(releases: Module, action: str) -> None:
    message = releases.fails(action=action, run_id="another", phase="waiting")
    assert message.startswith("Somebody else has ended this canary")


def test_image_that_stays(releases: Module, begun: Object) -> None:
    wanted: Object = {"wanted_image": "app:3"}
    looked = releases(**wanted)
    assert looked["kept_image"] == "app:1"
    assert looked["kept_reason"] == "the canary app:2 is compared with it"
    message = releases.fails(**wanted, is_explicit=True)
    assert message.startswith("The canary app:2 is under way: ")
    releases(action="move", run_id=begun["id"], phase="stopping")
    releases(action="finish", run_id=begun["id"])
    assert releases(**wanted)["kept_image"] == ""


def test_promoted_image_that_stays_unless_another_is_asked_for(
    releases: Module, begun: Object, served: KubernetesApi
) -> None:
    releases(action="move", run_id=begun["id"], phase="promoting")
    run(served, stable="app:2")
    releases(action="finish", run_id=begun["id"])
    assert releases(wanted_image="app:1")["kept_image"] == "app:2"
    assert releases(wanted_image="app:1", is_explicit=True)["kept_image"] == ""


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"action": "end"}, "value of action must be one of: look, begin, recover, promote, "),
        ({"action": "begin"}, "action is begin but all of the following are missing: canary_image"),
        ({"action": "move"}, "action is move but all of the following are missing: run_id, phase"),
        ({"action": "finish"}, "action is finish but all of the following are missing: run_id"),
        ({"action": "move", "run_id": "1", "phase": "x"}, "value of phase must be one of: testing"),
        ({"namespace": None}, "missing required arguments: namespace"),
        ({"seconds": "soon"}, "argument 'seconds' is of type"),
    ],
)
def test_wrong_arguments(
    releases: Module, connected: KubernetesApi, given: Object, reason: str
) -> None:
    assert reason in releases.fails(**given)
    assert connected.requests == []


def test_nothing_runs(releases: Module, connected: KubernetesApi) -> None:
    run(connected, canary="app:2")
    assert releases.fails().startswith("Nothing runs in the namespace breast-cancer yet: ")


def test_no_kubeconfig(releases: Module, kubeconfig: Path) -> None:
    assert releases.fails().startswith("there is no kubeconfig to be used (")
    write_kubeconfig(kubeconfig, free_port())
    assert "Expected" in releases.fails(context="there")
    message = releases.fails(action="begin", canary_image="app:2")
    assert message.startswith("the ConfigMap breast-cancer-releases cannot be read: ")
    assert message.endswith("Connection refused")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((500, {}), "cannot be read: 500 Internal Server Error"),
        ((403, {"message": "not you"}), "cannot be read: 403 Forbidden: not you"),
        ((200, {"data": {"releases.json": "{"}}), "is damaged"),
    ],
)
def test_unreadable(releases: Module, connected: KubernetesApi, answer: Any, reason: str) -> None:
    connected.answers[CONFIG_MAP] = answer
    assert reason in releases.fails()


def test_without_the_project(releases: Module, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canary_releases, "HAS_PROJECT", False)
    assert "canary" in releases.fails()

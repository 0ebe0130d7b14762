"""The module that reads and writes what is under way, against a server that plays the cluster."""

import json
from pathlib import Path
from typing import Any

import canary_releases
import pytest

from canary.holder import holder
from tests.conftest import free_port
from tests.kubernetes_api import KubernetesApi, write_kubeconfig
from tests.roles.modules import Module, Object
from tests.test_canary_releases import CONFIG_MAP

IMAGES: Object = {"stable_image": "app:1", "canary_image": "app:2"}
ENTRY: Object = {"action": "promoted", "from_image": "app:1", "to_image": "app:2"}


@pytest.fixture
def releases(capsys: pytest.CaptureFixture[str]) -> Module:
    return Module(canary_releases.main, capsys, namespace="breast-cancer")


@pytest.fixture
def begun(releases: Module, connected: KubernetesApi) -> Object:
    """A run of this process's own that has begun."""
    run: Object = releases(action="begin", **IMAGES)["run"]
    return run


def kept(connected: KubernetesApi) -> Object:
    content: Object = json.loads(connected.config_maps[CONFIG_MAP]["data"]["releases.json"])
    return content


NOTHING = {
    "changed": False,
    "run": {},
    "is_held": False,
    "left_over": {},
    "history": [],
    "to_roll_back": {},
    "kept_image": "",
    "kept_reason": "",
}


def test_look_at_nothing(releases: Module, connected: KubernetesApi) -> None:
    result = releases()
    assert {name: result[name] for name in NOTHING} == NOTHING
    assert connected.config_maps == {}


def test_a_run_from_its_begin_to_its_end(releases: Module, connected: KubernetesApi) -> None:
    begun = releases(action="begin", seconds=60, **IMAGES)
    assert begun["changed"]
    assert begun["is_held"]
    run = begun["run"]
    assert (run["phase"], run["stable_image"], run["canary_image"]) == ("testing", "app:1", "app:2")
    assert run["holder"]["pid"] == holder().pid
    assert kept(connected)["run"] == run

    same = releases(action="move", run_id=run["id"], phase="testing")
    assert not same["changed"]
    moved = releases(action="move", run_id=run["id"], phase="promoting")
    assert moved["changed"]
    assert moved["run"] == kept(connected)["run"] == {**run, "phase": "promoting"}

    entry = {**ENTRY, "model_versions": ["0123"], "verdict": "pass"}
    done = releases(action="finish", run_id=run["id"], entry=entry)
    assert done["changed"]
    assert (done["run"], done["is_held"]) == ({}, False)
    [last] = done["history"]
    assert {name: last[name] for name in entry} == entry
    assert last["who"] == str(holder())
    assert done["to_roll_back"] == last
    assert kept(connected) == {"run": None, "history": [last]}


def test_begin_in_check_mode(releases: Module, connected: KubernetesApi) -> None:
    result = releases(check=True, action="begin", **IMAGES)
    assert (result["changed"], result["run"]) == (False, {})
    assert connected.config_maps == {}


def test_begin_while_this_playbook_tries_another(
    releases: Module, begun: Object, connected: KubernetesApi
) -> None:
    message = releases.fails(action="begin", **{**IMAGES, "canary_image": "app:3"})
    assert message.startswith(f"{holder()} tries the canary app:2 since ")
    assert kept(connected)["run"] == begun
    taken = releases(action="begin", force=True, **IMAGES)
    assert taken["left_over"] == begun
    assert taken["run"]["id"] != begun["id"]


@pytest.mark.usefixtures("begun")
@pytest.mark.parametrize("action", ["move", "finish"])
def test_run_that_somebody_has_ended(releases: Module, action: str) -> None:
    message = releases.fails(action=action, run_id="another", phase="waiting", entry=ENTRY)
    assert message.startswith("Somebody else has ended this canary")


def test_image_that_stays(releases: Module, begun: Object) -> None:
    wanted: Object = {"deployed_image": "app:1", "wanted_image": "app:3"}
    looked = releases(**wanted)
    assert looked["kept_image"] == "app:1"
    assert looked["kept_reason"] == "the canary app:2 is compared with it"
    message = releases.fails(**wanted, is_explicit=True)
    assert message.startswith("The canary app:2 is under way: ")
    releases(action="finish", run_id=begun["id"], entry={**ENTRY, "to_image": "app:1"})
    assert releases(**wanted)["kept_image"] == ""


def test_promoted_image_that_stays_unless_another_is_asked_for(
    releases: Module, begun: Object
) -> None:
    releases(action="finish", run_id=begun["id"], entry=ENTRY)
    wanted: Object = {"deployed_image": "app:2", "wanted_image": "app:1"}
    assert releases(**wanted)["kept_image"] == "app:2"
    assert releases(**wanted, is_explicit=True)["kept_image"] == ""


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"action": "end"}, "value of action must be one of: look, begin, move, finish"),
        ({"action": "begin"}, "action is begin but all of the following are missing: stable_image"),
        ({"action": "move"}, "action is move but all of the following are missing: run_id"),
        ({"action": "finish"}, "action is finish but all of the following are missing: run_id"),
        ({"action": "finish", "run_id": "1", "entry": {}}, "missing required arguments: action"),
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


def test_no_kubeconfig(releases: Module, kubeconfig: Path) -> None:
    assert releases.fails().startswith("there is no kubeconfig to be used (")
    write_kubeconfig(kubeconfig, free_port())
    assert "Expected" in releases.fails(context="there")
    message = releases.fails(action="begin", **IMAGES)
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

"""The commands that read and write the run, against a server that plays the cluster."""

import json
from pathlib import Path
from typing import Any

import pytest

import canary.__main__
from canary.lease import holder
from tests.canary.commands import Command, New, Object
from tests.canary.test_cluster import DEPLOYMENTS, deployment
from tests.canary.test_store import CONFIG_MAP
from tests.conftest import free_port
from tests.kubernetes_api import KubernetesApi, write_kubeconfig

STABLE: Object = {"image": "app:1", "replicas": 3}


@pytest.fixture
def releases(command: New) -> Command:
    return command()


@pytest.fixture
def served(connected: KubernetesApi) -> KubernetesApi:
    """A cluster whose stable track runs app:1."""
    run(connected, stable="app:1")
    return connected


def run(api: KubernetesApi, **images: str) -> None:
    items = [deployment(image, track) for track, image in images.items()]
    api.answers[DEPLOYMENTS] = (200, {"items": items})


@pytest.fixture
def begun(releases: Command, served: KubernetesApi) -> Object:
    """A run of this process's own that has begun."""
    run: Object = releases("begin", "app:2")["run"]
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
}


def test_look_at_nothing(releases: Command, served: KubernetesApi) -> None:
    result = releases("look", check=True)
    assert result == releases("look")
    assert {name: result[name] for name in NOTHING} == NOTHING
    assert served.config_maps == {}


def test_a_run_from_its_begin_to_its_end(releases: Command, served: KubernetesApi) -> None:
    begun = releases("begin", "app:2", "--seconds=60")
    assert begun["changed"]
    assert (begun["is_interrupted"], begun["target"]) == (False, "app:1")
    under_way = begun["run"]
    assert (under_way["phase"], under_way["stable_image"]) == ("testing", "app:1")
    assert under_way["holder"]["pid"] == holder().pid
    assert kept(served)["run"] == under_way

    id = under_way["id"]
    assert not releases("move", "testing", f"--run-id={id}")["changed"]
    found: Object = {"verdict": "pass", "model_versions": ["0123"]}
    moved = releases("move", "promoting", f"--run-id={id}", "--verdict=pass", "--models=0123")
    assert (moved["changed"], moved["target"]) == (True, "app:2")
    assert moved["run"] == kept(served)["run"] == {**under_way, "phase": "promoting", **found}

    run(served, stable="app:2")
    done = releases("finish", f"--run-id={id}")
    assert done["changed"]
    assert (done["run"], done["target"]) == ({}, "")
    [last] = done["history"]
    end = {"action": "promoted", "from_image": "app:1", "to_image": "app:2", **found}
    assert {name: last[name] for name in end} == end
    assert last["who"] == str(holder())
    assert kept(served) == {"run": None, "history": [last]}


def test_by_hand(releases: Command, begun: Object, served: KubernetesApi) -> None:
    releases("move", "waiting", f"--run-id={begun['id']}", "--verdict=fail: x")
    assert "app:2 has not passed (fail: x)" in releases.fails("promote")
    taken = releases("promote", "--override")
    assert taken["target"] == "app:2"
    assert taken["run"]["id"] != begun["id"]
    run(served, stable="app:2", canary="app:2")
    [last] = releases("finish", f"--run-id={taken['run']['id']}")["history"]
    assert (last["verdict"], last["note"]) == ("fail: x", "by hand, overriding the verdict")
    assert not releases("promote")["changed"]

    run(served, stable="app:2")
    back = releases("roll-back")
    assert (back["run"]["phase"], back["target"]) == ("rolling back", "app:1")
    run(served, stable="app:1")
    releases("finish", f"--run-id={back['run']['id']}")
    assert releases("roll-back")["run"] == {}


def test_what_runs_is_looked_at_after_a_run_was_taken(
    releases: Command, begun: Object, served: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The playbook that had it may have deployed its canary since the look before."""
    change = canary.__main__._change

    def meanwhile(*given: Any) -> Any:
        run(served, stable="app:2", canary="app:2")
        return change(*given)

    monkeypatch.setattr(canary.__main__, "_change", meanwhile)
    taken = releases("roll-back")
    assert (taken["run"]["phase"], taken["target"]) == ("stopping", "app:1")
    assert {track["image"] for track in taken["tracks"].values()} == {"app:2"}


def test_canary_without_a_run(releases: Command, served: KubernetesApi) -> None:
    run(served, stable="app:1", canary="app:9")
    taken = releases("roll-back")["run"]
    assert (taken["phase"], taken["canary_image"]) == ("stopping", "app:9")


def test_interrupted(
    releases: Command, begun: Object, served: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "try again" in releases.fails("recover")
    monkeypatch.setattr(canary.__main__, "is_alive", lambda _: False)
    assert releases("look")["is_interrupted"]
    assert releases("recover")["run"]["phase"] == "stopping"


def test_nothing_is_written_in_check_mode(releases: Command, served: KubernetesApi) -> None:
    result = releases("begin", "app:2", check=True)
    assert (result["changed"], result["run"]) == (False, {})
    message = releases.fails("promote", check=True)
    assert message.startswith("There is no canary to promote")
    assert served.config_maps == {}


def test_begin_while_this_playbook_tries_another(
    releases: Command, begun: Object, served: KubernetesApi
) -> None:
    message = releases.fails("begin", "app:3")
    assert message.startswith(f"{holder()} has been trying the canary app:2 since ")
    assert kept(served)["run"] == begun


@pytest.mark.usefixtures("begun")
@pytest.mark.parametrize("action", [["move", "waiting"], ["finish"]])
def test_run_that_somebody_has_ended(releases: Command, action: list[str]) -> None:
    message = releases.fails(*action, "--run-id=another")
    assert message.startswith("Somebody else has ended this canary")


def test_image_that_stays(releases: Command, begun: Object) -> None:
    looked = releases("kept", "app:3")
    assert looked["image"] == "app:1"
    assert looked["reason"] == "the canary app:2 is compared with it"
    message = releases.fails("kept", "app:3", "--explicit")
    assert message.startswith("The canary app:2 is under way: ")
    releases("move", "stopping", f"--run-id={begun['id']}")
    releases("finish", f"--run-id={begun['id']}")
    assert releases("kept", "app:3")["image"] == ""


def test_promoted_image_that_stays_unless_another_is_asked_for(
    releases: Command, begun: Object, served: KubernetesApi
) -> None:
    releases("move", "promoting", f"--run-id={begun['id']}")
    run(served, stable="app:2")
    releases("finish", f"--run-id={begun['id']}")
    assert releases("kept", "app:1")["image"] == "app:2"
    assert releases("kept", "app:1", "--explicit")["image"] == ""


def test_nothing_is_kept_where_nothing_runs(releases: Command, connected: KubernetesApi) -> None:
    run(connected)
    nothing = {"changed": False, "image": "", "reason": ""}
    assert releases("kept", "app:1", check=True) == nothing


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("end", "invalid choice: 'end'"),
        ("begin", "the following arguments are required: image"),
        ("move waiting", "the following arguments are required: --run-id"),
        ("finish", "the following arguments are required: --run-id"),
        ("move --run-id=1 x", "invalid choice: 'x'"),
        ("begin app:2 --seconds=soon", "invalid int value: 'soon'"),
    ],
)
def test_wrong_arguments(
    releases: Command, connected: KubernetesApi, words: str, reason: str
) -> None:
    assert reason in releases.fails(*words.split())
    assert connected.requests == []


def test_nothing_runs(releases: Command, connected: KubernetesApi) -> None:
    run(connected, canary="app:2")
    assert releases.fails("look").startswith("Nothing runs in the namespace breast-cancer yet: ")


def test_no_kubeconfig(releases: Command, kubeconfig: Path) -> None:
    assert releases.fails("look").startswith("there is no kubeconfig to be used (")
    write_kubeconfig(kubeconfig, free_port())
    assert "Expected" in releases.fails("--context=there", "look")
    message = releases.fails("begin", "app:2")
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
def test_unreadable(releases: Command, connected: KubernetesApi, answer: Any, reason: str) -> None:
    connected.answers[CONFIG_MAP] = answer
    assert reason in releases.fails("look")

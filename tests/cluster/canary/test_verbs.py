"""Playbooks that are killed or run at once continue from the recorded state; no request is lost."""

import pytest

from scripts.load import steady_load
from tests.cluster.canary.plays import (
    FAST,
    PROMOTION,
    REMOVAL,
    START,
    Play,
    Variant,
    assert_no_canary,
    failures,
    last_entry,
    said,
    stable_image,
    stable_pods,
)
from tests.cluster.conftest import NODE_PORT, PATIENCE_SECONDS, Deployed, kubectl


def test_canary_that_waits_and_verbs_that_are_killed(served: Deployed, variant: Variant) -> None:
    image, tried = stable_image(), variant()
    result = served.on_cluster(
        "playbooks/canary.yml", **FAST, canary_image=tried, canary_auto=False
    )
    assert result.returncode == 0, result.stdout
    other = served.on_cluster("playbooks/canary.yml", **FAST, canary_image=variant())
    assert other.returncode != 0
    assert f"The canary {tried} waits for a decision" in said(other)
    kubectl("scale", "deployment/breast-cancer-api", "--replicas=2")  # app_replicas are 3
    for verb, stage, image_after, action in (
        ("promote", REMOVAL, tried, "promoted"),
        ("rollback", PROMOTION, image, "rolled back"),
    ):
        with Play(served, verb) as play:
            play.wait_for(stage)
        result = served.on_cluster(f"playbooks/{verb}.yml", **FAST)
        assert result.returncode == 0, result.stdout
        assert stable_image() == image_after
        assert_no_canary()
        entry = last_entry()
        assert (entry["action"], entry["verdict"]) == (action, "pass")
        assert entry["note"].startswith("by hand")
    assert len(stable_pods()) == 2
    kubectl("scale", "deployment/breast-cancer-api", "--replicas=3")


@pytest.mark.parametrize(
    ("stage", "is_killed"), [(PROMOTION, True), (START, False), (PROMOTION, False)]
)
def test_rollback_ends_a_run_that_is_killed_or_goes_on(
    served: Deployed, variant: Variant, stage: str, is_killed: bool
) -> None:
    image = stable_image()
    with (
        steady_load("127.0.0.1", NODE_PORT, new=40, kept=40) as load,
        Play(served, "canary", canary_image=variant()) as play,
    ):
        play.wait_for(stage)
        if is_killed:
            play.process.kill()
        result = served.on_cluster("playbooks/rollback.yml", **FAST)
        assert result.returncode == 0, result.stdout
        assert play.process.wait(PATIENCE_SECONDS) != 0
    assert failures(load.new, load.kept) == []
    assert is_killed or "Somebody else has ended this canary" in play.said()
    assert stable_image() == image
    assert_no_canary()
    assert len(stable_pods()) == 3

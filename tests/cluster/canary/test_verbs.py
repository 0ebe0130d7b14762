"""Verbs that are killed or meet another: each finds where things stand, and loses no request."""

import pytest

from tests.cluster.canary.plays import (
    FAST,
    PATIENCE_SECONDS,
    Play,
    Variant,
    assert_no_canary,
    failures,
    last_entry,
    said,
    stable_image,
    stable_pods,
)
from tests.cluster.conftest import NODE_PORT, Deployed, kubectl
from tests.cluster.load import steady_load

# A task is printed when it has ended: these are the last ones before what is to be interrupted.
START, ANALYSIS, PROMOTION, REMOVAL = (
    "TASK [app : Apply its Deployment]",
    "TASK [canary : Tell what comes]",
    "TASK [app : See the rollout through]",
    "TASK [app : Remove the canary]",
)


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


def test_next_run_brings_a_killed_one_to_its_end(served: Deployed, variant: Variant) -> None:
    first, second, third = variant(), variant(), variant()
    long = [{"replicas": 1, "duration": 600}]
    with steady_load("127.0.0.1", NODE_PORT, new=40, kept=40) as load:
        with Play(served, "canary", canary_image=first) as play:
            play.wait_for(START)
        with Play(served, "canary", canary_image=second, canary_steps=long) as play:
            play.wait_for(f"was interrupted while it was testing: {first}")
            play.wait_for(ANALYSIS)
            other = served.on_cluster("playbooks/canary.yml", **FAST, canary_image=third)
            assert other.returncode != 0
            assert "wait for its end, or end it: playbooks/rollback.yml" in said(other)
            image, pods = stable_image(), stable_pods()
            with (served.directory / "static" / "style.css").open("a", encoding="utf-8") as file:
                file.write("/* changed */\n")
            site = served.on_cluster("site.yml", **FAST)
            assert site.returncode == 0, site.stdout
            assert f"{image} stays: the canary {second} is compared with it" in said(site)
            assert stable_pods() == pods
        with Play(served, "canary", canary_image=third) as play:
            play.wait_for(f"was interrupted while it was testing: {second}")
            play.wait_for(PROMOTION)
        result = served.on_cluster("playbooks/canary.yml", **FAST, canary_image=third)
    assert result.returncode == 0, result.stdout
    assert f"was interrupted while it was promoting: {third}" in said(result)
    assert failures(load.new, load.kept) == []
    assert stable_image() == third
    assert_no_canary()
    assert len(stable_pods()) == 3
    entry = last_entry()
    assert (entry["verdict"], entry["note"]) == ("pass", "interrupted")
    assert len(entry["model_versions"]) == 1


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

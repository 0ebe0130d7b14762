"""A run that is killed is finished by the next one first, and no request is lost."""

from scripts.load import steady_load
from tests.cluster.canary.plays import (
    ANALYSIS,
    FAST,
    PROMOTION,
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
from tests.cluster.conftest import NODE_PORT, Deployed


def test_next_run_brings_a_killed_one_to_its_end(served: Deployed, variant: Variant) -> None:
    first, second, third = variant(), variant(), variant()
    long = [{"replicas": 1, "duration": 600}]
    with steady_load("127.0.0.1", NODE_PORT, new=40, kept=40) as load:
        with Play(served, "canary", canary_image=first) as play:
            play.wait_for(START)
        with Play(served, "canary", canary_image=second, canary_steps=long) as play:
            play.wait_for(f'was interrupted in the phase "testing": {first}')
            play.wait_for(ANALYSIS)
            other = served.on_cluster("playbooks/canary.yml", **FAST, canary_image=third)
            assert other.returncode != 0
            assert "wait, or end it with playbooks/rollback.yml" in said(other)
            image, pods = stable_image(), stable_pods()
            with (served.directory / "static" / "style.css").open("a", encoding="utf-8") as file:
                file.write("/* changed */\n")
            site = served.on_cluster("site.yml", **FAST)
            assert site.returncode == 0, site.stdout
            assert f"{image} stays: the canary {second} is compared with it" in said(site)
            assert stable_pods() == pods
        with Play(served, "canary", canary_image=third) as play:
            play.wait_for(f'was interrupted in the phase "testing": {second}')
            play.wait_for(PROMOTION)
        result = served.on_cluster("playbooks/canary.yml", **FAST, canary_image=third)
    assert result.returncode == 0, result.stdout
    assert f'was interrupted in the phase "promoting": {third}' in said(result)
    assert failures(load.new, load.kept) == []
    assert stable_image() == third
    assert_no_canary()
    assert len(stable_pods()) == 3
    entry = last_entry()
    assert (entry["verdict"], entry["note"]) == ("pass", "interrupted")
    assert len(entry["model_versions"]) == 1

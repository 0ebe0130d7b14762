"""A good canary under load is promoted automatically, stays deployed, and can be rolled back."""

import time

from canary.verdict import Outcome
from scripts.load import steady_load
from tests.cluster.canary.plays import (
    FAST,
    TWO_STEPS,
    Play,
    assert_no_canary,
    failures,
    last_entry,
    newest_report,
    said,
    serving_images,
    stable_image,
)
from tests.cluster.conftest import (
    NAMESPACE,
    NODE_PORT,
    PATIENCE_SECONDS,
    Deployed,
    kubectl,
    watched_readiness,
)
from tests.roles.test_site import changes


def test_good_canary_is_promoted(served: Deployed) -> None:
    before = stable_image()
    settings = {**FAST, "model_seed": 7, "canary_steps": TWO_STEPS}
    with steady_load("127.0.0.1", NODE_PORT, new=40, kept=40) as load, watched_readiness() as ready:
        result = served.on_cluster("playbooks/canary.yml", **settings)
    assert result.returncode == 0, result.stdout[-4000:]  # the report, with the verdict's reasons
    assert "25% of the requests asked for" in said(result)
    assert "50% of the requests asked for" in said(result)
    assert failures(load.new, load.kept) == []
    assert load.new.answered > 2000
    assert min(ready) >= 3
    after = stable_image()
    assert after != before
    assert_no_canary()
    entry = last_entry()
    assert (entry["action"], entry["from_image"], entry["to_image"]) == ("promoted", before, after)
    assert len(entry["model_versions"]) == 1
    assert (entry["verdict"], entry["note"]) == ("pass", "")
    report = newest_report(served)
    assert (report.verdict.outcome, report.decision) == (Outcome.PASS, "promoted")
    assert report.seen
    assert report.seen.canary.generated > 200
    assert report.seen.canary.requests > report.seen.canary.generated
    assert [step.requested_split for step in report.steps] == [0.25, 0.5]
    page = served.directory / "var" / "canary" / f"{report.run}.html"
    assert "<svg" in page.read_text(encoding="utf-8")


def test_promotion_outlives_site(served: Deployed) -> None:
    promoted = stable_image()
    result = served.on_cluster("site.yml", **FAST)
    assert result.returncode == 0, result.stdout
    assert changes(result.stdout) <= 1  # the model of the inventory is in use again
    assert f"{promoted} stays: " in said(result)
    assert stable_image() == promoted


def test_what_runs_already_is_not_tried(served: Deployed) -> None:
    result = served.on_cluster("playbooks/canary.yml", **FAST, canary_image=stable_image())
    assert result.returncode == 0, result.stdout
    assert "is deployed already" in said(result)
    again = served.on_cluster("playbooks/promote.yml", **FAST)
    assert again.returncode == 0, again.stdout
    assert "was promoted already" in said(again)
    assert changes(again.stdout) == 0


def test_status_tells_both_tracks_and_the_history(served: Deployed) -> None:
    result = served.on_cluster("playbooks/status.yml")
    assert result.returncode == 0, result.stdout
    assert "3 of 3 are ready" in said(result)
    assert f"promoted: {last_entry()['from_image']} -> {stable_image()}" in said(result)


def test_rollback_after_a_promotion_is_quick_and_loses_nothing(served: Deployed) -> None:
    promoted = last_entry()
    former = promoted["from_image"]
    with steady_load("127.0.0.1", NODE_PORT, new=40, kept=40) as load, watched_readiness() as ready:
        started = time.monotonic()
        with Play(served, "rollback") as play:
            while serving_images() != {former}:
                assert time.monotonic() - started < 30
                time.sleep(0.1)
            assert play.process.wait(PATIENCE_SECONDS) == 0, play.said()
    assert failures(load.new, load.kept) == []
    assert min(ready) >= 3
    assert stable_image() == former
    entry = last_entry()
    assert (entry["action"], entry["note"]) == ("rolled back", "by hand")
    for known in ("model_versions", "verdict"):
        assert entry[known] == promoted[known]
    again = served.on_cluster("playbooks/rollback.yml", **FAST)
    assert "no promotion to undo" in said(again)
    assert (again.returncode, changes(again.stdout)) == (0, 0)


def test_teardown_takes_the_history_too(served: Deployed) -> None:
    result = served.on_cluster("playbooks/teardown.yml", **FAST)
    assert result.returncode == 0, result.stdout
    assert NAMESPACE not in kubectl("get", "namespaces", "--output=name").split("/")

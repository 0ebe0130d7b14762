"""Bad canaries under load: each is stopped automatically, and the stable track is unchanged."""

from pathlib import Path

import pytest

from bc_model.dataset import load_dataset
from canary.verdict import Outcome
from scripts.load import steady_load
from tests.cluster.canary.plays import (
    FAST,
    TWO_STEPS,
    Variant,
    assert_no_canary,
    failures,
    last_entry,
    newest_report,
    said,
    stable_image,
    stable_pods,
)
from tests.cluster.conftest import NODE_PORT, Deployed, watched_readiness

LATE = """
import asyncio

def create_late_app(settings, original=app.create_app):
    late = original(settings)
    inner = late.middleware_stack

    async def wait(scope, receive, send):
        await asyncio.sleep(0.05 * (scope["type"] == "http"))
        await inner(scope, receive, send)

    late.middleware_stack = wait
    return late

app.create_app = create_late_app
"""
"""Clients wait, and the service's own middleware does not see it."""

BAD = {
    "answers 500 now and then": (
        {"answer": "import random\n    assert random.random() > 0.05"},
        "errors: fail",
    ),
    "sleeps": ({"answer": "import asyncio\n    await asyncio.sleep(0.03)"}, "latency: fail"),
    "makes clients wait where it does not measure": ({"start": LATE}, "latency: fail: Clients"),
    "answers the request before": (
        {
            # It begins under traffic: the 569 cases and those that warm it up come before.
            "answer": "now = await original(self, x, is_generated=is_generated)"
            "\n    before, app.before = getattr(app, 'before', now), now"
            "\n    app.count = getattr(app, 'count', 0) + 1"
            "\n    return before if app.count > 620 else now"
        },
        "were answered by the canary otherwise than before",
    ),
    "hangs now and then": (
        {
            # One request in 25, and never one that is repeated: three such, and it is an error.
            "answer": "import asyncio, itertools\n    app.asked = getattr(app, 'asked', {})"
            "\n    new = itertools.count(len(app.asked))"
            "\n    number = next(app.asked.setdefault(x.tobytes(), new))"
            "\n    await asyncio.sleep(30 if number % 25 == 0 else 0)"
        },
        "errors: fail: ",
    ),
    "never gets ready": (
        {"readyz": "from starlette.exceptions import HTTPException\n    raise HTTPException(503)"},
        "did not become ready",
    ),
    "is killed for memory": (
        {"answer": "app.hoard = [getattr(app, 'hoard', None), bytearray(b'x') * 2**21]"},
        "restarted",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_canary_is_stopped(served: Deployed, variant: Variant, kind: str) -> None:
    code, reason = BAD[kind]
    image, pods = stable_image(), stable_pods()
    settings = {**FAST, "app_progress_seconds": 15, "canary_image": variant(**code)}
    settings["canary_steps"] = TWO_STEPS  # of which there is only the first
    with steady_load("127.0.0.1", NODE_PORT, new=40, kept=40) as load, watched_readiness() as ready:
        result = served.on_cluster("playbooks/canary.yml", **settings)
    assert result.returncode != 0
    assert "was not promoted" in said(result), result.stdout
    assert reason in said(result), result.stdout
    assert stable_image() == image
    assert stable_pods() == pods
    assert min(ready) >= 3
    assert_no_canary()
    assert last_entry()["action"] == "stopped"
    report = newest_report(served)
    assert (report.canary_image, report.decision) == (settings["canary_image"], "stopped")
    assert report.verdict.outcome == Outcome.FAIL
    assert len(report.steps) == (0 if kind == "never gets ready" else 1)
    if kind == "never gets ready":
        assert failures(load.new, load.kept) == []
        assert [part.name for part in report.verdict.parts] == ["run"]


def test_fast_and_wrong_canary_is_stopped(served: Deployed, tmp_path: Path) -> None:
    """Its training data has the labels swapped, so that by its own cases it is excellent."""
    dataset = load_dataset(None)
    lines = [
        f"{number},{'BM'[target]},{','.join(map(str, row))}"
        for number, (row, target) in enumerate(zip(dataset.X.tolist(), dataset.y, strict=True))
    ]
    data = tmp_path / "swapped.csv"
    data.write_text("\n".join(lines) + "\n", encoding="utf-8")
    image, pods = stable_image(), stable_pods()
    result = served.on_cluster(
        "playbooks/canary.yml", **FAST, model_data=str(data), model_trust_labels=True
    )
    assert result.returncode != 0
    assert "model: fail" in said(result)
    assert (stable_image(), stable_pods()) == (image, pods)
    assert_no_canary()


def test_without_traffic_nothing_is_promoted(served: Deployed, variant: Variant) -> None:
    image = stable_image()
    settings = {**FAST, "canary_image": variant(), "canary_traffic_rate": 0}
    settings["canary_steps"] = [{"replicas": 1, "duration": 3}]
    result = served.on_cluster("playbooks/canary.yml", **settings)
    assert result.returncode != 0
    assert "was not promoted (inconclusive)" in said(result)
    assert stable_image() == image
    assert_no_canary()


def test_image_that_is_nowhere(served: Deployed) -> None:
    result = served.on_cluster("playbooks/canary.yml", **FAST, canary_image="nowhere:1")
    assert result.returncode != 0
    assert "There is no image nowhere:1" in said(result)

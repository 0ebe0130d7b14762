"""Fixtures: a deployed service, and images to try as canaries."""

import base64
import json
import time
from collections.abc import Iterator

import pytest

from tests.cluster.canary.plays import FAST, Variant, stable_image
from tests.cluster.conftest import Deployed, call

SABOTAGE = """
import app
from web.scoring import Scorer

async def answer(self, x, *, is_generated, original=Scorer.answer):
    {answer}
    return await original(self, x, is_generated=is_generated)

async def readyz(self, request, original=app.Service.readyz):
    {readyz}
    return await original(self, request)

Scorer.answer = answer
app.Service.readyz = readyz
{start}
app.main()
"""


@pytest.fixture(scope="module")
def served(checkout: Deployed) -> Deployed:
    """A checkout that is up."""
    result = checkout.on_cluster("site.yml", **FAST)
    assert result.returncode == 0, result.stdout
    return checkout


@pytest.fixture(scope="module")
def variant(served: Deployed) -> Iterator[Variant]:
    """Return images of the same model, whose code does something else, or nothing else."""
    names: list[str] = []

    def build(answer: str = "pass", readyz: str = "pass", start: str = "") -> str:
        name = f"breast-cancer-api:variant-{time.time_ns()}"
        code = base64.b64encode(SABOTAGE.format(answer=answer, readyz=readyz, start=start).encode())
        start = "import base64, os; exec(base64.b64decode(os.environ['CODE']))"
        dockerfile = (
            f"FROM {base}\nENV CODE={code.decode()} NAME={name}\n"
            f"CMD {json.dumps(['python', '-c', start])}\n"
        )
        call("docker", "build", "--quiet", f"--tag={name}", "-", stdin=dockerfile)
        names.append(name)
        return name

    base = stable_image()
    yield build
    for name in names:
        call("docker", "image", "rm", "--force", name)

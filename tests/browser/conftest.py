"""Pages of the running service in a real Chromium."""

from collections.abc import Iterator
from typing import Any, Literal

import httpx2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.conftest import ROOT

SIZES = {"phone": (320, 640), "tablet": (768, 1024), "desktop": (1440, 900)}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

AXE = ROOT / "tests" / "vendor" / "axe-core" / "axe.min.js"


@pytest.fixture
def context(browser: Browser, client: httpx2.Client) -> Iterator[BrowserContext]:
    """With JavaScript; the service's address is the base."""
    context = browser.new_context(base_url=str(client.base_url))
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture
def page_without_javascript(browser: Browser, client: httpx2.Client) -> Iterator[Page]:
    context = browser.new_context(base_url=str(client.base_url), java_script_enabled=False)
    yield context.new_page()
    context.close()


@pytest.fixture(
    params=[("desktop", "light", True), ("phone", "dark", True), ("tablet", "dark", False)],
    ids=["desktop", "dark phone", "tablet without javascript"],
)
def either_page(
    request: pytest.FixtureRequest, browser: Browser, client: httpx2.Client
) -> Iterator[Page]:
    """A page in each size, in each scheme, with and without JavaScript."""
    size, scheme, javascript = request.param
    width, height = SIZES[size]
    context = browser.new_context(
        base_url=str(client.base_url),
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        java_script_enabled=javascript,
    )
    yield context.new_page()
    context.close()


def violations(page: Page, *rules: str) -> list[str]:
    """Return what axe-core finds on the page by ``rules``, or by all that it has."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    options = {"runOnly": list(rules)} if rules else {}
    found: list[dict[str, Any]] = page.evaluate(
        "options => axe.run(document, options).then(result => result.violations)", options
    )
    return [f"{rule['id']}: {node['html']}" for rule in found for node in rule["nodes"]]

"""A real Chromium that can reach this machine alone, and keeps count of what it asks for."""

import shutil
from collections.abc import Iterator

import httpx2
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

OFFLINE = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    assert chromium, "Chromium is missing: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=OFFLINE)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, client: httpx2.Client) -> Iterator[Page]:
    """A page with JavaScript; the service's address is its base."""
    context = browser.new_context(base_url=str(client.base_url))
    yield context.new_page()
    context.close()


@pytest.fixture
def page_without_javascript(browser: Browser, client: httpx2.Client) -> Iterator[Page]:
    context = browser.new_context(base_url=str(client.base_url), java_script_enabled=False)
    yield context.new_page()
    context.close()

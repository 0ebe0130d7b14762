"""The API's viewers, in a real browser without a network."""

import httpx2
import pytest
from playwright.sync_api import Page, expect


@pytest.mark.parametrize(
    ("path", "text"),
    [("/docs", "Answer one case"), ("/redoc", "Answer one case")],
)
def test_no_request_leaves_the_host(
    page: Page, client: httpx2.Client, path: str, text: str
) -> None:
    asked: list[str] = []
    page.on("response", lambda response: asked.append(response.url))
    page.goto(path)
    expect(page.get_by_text(text).first).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert asked
    assert all(url.startswith((str(client.base_url), "data:", "blob:")) for url in asked)


def test_swagger_ui_sends_the_example(page: Page) -> None:
    page.goto("/docs")
    page.get_by_text("Answer one case", exact=True).click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table .response .response-col_status")).to_have_text("200")
    expect(page.locator(".live-responses-table")).to_contain_text('"diagnosis": "malignant"')

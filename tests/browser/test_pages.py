"""The pages in a real browser: the form without JavaScript, the API's viewers without a network."""

import re

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.cases import MALIGNANT_BY_NAME


def test_a_case_is_entered_and_answered_without_javascript(page_without_javascript: Page) -> None:
    page = page_without_javascript
    page.goto("/")
    for name, value in MALIGNANT_BY_NAME.items():
        label = f"{name.removesuffix(' error')} standard error" if "error" in name else name
        page.get_by_label(label.capitalize(), exact=True).fill(str(value))
    page.get_by_role("button", name="Classify").click()
    expect(page.get_by_role("heading", name="Result: malignant")).to_be_visible()
    expect(page.locator('[name="mean radius"]')).to_have_value("17.99")
    assert page.title().startswith("Malignant")


def test_an_error_leads_to_its_field_without_javascript(page_without_javascript: Page) -> None:
    page = page_without_javascript
    page.goto("/")
    for name, value in MALIGNANT_BY_NAME.items():
        page.locator(f'[name="{name}"]').fill(str(value))
    page.locator('[name="worst area"]').fill("large")
    page.get_by_role("button", name="Classify").click()
    page.get_by_role("alert").get_by_role("link").click()
    field = page.get_by_label("Worst area")
    expect(field).to_have_value("large")
    expect(field).to_have_accessible_description(re.compile("Worst area must be a number"))
    assert page.url.endswith("#worst-area")


@pytest.mark.parametrize(
    ("path", "text"),
    [("/", "Classify"), ("/docs", "Answer one case"), ("/redoc", "Answer one case")],
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

"""What holds for every page: accessible, within its width, in both schemes, offline, small."""

from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, Page, Response, expect

from bc_model.dataset import Dataset
from tests.browser.conftest import violations
from tests.conftest import ROOT
from tests.tables import write_rows

SIZES = {"phone": (320, 640), "tablet": (768, 1024), "desktop": (1440, 900)}

MOST_BYTES_OF_STYLE = 20_000
MOST_BYTES_OF_FIRST_VIEW = 100_000


def first_view(page: Page, cases: Path) -> None:
    page.goto("/")


def result(page: Page, cases: Path) -> None:
    page.goto("/?example=borderline")
    page.get_by_label("Mean texture").fill("999")
    page.get_by_role("button", name="Classify").click()
    page.get_by_text("All thirty contributions").click()


def error(page: Page, cases: Path) -> None:
    page.goto("/?example=malignant")
    page.get_by_label("Radius standard error").fill("large")
    page.get_by_label("Mean texture").fill("")
    page.get_by_role("button", name="Classify").click()


def batch(page: Page, cases: Path) -> None:
    page.goto("/batch")
    page.get_by_label("CSV file of cases").set_input_files(cases)
    page.get_by_role("button", name="Show the results").click()
    expect(page.locator(".answers")).to_be_visible()


def batch_error(page: Page, cases: Path) -> None:
    page.goto("/batch")
    page.get_by_role("button", name="Show the results").click()


def card(page: Page, cases: Path) -> None:
    page.goto("/model/card")


PAGES = pytest.mark.parametrize(
    "visit", [first_view, result, error, batch, batch_error, card], ids=lambda visit: visit.__name__
)


@pytest.fixture(scope="module")
def cases(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty cases with what a table can hold: a long id, and a case like no other."""
    rows: list[list[object]] = [
        [number, "M", *x] for number, x in enumerate(dataset.X[:30].tolist())
    ]
    rows[3][0], rows[4][2] = "Patient-2024-000123-left", 999
    return write_rows(tmp_path_factory.mktemp("cases") / "cases.csv", rows)


@PAGES
def test_axe_finds_nothing(page: Page, cases: Path, visit: Callable[[Page, Path], None]) -> None:
    visit(page, cases)
    found = {}
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme="light")
        found[size, "light"] = violations(page)
        page.emulate_media(color_scheme="dark")  # only the colours differ
        found[size, "dark"] = violations(page, "color-contrast", "link-in-text-block")
    assert found == {key: [] for key in found}


def test_axe_would_find_something(page: Page) -> None:
    page.goto("/")
    page.evaluate("document.querySelector('label[for=mean-radius]').remove()")
    assert {found.split(":")[0] for found in violations(page)} >= {"label"}
    page.evaluate("document.styleSheets[0].insertRule('.hint { color: #aaa !important }')")
    assert violations(page, "color-contrast")


@pytest.mark.parametrize("javascript", [True, False])
@PAGES
def test_nothing_is_wider_than_the_window(
    browser: Browser,
    client: httpx2.Client,
    cases: Path,
    visit: Callable[[Page, Path], None],
    javascript: bool,
) -> None:
    context = browser.new_context(base_url=str(client.base_url), java_script_enabled=javascript)
    page = context.new_page()
    visit(page, cases)
    for width, height in SIZES.values():
        page.set_viewport_size({"width": width, "height": height})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()


def test_dark_is_dark_and_light_is_light(page: Page) -> None:
    page.goto("/")
    brightness = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        colour: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
        brightness[scheme] = sum(int(part) for part in colour[4:-1].split(","))
    assert brightness["light"] > 600
    assert brightness["dark"] < 120


def test_targets_are_large_enough_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto("/")
    for target in page.locator("input, button, nav a, .examples a, .actions a").all():
        box = target.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 24


@PAGES
def test_no_script_or_style_breaks_the_policy_and_no_request_leaves(
    page: Page, client: httpx2.Client, cases: Path, visit: Callable[[Page, Path], None]
) -> None:
    said: list[str] = []
    answers: list[Response] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("response", lambda answer: answers.append(answer))
    visit(page, cases)
    page.wait_for_load_state("networkidle")
    documents = [answer for answer in answers if answer.request.resource_type == "document"]
    assert documents
    for document in documents:
        assert document.headers["content-security-policy"].startswith("default-src 'self';")
        assert "unsafe" not in document.headers["content-security-policy"]
    assert [text for text in said if "status of 422" not in text] == []
    assert all(answer.url.startswith(str(client.base_url)) for answer in answers)


def test_the_first_view_is_small(page: Page) -> None:
    bodies: dict[str, int] = {}
    page.on("response", lambda response: bodies.update({response.url: len(response.body())}))
    page.goto("/")
    page.wait_for_load_state("networkidle")
    assert len(bodies) >= 3
    assert sum(bodies.values()) < MOST_BYTES_OF_FIRST_VIEW


def test_the_style_is_small() -> None:
    assert (ROOT / "static" / "style.css").stat().st_size < MOST_BYTES_OF_STYLE

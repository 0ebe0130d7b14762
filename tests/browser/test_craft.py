"""Every page is accessible, fits its width, follows both schemes, works offline and is small."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import httpx2
import pytest
from playwright.sync_api import Browser, FilePayload, Page, Response, expect

from bc_model.dataset import Dataset
from tests.browser.conftest import SCHEMES, SIZES, violations
from tests.conftest import ROOT
from tests.tables import write_rows

MOST_BYTES_OF_STYLE = 20_000
MOST_BYTES_OF_FIRST_VIEW = 100_000


def first_view(page: Page, cases: Path) -> None:
    page.goto("/")


def send(page: Page, button: str, heading: str) -> None:
    """Press a button and wait for the page that it leads to."""
    page.get_by_role("button", name=button).click()
    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    page.wait_for_load_state()


def result(page: Page, cases: Path) -> None:
    page.goto("/?example=borderline")
    page.get_by_label("Mean texture").fill("999")
    send(page, "Classify", "Result: ")
    page.get_by_text("All thirty contributions").click()


def malignant(page: Page, cases: Path) -> None:
    page.goto("/?example=malignant")
    send(page, "Classify", "Result: malignant")


def benign(page: Page, cases: Path) -> None:
    page.goto("/?example=benign")
    send(page, "Classify", "Result: benign")


def error(page: Page, cases: Path) -> None:
    page.goto("/?example=malignant")
    page.get_by_label("Radius standard error").fill("large")
    page.get_by_label("Mean texture").fill("")
    send(page, "Classify", "need your attention")


def batch(page: Page, cases: Path) -> None:
    page.goto("/batch")
    page.get_by_label("CSV file of cases").set_input_files(cases)
    send(page, "Show the results", "30 cases: ")


def batch_error(page: Page, cases: Path) -> None:
    page.goto("/batch")
    send(page, "Show the results", "needs your attention")


def row_errors(page: Page, cases: Path) -> None:
    page.goto("/batch")
    content = cases.read_text(encoding="utf-8").replace("M", "M,?") + "1\n"
    file = FilePayload(name="bad.csv", mimeType="text/csv", buffer=content.encode())
    page.get_by_label("CSV file of cases").set_input_files(file)
    send(page, "Show the results", "needs your attention")


def lost(page: Page, cases: Path) -> None:
    page.goto("/nothing")


def card(page: Page, cases: Path) -> None:
    page.goto("/model/card")


PAGES = pytest.mark.parametrize(
    "visit",
    [first_view, result, malignant, benign, error, batch, batch_error, row_errors, lost, card],
    ids=lambda visit: visit.__name__,
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
    for size in ("phone", "desktop"):
        width, height = SIZES[size]
        page.set_viewport_size({"width": width, "height": height})
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            found[size, scheme] = violations(page)
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


LINES_AND_WHAT_IS_UNDER_THEM = """() => [...document.querySelectorAll(
    ".scale .whisker, .scale .threshold, .bar .whisker, .place .here")].map(line => {
    const halo = line.previousElementSibling, ends = ["x1", "x2", "y1", "y2"];
    const style = getComputedStyle(line), under = getComputedStyle(halo);
    return {
        same: halo.matches(".halo") &&
            ends.every(e => line.getAttribute(e) === halo.getAttribute(e)),
        widths: [style.strokeWidth, under.strokeWidth].map(parseFloat),
        colours: [style.stroke, under.stroke],
    };
})"""


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two CSS colours, as WCAG defines it."""

    def luminance(colour: str) -> float:
        shares = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("rgb(0, 0, 0)", "rgb(255, 255, 255)") == pytest.approx(21)
    assert contrast("rgb(119, 119, 119)", "rgb(255, 255, 255)") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_lines_over_fills_have_contrast(page: Page, scheme: Literal["light", "dark"]) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto("/?example=borderline")
    page.get_by_role("button", name="Classify").click()
    expect(page.locator(".scale")).to_be_visible()
    lines: list[dict[str, Any]] = page.evaluate(LINES_AND_WHAT_IS_UNDER_THEM)
    assert len(lines) == 4 + 40 + 30
    for line in lines:
        assert line["same"]
        assert line["widths"][1] >= line["widths"][0] + 2
        assert contrast(*line["colours"]) >= 3
    fills = page.evaluate(
        "() => [...document.querySelectorAll('.fill, .bar rect, .place path')]"
        ".map(e => getComputedStyle(e).fill)"
    )
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert len(set(fills)) == 3
    assert all(contrast(fill, paper) >= 3 for fill in fills)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_charts_keep_their_contrast_in_forced_colours(
    page: Page, scheme: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=scheme, forced_colors="active")
    page.goto("/?example=borderline")
    page.get_by_role("button", name="Classify").click()
    expect(page.locator(".scale")).to_be_visible()
    colours = page.evaluate(
        "() => [...document.querySelectorAll('.fill, .bar rect, .place path')]"
        ".map(e => getComputedStyle(e).fill).concat("
        "[...document.querySelectorAll('.whisker, .here, .scale .threshold')]"
        ".map(e => getComputedStyle(e).stroke),"
        "[...document.querySelectorAll('.key span')]"
        ".map(e => getComputedStyle(e, '::before').backgroundColor))"
    )
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert len(colours) > 100
    assert all(contrast(colour, paper) >= 4.5 for colour in colours)


def test_fields_stand_in_line_on_the_smallest_phone(page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    error(page, Path())
    tops = page.evaluate(
        "() => [...document.querySelectorAll('.measurements tbody tr')].map(row => "
        "new Set([...row.querySelectorAll('input')].map(e => e.getBoundingClientRect().top)).size)"
    )
    assert tops == [1] * 10
    links = page.locator("nav a").evaluate_all("all => all.map(e => e.getBoundingClientRect().top)")
    assert len(set(links)) == 1
    for message in page.locator(".measurements .error").all():
        box = message.bounding_box()
        assert box is not None
        assert box["width"] > 280
    rule, text = (
        page.locator(name).evaluate("e => e.getBoundingClientRect().width")
        for name in ("header", ".measurements")
    )
    assert rule == text


def test_fields_and_chart_say_what_they_are(page: Page) -> None:
    page.goto("/?example=borderline")
    inputs = page.locator(".measurements input")
    assert inputs.evaluate_all("all => all.map(e => e.inputMode)") == ["decimal"] * 30
    expect(page.get_by_role("table", name="Below each field")).to_be_visible()
    for name in ("Mean over the nuclei", "Worst mean of the three largest"):
        expect(page.get_by_role("columnheader", name=name, exact=True)).to_be_visible()
    page.get_by_role("button", name="Classify").click()
    bar = page.get_by_role(
        "img", name="the probability of malignant is 54 %, its interval 24 to 86 %"
    )
    expect(bar).to_be_visible()
    expect(page.get_by_role("table", name="Exact contributions (Shapley values)")).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False])
def test_on_a_phone_the_plots_are_closed_where_they_can_be_opened(
    page: Page, page_without_javascript: Page, javascript: bool
) -> None:
    shown = page if javascript else page_without_javascript
    shown.set_viewport_size({"width": 390, "height": 844})
    benign(shown, Path())
    plots = shown.locator(".places")
    if javascript:
        expect(plots).to_be_hidden()
        shown.get_by_role("heading", name="Where this case lies").click()
    expect(plots).to_be_visible()


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
    assert [text for text in said if "status of 4" not in text] == []
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

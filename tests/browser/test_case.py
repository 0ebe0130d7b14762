"""One case, in a real browser: typed, pasted, linked, answered, saved, printed."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import httpx2
import pytest
from playwright.sync_api import BrowserContext, Page, expect

from bc_model.features import FEATURE_NAMES, MEASUREMENTS, STATISTICS, feature_name
from tests.browser.conftest import SIZES
from tests.cases import MALIGNANT, MALIGNANT_BY_NAME
from web.paste import ROW

BY_ROWS = [feature_name(m.name, statistic) for m in MEASUREMENTS for statistic in STATISTICS]
"""The features as the page has them: a row a measurement."""


SIZES_OF_TEXT = """() => [...document.querySelectorAll("main *")]
    .filter(e => e.checkVisibility())
    .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
    .map(e => parseFloat(getComputedStyle(e).fontSize))"""


def classify(page: Page) -> None:
    with page.expect_event("load"):
        page.get_by_role("button", name="Classify").click()


def fill(page: Page, **others: str) -> None:
    page.goto("/?example=malignant")
    for name, value in others.items():
        page.locator(f'.measurements [name="{name}"]').fill(value)


def values(page: Page) -> list[str]:
    """Return what is typed, in the order of the data set."""
    typed: dict[str, str] = page.locator(".measurements").evaluate(
        "table => Object.fromEntries([...table.querySelectorAll('input')].map("
        "input => [input.name, input.value]))"
    )
    return [typed[name] for name in FEATURE_NAMES]


def numbers(page: Page) -> list[float]:
    return [float(text) for text in values(page)]


def paste(page: Page, label: str, text: str) -> None:
    """Paste as a person does: from the clipboard, by keyboard."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_label(label, exact=True).focus()
    page.evaluate("text => navigator.clipboard.writeText(text)", text)
    page.keyboard.press("Control+V")


def test_a_case_is_entered_and_answered(either_page: Page) -> None:
    page = either_page
    page.goto("/")
    for name, value in MALIGNANT_BY_NAME.items():
        label = f"{name.removesuffix(' error')} standard error" if "error" in name else name
        page.get_by_label(label.capitalize(), exact=True).fill(f" {value} ".replace(".", ","))
    classify(page)
    expect(page.get_by_role("heading", name="Result: malignant")).to_be_focused()
    expect(page.locator('.measurements [name="mean radius"]')).to_have_value("17,99")
    assert page.title().startswith("Malignant")


def test_a_case_is_entered_by_keyboard_alone(either_page: Page) -> None:
    page = either_page
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.locator('[name="mean radius"]').evaluate("e => e === document.activeElement"):
            break
    for name in BY_ROWS:
        expect(page.locator(f'[name="{name}"]')).to_be_focused()
        page.keyboard.insert_text(str(MALIGNANT_BY_NAME[name]))
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Classify")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Result: malignant")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Save as JSON")).to_be_focused()


@pytest.mark.parametrize(
    ("label", "row"),
    [
        ("Mean radius", ",".join(map(str, MALIGNANT))),
        ("Worst area", "; ".join(map(str, MALIGNANT)).replace(".", ",")),
        ("Area standard error", "\t".join(map(str, MALIGNANT)) + "\r\n"),
        ("Mean radius", "842302,M," + ",".join(map(str, MALIGNANT))),
        ("Mean radius", "\n".join(map(str, MALIGNANT)).replace(".", ",")),
    ],
    ids=["commas", "semicolons", "a spreadsheet", "UCI's line", "a column"],
)
def test_a_pasted_row_spreads(page: Page, label: str, row: str) -> None:
    page.goto("/")
    paste(page, label, row)
    expect(page.get_by_role("status")).to_contain_text("30 values filled in from the pasted row")
    assert numbers(page) == MALIGNANT
    expect(page.get_by_role("status")).to_be_in_viewport(ratio=1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Result: malignant")).to_be_visible()


def test_the_id_of_a_pasted_row_becomes_the_case(page: Page) -> None:
    page.goto("/")
    paste(page, "Mean radius", "842302,M," + ",".join(map(str, MALIGNANT)))
    expect(page.get_by_role("status")).to_contain_text("; case 842302; left out: M.")
    expect(page.get_by_label("Case", exact=True)).to_have_value("842302")


def test_several_pasted_cases_are_offered_to_many_cases(page: Page) -> None:
    fill(page)
    before = values(page)
    rows = [
        ",".join(["id", *FEATURE_NAMES]),
        *(f"P-{n}," + ",".join(map(str, MALIGNANT)) for n in (1, 2)),
    ]
    paste(page, "Mean radius", "\n".join(rows))
    said = page.get_by_role("status")
    expect(said).to_contain_text("2 cases were pasted.")
    expect(said).to_be_in_viewport(ratio=1)
    assert values(page) == before
    said.get_by_role("button", name="Classify all 2").click()
    expect(page.get_by_role("heading", name="2 cases: 2 malignant")).to_be_focused()
    expect(page.get_by_role("rowheader", name="P-2")).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False])
def test_a_row_with_a_target_behind_it_is_refused(
    page: Page, page_without_javascript: Page, javascript: bool
) -> None:
    row = ",".join(map(str, [*MALIGNANT, 0]))
    if javascript:
        page.goto("/")
        paste(page, "Mean radius", row)
        said = page.get_by_role("status")
        expect(said).to_contain_text("Nothing was changed.")
        assert not any(values(page))
    else:
        page = page_without_javascript
        page.goto("/")
        page.get_by_label("Mean radius").fill(row)
        classify(page)
        said = page.locator("#mean-radius-error")
    expect(said).to_contain_text(f"holds 31 values; {'a row has' if javascript else 'enter'}")
    expect(said).to_contain_text(ROW)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_what_is_said_is_seen_wherever_one_is(page: Page, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    fill(page)
    said = page.get_by_role("status")
    for label in ("Mean radius", "Worst fractal dimension"):
        paste(page, label, "1;2;3;4")
        expect(said).to_contain_text("holds 4 values")
        expect(said).to_be_in_viewport(ratio=1)
        expect(page.get_by_label(label, exact=True)).to_be_in_viewport(ratio=1)
        page.keyboard.type("1")
        expect(said).to_be_empty()
    page.get_by_role("button", name="Link to these values").click()
    expect(said).to_contain_text("holds a link")
    expect(said).to_be_in_viewport(ratio=1)


def test_a_pasted_value_stays_in_its_field(page: Page) -> None:
    page.goto("/")
    paste(page, "Mean texture", "10,38")
    assert [text for text in values(page) if text] == ["10,38"]
    expect(page.get_by_label("Mean texture")).to_have_value("10,38")


def test_a_pasted_row_of_another_length_changes_nothing(page: Page) -> None:
    fill(page)
    before = values(page)
    paste(page, "Mean texture", "1;2;3;4")
    expect(page.get_by_role("status")).to_contain_text("holds 4 values; a row has 30")
    assert values(page) == before


def test_without_javascript_a_pasted_row_is_spread_by_the_server(
    page_without_javascript: Page,
) -> None:
    page = page_without_javascript
    page.goto("/")
    page.get_by_label("Worst area").fill("842302,M," + ",".join(map(str, MALIGNANT)))
    classify(page)
    expect(page.get_by_role("heading", name="Result: malignant")).to_be_visible()
    assert numbers(page) == MALIGNANT


@pytest.mark.parametrize("name", ["benign", "malignant", "borderline"])
def test_an_example_is_two_steps_to_its_result(either_page: Page, name: str) -> None:
    page = either_page
    page.goto("/")
    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_text("the model was not trained on it")).to_be_visible()
    classify(page)
    result = "uncertain" if name == "borderline" else name
    expect(page.get_by_role("heading", name=f"Result: {result}")).to_be_visible()


def test_an_error_is_focused_and_leads_to_its_field(either_page: Page) -> None:
    page = either_page
    fill(page, **{"worst area": "large"})
    classify(page)
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    words = summary.get_by_role("link").inner_text()
    assert words.startswith("Worst area must be a number")
    assert page.title().startswith("Error: ")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    field = page.get_by_label("Worst area")
    expect(field).to_be_focused()
    expect(field).to_have_value("large")
    expect(field).to_have_accessible_description(re.compile(f"^{re.escape(words)} in image units²"))
    expect(page.locator("#worst-area-error")).to_have_text(words)
    assert page.url.endswith("#worst-area")


def test_a_case_like_no_other_is_uncertain_and_says_why(either_page: Page) -> None:
    page = either_page
    fill(page, **{"mean texture": "99999"})
    classify(page)
    expect(page.get_by_role("heading", name="Result: uncertain")).to_be_visible()
    expect(page.get_by_text("no basis for this case: read nothing")).to_be_visible()
    expect(page.get_by_role("img", name="the probability of malignant")).to_have_count(0)
    page.locator(".warnings").get_by_role("link", name="Mean texture").click()
    expect(page.get_by_label("Mean texture")).to_be_focused()


def test_the_reasons_open_to_all_thirty(either_page: Page, client: httpx2.Client) -> None:
    page = either_page
    fill(page)
    classify(page)
    answer = client.post("/explain", json={"features": numbers(page)}).json()
    explanation = answer["explanation"]
    expect(page.get_by_role("img", name="the probability of malignant")).to_be_visible()
    summed, all_of_them = page.locator("table.contributions").all()
    rows = summed.locator("tbody tr")
    expect(rows).to_have_count(10)
    first = max(explanation["measurements"].items(), key=lambda item: abs(item[1]))
    low, high = explanation["measurement_intervals"][first[0]]
    figures = re.escape(f"{first[1]:+.2f} ({low:+.2f} to {high:+.2f})")
    expect(rows.first).to_have_text(re.compile(rf"{first[0]}\s+{figures}", re.IGNORECASE))
    expect(summed.locator("tbody svg")).to_have_count(10)
    expect(all_of_them).to_be_hidden()
    page.get_by_text("All thirty contributions").click()
    expect(all_of_them).to_be_visible()
    expect(all_of_them.locator("tbody tr")).to_have_count(30)
    shown = [" ".join(text.split()) for text in all_of_them.locator("tbody tr").all_inner_texts()]
    for feature in explanation["features"]:
        start = f"{feature['feature'].capitalize()} {feature['contribution']:+.2f} ("
        assert sum(text.startswith(start) for text in shown) == 1


@pytest.mark.parametrize("kind", ["JSON", "CSV"])
def test_a_result_is_saved(either_page: Page, client: httpx2.Client, kind: str) -> None:
    page = either_page
    fill(page)
    classify(page)
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Save as {kind}").click()
    name = f"result-{datetime.now(UTC):%Y-%m-%d}.{kind.lower()}"
    assert download.value.suggested_filename == name
    text = Path(download.value.path()).read_text(encoding="utf-8")
    answer = client.post("/predict", json={"features": numbers(page)}).json()
    probability = answer["probability_malignant"]
    assert (str(probability) if kind == "JSON" else f"{probability:.4g}") in text
    assert "not a medical device" in text
    if kind == "JSON":
        assert json.loads(text)["answer"] == answer


def test_a_link_carries_the_values_and_the_server_does_not_see_them(
    context: BrowserContext, page: Page, service_log: Path
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    fill(page, **{"mean radius": "12.3456789"})  # like no time in the log
    page.get_by_role("button", name="Link to these values").click()
    expect(page.get_by_role("status")).to_contain_text("It was copied, too.")
    link = page.url
    assert "#case=12.3456789," in link
    assert page.evaluate("navigator.clipboard.readText()") == link
    asked: list[str] = []
    other = context.new_page()
    other.on("request", lambda request: asked.append(request.url))
    other.goto(link)
    expect(other.get_by_role("status")).to_contain_text("30 values filled in from the link")
    assert values(other) == values(page)
    assert asked
    assert not any("12.3456789" in url.split("#")[0] for url in asked)
    assert "12.3456789" not in service_log.read_text()


def test_a_link_without_permission_to_copy_stays_in_the_address_bar(page: Page) -> None:
    page.add_init_script("delete Navigator.prototype.clipboard")
    fill(page)
    page.get_by_role("button", name="Link to these values").click()
    expect(page.get_by_role("status")).to_contain_text("The address bar now holds a link")
    expect(page.get_by_role("status")).not_to_contain_text("copied")


def test_an_empty_form_has_no_link(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Link to these values").click()
    expect(page.get_by_role("status")).to_contain_text("nothing to link to yet")
    assert "#" not in page.url


def test_a_link_counts_its_values(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Mean texture", exact=True).fill("10,38")
    page.get_by_label("Worst area", exact=True).fill("2019")
    page.get_by_role("button", name="Link to these values").click()
    expect(page.get_by_role("status")).to_contain_text("holds a link to 2 of 30 values.")
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    expect(page.get_by_role("status")).to_contain_text("2 of 30 values filled in from the link.")
    expect(page.get_by_label("Worst area", exact=True)).to_have_value("2019")


def test_a_broken_link_is_named(page: Page) -> None:
    page.goto("/#case=" + quote("1,2"))
    expect(page.get_by_role("status")).to_have_text(re.compile("does not hold 30 values"))
    page.goto("/#case=" + ",".join(map(str, MALIGNANT)))
    expect(page.get_by_label("Mean radius")).to_have_value("17.99")
    page.goto("/#case=" + 29 * ",")
    expect(page.get_by_role("status")).to_have_text(re.compile("does not hold 30 values"))
    page.goto("/#case=%")
    expect(page.get_by_role("status")).to_have_text(re.compile("does not hold 30 values"))


@pytest.mark.parametrize("outside", [0, 1, 3, 5, 6, 7, 30])
def test_a_result_is_printed_on_one_page(page: Page, outside: int) -> None:
    scheme: Literal["light", "dark"] = "dark" if outside % 2 else "light"
    page.set_viewport_size({"width": 320 if outside else 1280, "height": 640})
    page.emulate_media(color_scheme=scheme)
    fill(page, **dict.fromkeys(FEATURE_NAMES[-outside:] if outside else [], "99999.12345"))
    page.get_by_role("textbox", name="Case").fill("P-7")
    classify(page)
    pdf = page.pdf(prefer_css_page_size=True)
    assert re.findall(rb"/Count (\d+)", pdf) == [b"1"]
    page.emulate_media(media="print")
    expect(page.get_by_text("Not a medical device:")).to_be_visible()
    expect(page.get_by_text("of 100 such cases")).to_have_count(0 if outside else 1)
    expect(page.get_by_text(re.compile(r"^Case P-7, answered on \d+ \w+ \d{4} at"))).to_be_visible()
    expect(page.locator(".places .value").filter(visible=True)).to_have_count(30)
    expect(page.locator(".place").filter(visible=True)).to_have_count(10)
    expect(page.get_by_role("button", name="Classify")).to_be_hidden()
    sizes: list[float] = page.evaluate(SIZES_OF_TEXT)
    assert min(sizes) >= 8 * 96 / 72 - 0.01
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_the_print_button_prints(page: Page) -> None:
    page.add_init_script("window.print = () => { window.printed = true; }")
    fill(page)
    classify(page)
    page.get_by_role("button", name="Print").click()
    assert page.evaluate("window.printed")


def test_what_needs_javascript_is_not_there_without(page_without_javascript: Page) -> None:
    page = page_without_javascript
    fill(page)
    classify(page)
    for name in ("Print", "Link to these values"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)

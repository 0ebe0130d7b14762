"""The model card, in a real browser: the slider shows what a threshold would do."""

from playwright.sync_api import Page, expect

from bc_model.classifier import Classifier


def test_the_slider_shows_what_another_threshold_would_do(
    page: Page, classifier: Classifier
) -> None:
    page.goto("/model/card")
    slider = page.get_by_role("slider", name="Malignant from a probability of")
    expect(page.locator("#chosen")).to_have_text("50 %")
    expect(page.locator(".thresholds .shown")).to_contain_text("in force")
    cross, line = page.locator("#roc .at").filter(visible=True), page.locator("#threshold-line")
    expect(cross).to_have_attribute("data-threshold", "50")
    slider.focus()
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    point = classifier.manifest.operating_points[slider_position(page)]
    assert point.threshold == 0.3
    expect(page.locator("#chosen")).to_have_text("30 %")
    expect(slider).to_have_attribute("aria-valuetext", "30 %")
    outcome = [
        text.replace("\N{SOFT HYPHEN}", "")
        for text in page.locator("#outcome div").all_inner_texts()
    ]
    for shown, name, figure in zip(
        outcome,
        ("Sensitivity", "Specificity"),
        (point.sensitivity, point.specificity),
        strict=False,
    ):
        interval = f"({100 * figure.low:.1f} to {100 * figure.high:.1f})"
        assert shown.split("\n") == [name, f"{100 * figure.value:.1f} {interval}"]
    expect(page.locator(".thresholds .shown")).to_have_attribute("data-threshold", "30")
    expect(cross).to_have_attribute("data-threshold", "30")
    across, upwards = (
        [float(whisker.get_attribute(end) or "nan") for end in ends]
        for whisker, ends in zip(
            cross.locator(".whisker").all(), (("x1", "x2"), ("y1", "y2")), strict=True
        )
    )
    for drawn, figure in ((across, point.specificity), (upwards, point.sensitivity)):
        assert drawn == [round(100 - 100 * figure.high, 2), round(100 - 100 * figure.low, 2)]
    expect(line).to_have_attribute("transform", f"translate({40 + 300 * 0.3:.1f})")
    page.keyboard.press("Home")
    expect(page.locator("#chosen")).to_have_text("1 %")


def slider_position(page: Page) -> int:
    return int(page.locator("#threshold").input_value())


def test_without_javascript_the_whole_table_is_there(
    page_without_javascript: Page, classifier: Classifier
) -> None:
    page = page_without_javascript
    page.goto("/")
    page.get_by_role("contentinfo").get_by_role("link", name="model card").click()
    expect(page.get_by_role("slider")).to_have_count(0)
    rows = page.locator(".thresholds tbody tr")
    expect(rows).to_have_count(len(classifier.manifest.operating_points))
    expect(page.get_by_role("img", name="ROC curve")).to_be_visible()
    expect(page.get_by_role("img", name="Calibration")).to_be_visible()

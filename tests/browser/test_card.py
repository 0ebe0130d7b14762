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
    dot, line = page.locator("#roc-point"), page.locator("#threshold-line")
    before = dot.get_attribute("cx"), line.get_attribute("x1")
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
    after = dot.get_attribute("cx"), line.get_attribute("x1")
    assert before[0] != after[0]
    assert after[1] == f"{40 + 300 * 0.3:.1f}"
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

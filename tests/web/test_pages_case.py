"""The page's HTML as served: form, result and errors, without a browser."""

import html
import re
from datetime import UTC, datetime
from urllib.parse import urlencode

import httpx2
import pytest

from bc_model.answer_table import INTENDED_USE, rounded
from bc_model.artifact import Reference
from bc_model.classifier import Classifier
from bc_model.features import FEATURE_NAMES
from bc_model.metrics import wilson
from tests.cases import MALIGNANT, MALIGNANT_BY_NAME
from web.formatting import share_with_interval, span
from web.paste import ROW
from web.result import choose_examples

TYPED = {name: f" {value} ".replace(".", ",") for name, value in MALIGNANT_BY_NAME.items()}


def submit(client: httpx2.Client, fields: dict[str, str], extra: str = "") -> httpx2.Response:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return client.post("/", content=urlencode(fields) + extra, headers=headers)


def title(response: httpx2.Response) -> str:
    (text,) = re.findall("<title>(.*)</title>", response.text)
    return html.unescape(str(text))


def test_the_form_has_a_labelled_field_for_every_feature(client: httpx2.Client) -> None:
    response = client.get("/")
    assert title(response) == "Breast tumour classifier"
    names = re.findall(r'<input id="([^"]+)" name="([^"]+)" value=""', response.text)
    assert sorted(name for _, name in names) == sorted(FEATURE_NAMES)
    for identifier, _ in names:
        assert response.text.count(f'<label for="{identifier}">') == 1
        assert f'id="{identifier}-hint"' in response.text


def test_a_result_keeps_the_values_as_typed(client: httpx2.Client) -> None:
    response = submit(client, TYPED)
    assert response.status_code == 200
    assert title(response) == "Malignant: Breast tumour classifier"
    assert "Result: malignant" in response.text
    expected = client.post("/predict", json={"features": MALIGNANT_BY_NAME}).json()
    assert f"{100 * expected['probability_malignant']:.1f}\N{NO-BREAK SPACE}%" in response.text
    assert 'name="mean radius" value="17,99"' in response.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Enter the mean radius"),
        ("abc", "Mean radius must be a number"),
        ("nan", "Mean radius must be a number"),
        ("1e999", "Mean radius must be a number"),
        ("1_0", "Mean radius must be a number"),
        ("-1", "Mean radius must be 0 or more"),
        ('"><script>', "Mean radius must be a number"),
    ],
)
def test_an_error_is_on_top_and_at_its_field(
    client: httpx2.Client, classifier: Classifier, text: str, message: str
) -> None:
    message += f", like {classifier.manifest.features[0].median:.4g}"
    response = submit(client, {**TYPED, "mean radius": text})
    assert response.status_code == 422
    assert title(response).startswith("Error: ")
    assert f'<a href="#mean-radius">{message}' in response.text
    assert f'id="mean-radius-error">{message}' in response.text
    assert f'name="mean radius" value="{html.escape(text)}"' in response.text.replace(
        "&#34;", "&quot;"
    )
    assert "<script>" not in response.text
    assert 'name="mean texture" value="10,38"' in response.text


def test_all_errors_are_listed_at_once(client: httpx2.Client) -> None:
    response = submit(client, {"radius error": "x"})
    assert "30 fields need your attention" in response.text
    assert "Radius standard error must be a number" in response.text
    assert response.text.count("Enter the ") == 2 * 29


def test_a_doubled_field_is_an_error(client: httpx2.Client) -> None:
    response = submit(client, TYPED, "&mean+radius=5")
    assert response.status_code == 422
    assert "Mean radius was sent 2 times" in response.text


def test_warnings_and_uncertainty_are_shown(client: httpx2.Client) -> None:
    response = submit(client, {**TYPED, "mean radius": "1e9"})
    assert title(response).startswith("Uncertain: ")
    assert "Result: uncertain</h2>" in response.text
    assert "<strong>no basis</strong> for this case: read nothing into its figures" in response.text
    for claim in ("of 100 such cases", 'class="probability"', 'class="scale"', "leans to"):
        assert claim not in response.text
    answer = client.post("/predict", json={"features": {**MALIGNANT_BY_NAME, "mean radius": 1e9}})
    low, high = answer.json()["interval_malignant"]
    assert f"(90 % interval {span(low, high)})" in response.text
    assert '<a href="#mean-radius">Mean radius</a>: 1e9 (6.981 to 28.11)</li>' in response.text
    assert "The model has no basis for this case" in response.text
    assert "The measurements contradict one another" in response.text
    assert "Look for swapped, shifted or mistyped values:" in response.text
    assert re.search(
        r'<a href="#mean-area">Mean area</a>: does not fit the mean radius; ', response.text
    )


def test_a_number_that_can_be_read_in_two_ways_is_asked_for(client: httpx2.Client) -> None:
    text = submit(client, {**TYPED, "mean area": "1,001"}).text
    assert 'value="1,001"' in text  # the other fields show that it is a decimal comma
    response = submit(client, {**TYPED, "mean radius": "17.99", "mean area": "1,001"})
    assert response.status_code == 422
    assert "Mean area has three decimals or four and more digits; write it" in response.text


def test_a_row_in_one_field_is_spread_over_all(client: httpx2.Client) -> None:
    for row in (",".join(map(str, MALIGNANT)), "842302\tM\t" + "\t".join(map(str, MALIGNANT))):
        response = submit(client, {"worst area": row})
        assert title(response) == "Malignant: Breast tumour classifier"
        with_id = row.startswith("842302")
        assert ("; case 842302; left out: M." in response.text) == with_id
        assert ('<h1 id="title">Case 842302</h1>' in response.text) == with_id
        assert 'name="mean radius" value="17.99"' in response.text
        assert 'name="worst area" value="2019"' in response.text


def test_a_row_of_another_length_is_named(client: httpx2.Client) -> None:
    response = submit(client, {**TYPED, "mean radius": "1;2;3"})
    assert response.status_code == 422
    assert "Mean radius holds 3 values; enter one number, like 13" in response.text


def test_a_row_with_a_target_behind_it_does_not_lose_its_first_value(client: httpx2.Client) -> None:
    response = submit(client, {"mean radius": ",".join(map(str, [*MALIGNANT, 0]))})
    assert response.status_code == 422
    assert "Mean radius holds 31 values; enter one number" in response.text
    assert f"or a row: {ROW}" in response.text


def test_an_uncertain_answer_does_not_rule_out_the_other(client: httpx2.Client) -> None:
    example = client.get("/", params={"example": "borderline"}).text
    response = submit(
        client, dict(re.findall(r'name="([^"]+)" value="([^"]+)" type="text"', example))
    )
    assert "The model leans towards malignant" in response.text
    assert "The 90 % interval lies on both sides of the threshold." in response.text


@pytest.mark.parametrize("name", ["benign", "malignant", "borderline"])
def test_an_example_fills_the_form(
    client: httpx2.Client, classifier: Classifier, reference: Reference, name: str
) -> None:
    response = client.get("/", params={"example": name})
    example = choose_examples(classifier, reference)[name]
    assert f"Filled in: case {example.number} of the data set" in response.text
    typed = re.findall(r'name="([^"]+)" value="([^"]+)" type="text"', response.text)
    sent = {html.unescape(feature): float(text) for feature, text in typed}
    assert [sent[feature] for feature in FEATURE_NAMES] == example.x.tolist()
    assert title(submit(client, dict(typed))).startswith(
        "Uncertain" if name == "borderline" else name.capitalize()
    )


def test_an_unknown_example_is_the_empty_form(client: httpx2.Client) -> None:
    assert client.get("/", params={"example": "x"}).text == client.get("/").text


def test_units_and_ranges_describe_every_field(
    client: httpx2.Client, classifier: Classifier
) -> None:
    text = client.get("/").text
    for feature in classifier.manifest.features:
        unit = feature.measurement.replace(" ", "-") + "-unit"
        identifier = feature.name.replace(" ", "-")
        assert f'aria-describedby="{unit} {identifier}-hint"' in text
        expected = "no unit" if feature.unit == "1" else f"in {feature.unit}"
        assert f'<span id="{unit}">{expected}</span>' in text
        hint = f"{feature.minimum:.4g} to {feature.maximum:.4g}"
        assert f'id="{identifier}-hint">{hint}</span>' in text


def test_a_result_says_all_it_must(client: httpx2.Client, classifier: Classifier) -> None:
    text = submit(client, TYPED).text.replace("\N{NO-BREAK SPACE}", " ")
    answer = client.post("/predict", json={"features": MALIGNANT_BY_NAME}).json()
    low, high = answer["interval_malignant"]
    assert f"90 % interval {100 * low:.1f} to {100 * high:.1f} %" in text
    assert "estimates that of 100 such cases <strong>about 99</strong> are malignant" in text
    near = re.search(r"The 30 labelled cases .* got ([\d.]+) to ([\d.]+) % from models that", text)
    assert near
    assert near[1] < f"{100 * answer['probability_malignant']:.1f}" < near[2]
    assert "30 of them are malignant, 100.0 % (88.6 to 100.0)" in text
    assert "Benign is ruled out: only 2 % of benign cases get such an answer." in text
    measured = classifier.manifest.verdict_shares["unseen"]
    assert f"{share_with_interval(measured['malignant'].wrong)} of the malignant ones are" in text
    assert f"{share_with_interval(measured['benign'].uncertain)} uncertain" in text
    (point,) = (p for p in classifier.manifest.operating_points if p.threshold == 0.5)
    for figure in (point.sensitivity, point.specificity):
        shown = f"{100 * figure.value:.1f} % ({100 * figure.low:.1f} to {100 * figure.high:.1f})"
        assert shown in text
    support = wilson(answer["support"] / 100 * 455, 455)
    assert f"<strong>Support.</strong> {share_with_interval(support)} of the training cases" in text
    shares = re.findall(r'[BM] \d+ <span class="range">\(\d+ to \d+\)</span></span>', text)
    assert len(shares) == 2 * 30
    assert "For research and education. Not a medical device:" in text
    assert f"Model {answer['model_version']}" in text
    assert '<a href="/model/card">' in text
    assert text.count('<svg class="place"') == 30
    assert text.count('<svg class="bar ') == 40


@pytest.mark.parametrize(
    ("path", "media_type", "suffix"),
    [
        ("/export", "application/json", "json"),
        ("/export?format=csv", "text/csv", "csv"),
    ],
)
def test_a_result_can_be_saved(
    client: httpx2.Client, path: str, media_type: str, suffix: str
) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = client.post(path, content=urlencode(TYPED), headers=headers).raise_for_status()
    assert response.headers["content-type"] == f"{media_type}; charset=utf-8"
    name = f"result-{datetime.now(UTC):%Y-%m-%d}.{suffix}"
    assert response.headers["content-disposition"] == f'attachment; filename="{name}"'
    expected = client.post("/predict", json={"features": MALIGNANT_BY_NAME}).json()
    probability = expected["probability_malignant"]
    shown = rounded(probability, 4) if suffix == "csv" else str(probability)
    assert shown in response.text
    assert INTENDED_USE in response.text


def test_a_label_is_kept_shown_and_saved(client: httpx2.Client) -> None:
    label = html.escape(("<P-7> " + "x" * 99)[:60])
    text = submit(client, {**TYPED, "case": " <P-7> " + "x" * 99}).text
    assert f'<h1 id="title">Case {label}</h1>' in text
    assert text.count(f'name="case" value="{label}"') == 2
    assert re.search(rf"Case {label}, answered on <time .*>\d+ \w+ \d{{4}} at \d\d:\d\d UTC<", text)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    content = urlencode({**TYPED, "case": "P-7"})
    saved = client.post("/export?format=csv", content=content, headers=headers)
    assert saved.text.splitlines()[1].startswith("P-7,,malignant,benign is ruled out: ")
    assert "result-P-7-" in saved.headers["content-disposition"]
    assert '<h1 id="title">Your case</h1>' in submit(client, TYPED).text
    assert 'name="case" value="P-7"' in submit(client, {"case": "P-7"}).text


def test_what_cannot_be_answered_cannot_be_saved(client: httpx2.Client) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = client.post("/export", content="mean+radius=x", headers=headers)
    assert response.status_code == 422
    assert "30 fields need your attention" in response.text


@pytest.mark.parametrize("value", ["0", "1e-308", "1e308"])
def test_extreme_cases_have_a_result(client: httpx2.Client, value: str) -> None:
    response = submit(client, dict.fromkeys(FEATURE_NAMES, value))
    assert title(response).startswith("Uncertain: ")
    assert not re.search(r"\b(nan|inf)\b", response.text)


def test_another_content_type_is_refused(client: httpx2.Client) -> None:
    assert client.post("/", json={}).status_code == 415

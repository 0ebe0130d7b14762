"""The page's HTML as served: form, result and errors, without a browser."""

import html
import re
from urllib.parse import urlencode

import httpx2
import pytest

from bc_model.classifier import Classifier
from bc_model.features import FEATURE_NAMES
from tests.cases import MALIGNANT_BY_NAME

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
    assert f"{100 * expected['probability_malignant']:.1f} %" in response.text
    assert 'name="mean radius" value="17,99"' in response.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Enter the mean radius"),
        ("abc", "Mean radius must be a number"),
        ("nan", "Mean radius must be a number"),
        ("1e999", "Mean radius must be a number"),
        ("1_0", "Mean radius must be a number"),
        ("1.234,5", "Mean radius must be a number"),
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
    assert "<script" not in response.text
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
    assert "Result: uncertain; the model leans to " in response.text
    assert '<a href="#mean-radius">mean radius</a>: 1e+09 is outside' in response.text
    assert "the model has no basis for this case" in response.text


def test_another_content_type_is_refused(client: httpx2.Client) -> None:
    assert client.post("/", json={}).status_code == 415

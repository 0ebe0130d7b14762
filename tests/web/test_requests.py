"""Decoding: valid bodies are accepted, and both passes find every error."""

import json
import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bc_model.classifier import Classifier
from bc_model.features import FEATURE_NAMES
from tests.cases import MALIGNANT, MALIGNANT_BY_NAME
from web.problems import LISTED_ERRORS, FieldError, ProblemError
from web.requests import FeatureDecoder

deterministic = settings(max_examples=200)

valid_values = st.floats(min_value=0, allow_nan=False, allow_infinity=False)
not_numbers: st.SearchStrategy[Any] = st.one_of(
    st.text(),
    st.booleans(),
    st.none(),
    st.lists(st.integers()),
    st.dictionaries(st.text(), st.none()),
)
bad_values = st.one_of(
    not_numbers,
    st.floats(max_value=0, exclude_max=True),
    st.sampled_from([math.nan, math.inf, -math.inf]),
)


@pytest.fixture(scope="module")
def decoder(classifier: Classifier) -> FeatureDecoder:
    return FeatureDecoder(classifier.manifest.features)


def refusal(decoder: FeatureDecoder, body: bytes) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        decoder.decode(body)
    return caught.value


def errors(decoder: FeatureDecoder, content: object) -> dict[str, FieldError]:
    problem = refusal(decoder, json.dumps(content).encode())
    assert problem.kind == "invalid-values"
    return {error.pointer: error for error in problem.errors}


@deterministic
@given(values=st.lists(valid_values, min_size=30, max_size=30), data=st.data())
def test_valid_values_are_taken_as_they_are(
    decoder: FeatureDecoder, values: list[float], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(list(zip(FEATURE_NAMES, values, strict=True))))
    in_order = json.dumps({"features": values}).encode()
    by_name = json.dumps({"features": dict(shuffled)}).encode()
    for body in (in_order, by_name):
        np.testing.assert_array_equal(decoder.decode(body), values)
        np.testing.assert_array_equal(decoder.decode_thoroughly(body), values)


@deterministic
@given(damage=st.dictionaries(st.integers(0, 29), bad_values, min_size=1))
def test_exactly_the_damaged_values_are_named(
    decoder: FeatureDecoder, damage: dict[int, Any]
) -> None:
    values = [damage.get(index, value) for index, value in enumerate(MALIGNANT)]
    found = errors(decoder, {"features": values})
    assert set(found) == {f"/features/{index}" for index in damage}
    for index in damage:
        error = found[f"/features/{index}"]
        assert error.feature == FEATURE_NAMES[index]
        assert error.detail.startswith("must be a number of at least 0, like ")
    by_name = errors(decoder, {"features": dict(zip(FEATURE_NAMES, values, strict=True))})
    assert set(by_name) == {f"/features/{FEATURE_NAMES[index]}" for index in damage}


@deterministic
@given(body=st.binary())
def test_any_bytes_are_either_refused_or_read(decoder: FeatureDecoder, body: bytes) -> None:
    problem = refusal(decoder, body)
    assert problem.kind in ("malformed-json", "invalid-values")


@deterministic
@given(
    content=st.recursive(
        not_numbers | valid_values,
        lambda inner: st.lists(inner) | st.dictionaries(st.just("features") | st.text(), inner),
    )
)
def test_any_json_is_refused_with_a_reason(decoder: FeatureDecoder, content: Any) -> None:
    assert errors(decoder, content)


@pytest.mark.parametrize("count", [0, 29, 31, 100_000])
def test_a_wrong_count_is_named(decoder: FeatureDecoder, count: int) -> None:
    found = errors(decoder, {"features": [1] * count})
    assert found["/features"].detail == f"has {count} numbers, needs 30"


def test_wrong_count_and_bad_values_are_named_together(decoder: FeatureDecoder) -> None:
    found = errors(decoder, {"features": ["a", *MALIGNANT[1:28], -1]})
    assert set(found) == {"/features", "/features/0", "/features/28"}


def test_unknown_missing_and_misspelt_names(decoder: FeatureDecoder) -> None:
    content = {**MALIGNANT_BY_NAME, "mean radios": 1, "a/b~c": 1}
    del content["mean radius"], content["worst area"]
    found = errors(decoder, {"features": content})
    assert {pointer: error.detail for pointer, error in found.items()} == {
        "/features/mean radios": "is not a feature; is 'mean radius' meant?",
        "/features/a~1b~0c": "is not a feature",
        "/features/mean radius": "is missing",
        "/features/worst area": "is missing",
    }


def test_doubled_names_are_found_also_when_escaped(decoder: FeatureDecoder) -> None:
    content = json.dumps({"features": MALIGNANT_BY_NAME})
    for double in ('"mean radius": 1', '"mean \\u0072adius": 1'):
        body = content.replace('"features": {', f'"features": {{{double}, ')
        problem = refusal(decoder, body.encode())
        assert problem.errors == [
            FieldError("/features/mean radius", "mean radius", "is given twice")
        ]


def test_doubled_and_unknown_fields(decoder: FeatureDecoder) -> None:
    values = json.dumps(MALIGNANT)
    body = f'{{"features": {values}, "features": {values}, "id": 1}}'
    problem = refusal(decoder, body.encode())
    assert problem.errors == [
        FieldError("/features", None, "is given twice"),
        FieldError("/id", None, "is not a known field"),
    ]


def test_numbers_too_large_for_a_float_are_named(decoder: FeatureDecoder) -> None:
    for huge in ("1e999", "9" * 400, "9" * 5000):
        body = json.dumps({"features": MALIGNANT}).replace("17.99", huge)
        assert [error.pointer for error in refusal(decoder, body.encode()).errors] == [
            "/features/0"
        ]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "The body is not JSON: Expecting value, line 1, column 1."),
        (b'{"features": [1,}', "The body is not JSON: Expecting value, line 1, column 17."),
        (b'{"features": "\xff"}', "The body is not UTF-8 text."),
        (b"[" * 100_000, "The body is nested too deeply."),
    ],
)
def test_what_is_not_json(decoder: FeatureDecoder, body: bytes, detail: str) -> None:
    problem = refusal(decoder, body)
    assert (problem.kind, problem.detail) == ("malformed-json", detail)


def test_a_lone_surrogate_can_be_answered(decoder: FeatureDecoder) -> None:
    problem = refusal(decoder, rb'{"features": {"\ud800": 1}}')
    assert problem.errors[0] == FieldError("/features/?", None, "is not a feature")
    assert msgspec.json.encode(problem.errors)


def test_the_list_of_errors_is_bounded(decoder: FeatureDecoder) -> None:
    content = {f"unknown {number}": 1 for number in range(10_000)}
    problem = refusal(decoder, json.dumps({"features": content}).encode())
    assert len(problem.errors) == LISTED_ERRORS
    assert problem.detail.startswith("10030 fields are wrong or missing. The first 100")


KAGGLE = {
    ("_".join([*name.split()[1:], name.split()[0]]) if not name.endswith("error") else
     name.replace(" error", "_se")).replace(" ", "_"): value
    for name, value in MALIGNANT_BY_NAME.items()
}  # fmt: skip
UCI = {
    name.replace("_mean", "1").replace("_se", "2").replace("_worst", "3"): value
    for name, value in KAGGLE.items()
}


@pytest.mark.parametrize("names", [KAGGLE, UCI], ids=["Kaggle", "UCI"])
def test_names_are_understood_as_in_a_csv_file(
    decoder: FeatureDecoder, names: dict[str, float]
) -> None:
    assert len(names) == 30
    body = json.dumps({"features": names}).encode()
    assert decoder.decode(body).tolist() == MALIGNANT
    assert decoder.decode(b"\xef\xbb\xbf" + body).tolist() == MALIGNANT


def test_two_names_of_one_feature_are_one_too_many(decoder: FeatureDecoder) -> None:
    found = errors(decoder, {"features": {**MALIGNANT_BY_NAME, "radius_mean": 1}})
    assert list(found.values()) == [
        FieldError("/features/radius_mean", "mean radius", "is given twice")
    ]


def test_a_suggestion_names_the_feature_that_is_meant(decoder: FeatureDecoder) -> None:
    found = errors(decoder, {"features": {f"{name}s": 1 for name in KAGGLE}})
    for name, feature in zip(KAGGLE, FEATURE_NAMES, strict=True):
        assert found[f"/features/{name}s"].detail == f"is not a feature; is {feature!r} meant?"

"""Probabilities for people: none is shown as certain."""

import pytest

from bc_model.manifest import Estimate
from web.formatting import (
    about_100,
    of_100,
    percent,
    probability,
    sentence,
    share_with_interval,
    span,
    span_of_100,
)


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        (0, "< 0.1 %"), (0.00049, "< 0.1 %"), (0.0005, "0.1 %"), (0.125, "12.5 %"),
        (0.99949, "99.9 %"), (0.9995, "> 99.9 %"), (1, "> 99.9 %"),
    ],
)  # fmt: skip
def test_percent_never_reaches_0_or_100(share: float, expected: str) -> None:
    assert plain(percent(share)) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.125, 0.2251, "12 to 23 %"),
        (0.125, 0.2249, "12.5 to 22.5 %"),
        (0.001, 0.999, "< 1 to > 99 %"),
        (0.0001, 0.02, "< 0.1 to 2.0 %"),
        (0.99, 0.99999, "99.0 to > 99.9 %"),
        (0.9999, 0.99999, "> 99.9 %"),
    ],
)
def test_an_interval_has_its_ends(low: float, high: float, expected: str) -> None:
    assert plain(span(low, high)) == expected


@pytest.mark.parametrize(
    ("probability", "expected"),
    [
        (0.0049, "fewer than 1"), (0.005, "fewer than 1"), (0.0051, "1"), (0.54, "54"),
        (0.9949, "99"), (0.995, "more than 99"),
    ],
)  # fmt: skip
def test_natural_frequencies(probability: float, expected: str) -> None:
    assert of_100(probability) == expected


@pytest.mark.parametrize(
    ("share", "low", "high", "expected"),
    [
        (0.5401, 0.24, 0.861, "54 %"), (0.9864, 0.953, 0.993, "98.6 %"),
        (0.0049, 0.001, 0.2, "< 1 %"), (0.995, 0.8, 0.999, "> 99 %"), (0.9949, 0.8, 0.999, "99 %"),
    ],
)  # fmt: skip
def test_a_probability_is_as_exact_as_its_interval(
    share: float, low: float, high: float, expected: str
) -> None:
    assert plain(probability(share, low, high)) == expected


@pytest.mark.parametrize(
    ("probability", "expected"),
    [(0.001, "fewer than 1"), (0.01, "about 1"), (0.54, "about 54"), (0.999, "more than 99")],
)
def test_only_a_plain_number_is_approximate(probability: float, expected: str) -> None:
    assert about_100(probability) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.24, 0.86, "24 to 86"),
        (0.98, 0.999, "98 to more than 99"),
        (0.997, 0.999, "more than 99"),
        (0.011, 0.012, "1"),
        (0.0001, 0.001, "fewer than 1"),
    ],
)
def test_equal_ends_of_frequencies_are_said_once(low: float, high: float, expected: str) -> None:
    assert span_of_100(low, high) == expected


def test_a_sentence_keeps_its_other_capitals() -> None:
    assert sentence("is not UTF-8") == "Is not UTF-8"
    assert sentence("") == ""


def test_a_measured_share_has_its_interval() -> None:
    assert share_with_interval(Estimate(0.9704, 0.938, 0.9861)) == "97.0 % (93.8 to 98.6)"

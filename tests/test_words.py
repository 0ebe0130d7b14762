"""Probabilities in words: nothing is said to be certain."""

import pytest

from bc_model.artifact import Figure
from web.words import measured, of_100, percent, span


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
        (0.1, 0.9, "10.0 to 90.0 %"),
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


def test_a_measured_share_has_its_interval() -> None:
    assert measured(Figure(0.9704, 0.938, 0.9861)) == "97.0 % (93.8 to 98.6)"

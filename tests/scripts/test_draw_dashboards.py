"""The pictures of dashboards: zeros, equal series and gaps are drawn so that they are visible."""

from collections.abc import Iterator

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scripts.draw_dashboards import DRAWN, Series

PANEL = {"fieldConfig": {"defaults": {"unit": "none"}}}


@pytest.fixture
def axes() -> Iterator[Axes]:
    """Where a panel is drawn."""
    figure = Figure()
    yield figure.add_subplot()
    figure.clear()


def series(name: str, value: float) -> Series:
    return Series(name, np.arange(-9.0, 1), np.full(10, value))


def test_a_series_of_zeros_lies_above_the_axis(axes: Axes) -> None:
    DRAWN["timeseries"](axes, PANEL, [series("a", 0)])
    bottom, top = axes.get_ylim()
    assert bottom < 0 < top


def test_of_two_equal_series_both_are_seen(axes: Axes) -> None:
    DRAWN["timeseries"](axes, PANEL, [series("a", 1), series("b", 1)])
    assert len({line.get_linestyle() for line in axes.lines}) == 2


def test_where_nothing_was_there_is_no_empty_axis(axes: Axes) -> None:
    DRAWN["state-timeline"](axes, PANEL, [])
    assert not axes.axison
    assert [text.get_text() for text in axes.texts] == ["nothing"]

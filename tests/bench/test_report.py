"""The table has medians and the ratios of each round; the page is of the versions in the locks."""

import pytest

from bench.measure import CONNECTIONS, Load, Results
from bench.report import PAGE, PLOT, ratios, row, versions
from bench.servers import OURS, PEERS, file, requirements


@pytest.fixture
def results() -> Results:
    """Three rounds, in the second of which the machine was half as fast."""
    limits = [Load(rate, 0.06, 2, 30) for rate in (30_000, 15_000, 30_000)]
    loads = [Load(rate, 0.25, 3, 70) for rate in (15_000, 7_500, 12_000)]
    return Results(
        loads=dict.fromkeys((1, *CONNECTIONS), loads),
        limits=dict.fromkeys((1, *CONNECTIONS), limits),
        starts=[0.5, 0.3, 0.4],
        megabytes=64.4,
    )


def test_a_ratio_is_of_one_round(results: Results) -> None:
    assert ratios(results, 16) == [0.5, 0.5, 0.4]


def test_a_row_has_medians_and_the_range_of_the_ratios(results: Results) -> None:
    assert row(OURS, results) == [
        "this service, with everything on",
        "12,000, 0.500 (0.400 to 0.500)", "12,000, 0.500 (0.400 to 0.500)",
        "70", "0.25 and 3.00", "1.5 ×", "0.40", "64",
    ]  # fmt: skip


@pytest.mark.parametrize("peer", PEERS)
def test_the_page_is_of_what_is_locked_now(peer: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert f"| {PEERS[peer]} |" in page
    assert f"- {PEERS[peer]}: {versions(peer)}\n" in page
    assert PEERS[peer] in PLOT.read_text(encoding="utf-8")
    assert file(peer).exists()
    assert requirements(peer).exists()

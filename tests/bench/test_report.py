"""The table has medians and the ratios of each round; the page is of the versions in the locks."""

import numpy as np
import pytest

from bc_model.manifest import Manifest
from bench.measure import CONNECTIONS, Load, Results
from bench.own import FORMATS, SIZES, Own, body
from bench.report import PAGE, PLOT, own_tables, ratios, row, versions
from bench.servers import CASE, OURS, PEERS, file, requirements
from web.batch import BatchDecoder


@pytest.fixture
def results() -> Results:
    """Three rounds, in the second of which the machine was half as fast."""
    limits = [Load(rate, 0.06, 2, 30) for rate in (30_000, 15_000, 30_000)]
    loads = [Load(rate, 0.25, 3, 70) for rate in (15_000, 7_500, 12_000)]
    return Results(
        loads=dict.fromkeys((1, *CONNECTIONS), loads),
        limits=dict.fromkeys((1, *CONNECTIONS), limits),
        halves=[Load(7_000, 0.5, 1.5, 80)] * 3,
        starts=[0.5, 0.3, 0.4],
        megabytes=64.4,
    )


def test_a_ratio_is_of_one_round(results: Results) -> None:
    assert ratios(results, 16) == [0.5, 0.5, 0.4]


def test_a_row_has_medians_and_the_range_of_the_ratios(results: Results) -> None:
    assert row(OURS, results) == [
        "this service, with everything on",
        "12,000, 0.500 (0.400 to 0.500)", "12,000, 0.500 (0.400 to 0.500)",
        "70", "0.25 and 3.00", "1.5 ×", "0.50 and 1.50", "0.40", "64",
    ]  # fmt: skip


def test_what_only_this_service_answers_is_in_tables() -> None:
    own = Own({"NPY": [1000.4, 90_000, 160_000]}, {"the page": 0.00404, "training": 21.23})
    growth = [["455", "40", "2.5"]]
    rows, times, steps, grown = own_tables(own, {"score": 20.06}, growth).split("\n\n")
    assert rows.splitlines()[-1] == "| NPY | 1,000 | 90,000 | 160,000 |"
    assert times.splitlines()[-2:] == ["| the page | 4.0 ms |", "| training | 21.2 s |"]
    assert steps.splitlines()[-1] == "| score | 20.1 |"
    assert grown.splitlines()[-1] == "| 455 | 40 | 2.5 |"


@pytest.mark.parametrize("media_type", FORMATS.values())
@pytest.mark.parametrize("size", SIZES)
def test_a_batch_that_is_measured_has_the_cases_it_should(
    manifest: Manifest, media_type: str, size: int
) -> None:
    X = BatchDecoder(manifest.features, max(SIZES)).decode(media_type, body(media_type, size)).X
    assert X.shape == (size, 30)
    assert X[0] == pytest.approx(np.round(CASE, 4), rel=1e-6)


@pytest.mark.parametrize("peer", PEERS)
def test_the_page_is_of_what_is_locked_now(peer: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert f"| {PEERS[peer].name} |" in page
    assert f"- {PEERS[peer].name}: {versions(peer)}\n" in page
    assert PEERS[peer].name in PLOT.read_text(encoding="utf-8")
    assert file(peer).exists()
    assert requirements(peer).exists()

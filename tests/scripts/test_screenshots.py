"""docs/screenshots holds every page in each size and scheme, compressed."""

from PIL import Image

from scripts.screenshots import PAGES, SCHEMES, SIZES, SUMMARY, TARGET

MOST_BYTES = 400_000


def test_every_page_is_shown_in_each_size_and_scheme() -> None:
    expected = {
        f"{page}-{size}-{scheme}.png" for page in PAGES for size in SIZES for scheme in SCHEMES
    }
    assert {path.name for path in TARGET.iterdir()} == expected | {"print.png", "summary.png"}


def test_each_is_small_and_as_wide_as_its_window() -> None:
    for path in TARGET.iterdir():
        assert path.stat().st_size < MOST_BYTES
        with Image.open(path) as image:
            widths = [width for size, (width, _) in SIZES.items() if f"-{size}-" in path.name]
            assert image.width in (widths or [726, SUMMARY["width"]])

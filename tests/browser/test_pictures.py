"""The pictures in docs/screenshots show whole pages, down to the last line."""

import pytest
from PIL import Image
from playwright.sync_api import Page

from scripts.screenshots import PAGES, SIZES, TARGET


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["page", "result", "card"])
def test_a_picture_is_as_tall_as_its_page(page: Page, name: str, size: str) -> None:
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    PAGES[name](page)
    page.wait_for_load_state()
    tall: int = page.evaluate("document.documentElement.scrollHeight")
    with Image.open(TARGET / f"{name}-{size}-light.png") as image:
        assert image.height == pytest.approx(tall, rel=0.05)  # fonts differ

"""Write docs/screenshots: each page on a desktop and a phone, light and dark, and the print view.

``python -m scripts.screenshots`` takes them of a service that runs the model in
``artifacts/current``.
"""

import csv
import io
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from bc_model.artifact import load_reference, read_manifest
from scripts.running import ROOT, running_service

TARGET = ROOT / "docs" / "screenshots"
MODEL = ROOT / "artifacts" / "current"

SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
SCHEMES = ("light", "dark")
SUMMARY: ViewportSize = {"width": 1280, "height": 1312}
COLOURS = 128


def first_view(page: Page) -> None:
    """Open the empty form."""
    page.goto("/")


def result(page: Page) -> None:
    """Answer the borderline example."""
    page.goto("/?example=borderline")
    page.get_by_role("button", name="Classify").click()


def error(page: Page) -> None:
    """Leave one field of an example empty, and put a word into another."""
    page.goto("/?example=malignant")
    page.get_by_label("Mean texture").fill("")
    page.get_by_label("Area standard error").fill("large")
    page.get_by_role("button", name="Classify").click()


def batch(page: Page) -> None:
    """Send 20 of the unseen cases as a file, the last of them out of range."""
    reference = load_reference(MODEL, read_manifest(MODEL))
    text = io.StringIO()
    cases = reference.cases[reference.unseen][-20:]
    cases[-1, 1] = 99
    csv.writer(text).writerows(cases.tolist())
    page.goto("/batch")
    page.get_by_label("CSV file of cases").set_input_files(
        {"name": "cases.csv", "mimeType": "text/csv", "buffer": text.getvalue().encode()}
    )
    page.get_by_role("button", name="Show the results").click()


def card(page: Page) -> None:
    """Open the model card."""
    page.goto("/model/card")


PAGES: dict[str, Callable[[Page], None]] = {
    "page": first_view, "result": result, "error": error, "batch": batch, "card": card,
}  # fmt: skip


def main() -> None:
    """Write all of them, or only the pages named on the command line."""
    TARGET.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium")
    with (
        tempfile.TemporaryDirectory() as directory,
        running_service({"MODEL_DIR": str(MODEL)}, Path(directory) / "log") as client,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"]) as browser,
    ):
        base_url = str(client.base_url)
        for name in sys.argv[1:] or PAGES:
            for size in SIZES:
                for scheme in SCHEMES:
                    _write(browser, base_url, name, size, scheme)
        _write_print_view(browser, base_url)
        _write_summary(browser, base_url)


def _write(browser: Browser, base_url: str, name: str, size: str, scheme: str) -> None:
    width, height = SIZES[size]
    context = browser.new_context(
        base_url=base_url,
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    PAGES[name](page)
    page.wait_for_load_state()
    page.evaluate("scrollTo(0, 0)")
    _compress(page.screenshot(full_page=True), TARGET / f"{name}-{size}-{scheme}.png")
    context.close()


def _write_print_view(browser: Browser, base_url: str) -> None:
    """Show the result as it goes onto A4 paper within its margins, at 96 dots per inch."""
    page = browser.new_page(base_url=base_url, viewport={"width": 726, "height": 1054})
    result(page)
    page.wait_for_load_state()
    page.emulate_media(media="print")
    _compress(page.screenshot(full_page=True), TARGET / "print.png")
    page.close()


def _write_summary(browser: Browser, base_url: str) -> None:
    """Show the top of the result, as far as the reasons, for the README."""
    page = browser.new_page(base_url=base_url, viewport=SUMMARY)
    result(page)
    page.wait_for_load_state()
    page.evaluate("scrollTo(0, 0)")
    _compress(page.screenshot(), TARGET / "summary.png")
    page.close()


def _compress(png: bytes, path: Path) -> None:
    with Image.open(io.BytesIO(png)) as image:
        few = image.convert("RGB").quantize(
            COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
        )
        few.save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()

"""Many cases, in a real browser: a file in, a table and a download out."""

import csv
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from bc_model.__main__ import main
from bc_model.dataset import Dataset
from bc_model.features import FEATURE_NAMES
from tests.tables import write_rows


@pytest.fixture
def cases(dataset: Dataset, tmp_path: Path) -> Path:
    return write_rows(tmp_path / "cases.csv", [FEATURE_NAMES, *dataset.X.tolist()])


def test_569_rows_are_answered_as_the_command_does(
    either_page: Page, cases: Path, model_dir: Path, tmp_path: Path
) -> None:
    page = either_page
    page.goto("/")
    page.get_by_role("navigation").get_by_role("link", name="Many cases").click()
    page.get_by_label("CSV file of cases").set_input_files(cases)
    page.get_by_role("button", name="Show the results").click()
    expect(page.get_by_role("heading", name="569 cases:")).to_be_focused()
    expect(page.locator(".answers tbody tr:not(.notes)")).to_have_count(569)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as CSV").click()
    answers = tmp_path / "answers.csv"
    assert main(["predict", str(cases), "-o", str(answers), "--model", str(model_dir)]) == 0
    shown, written = (
        [(row["id"], row["verdict"]) for row in csv.DictReader(path.read_text().splitlines())]
        for path in (Path(download.value.path()), answers)
    )
    assert shown == written
    name = f"answers-cases-{datetime.now(UTC):%Y-%m-%d}.csv"
    assert download.value.suggested_filename == name


def test_bad_rows_are_named_and_the_file_can_be_sent_again(
    either_page: Page, dataset: Dataset, tmp_path: Path
) -> None:
    page = either_page
    rows: list[list[object]] = [list(x) for x in dataset.X[:5].tolist()]
    rows[1][2], rows[3] = "?", [1]
    page.goto("/batch")
    page.get_by_label("CSV file of cases").set_input_files(
        write_rows(tmp_path / "bad.csv", [FEATURE_NAMES, *rows])
    )
    page.get_by_role("button", name="Show the results").click()
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    expect(summary.get_by_role("listitem")).to_have_text(
        [
            "Line 3, column 'mean perimeter': '?' is not a number",
            "Line 5: has 1 cell, should have 30",
        ]
    )
    assert page.title().startswith("Error: ")
    summary.get_by_role("link").click()
    field = page.get_by_label("CSV file of cases")
    expect(field).to_be_focused()
    words = "2 fields in lines 3 and 5 are wrong or missing."
    expect(field).to_have_accessible_description(re.compile(f"^{re.escape(words)} A header row"))
    expect(page.locator("#cases-error")).to_have_text(words)


def test_no_file_is_an_error(either_page: Page) -> None:
    page = either_page
    page.goto("/batch")
    page.get_by_role("button", name="Show the results").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose a CSV file that is not empty.")


def test_results_can_be_downloaded_at_once(either_page: Page, cases: Path) -> None:
    page = either_page
    page.goto("/batch")
    page.get_by_label("CSV file of cases").set_input_files(cases)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download them as CSV").click()
    assert Path(download.value.path()).read_text(encoding="utf-8").count("\n") == 570

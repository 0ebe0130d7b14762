"""docs/original.md: CI runs the commands of its tables, and its links lead somewhere."""

import re

import pytest

from scripts.check_docs import steps
from tests.conftest import ROOT

PAGE = (ROOT / "docs/original.md").read_text(encoding="utf-8")
CI = (ROOT / ".ci/run").read_text(encoding="utf-8")


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("|")[1:-1]]


def rows(*header: str) -> list[list[str]]:
    """Return the cells of all rows below such a header."""
    tables = [table.splitlines() for table in re.findall(r"(?:^\|.*\|\n)+", PAGE, re.MULTILINE)]
    return [
        cells(line)
        for first, _, *others in tables
        if cells(first) == list(header)
        for line in others
    ]


def commands(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


ROWS = rows("the original", "here", "shown by", "what differs, and why")
NOT_RUN = {commands(command)[0]: why for command, why in rows("command", "why")}
SHOWN = {command for row in ROWS for command in commands(row[2])}
PAGES = [name for names in re.findall(r"check_docs\.py (.+)", CI) for name in names.split()]
RUN = [step.command for page in PAGES for step in steps((ROOT / page).read_text(encoding="utf-8"))]


def is_run(command: str) -> bool:
    """Tell whether CI runs ``command``, or a longer one that has it in it."""
    return any(f" {command} " in f" {longer} " for longer in RUN)


def test_ci_runs_the_page() -> None:
    assert "docs/original.md" in PAGES


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_row_says_where_it_is_and_shows_it(row: list[str]) -> None:
    original, here, shown, _ = row
    assert original
    assert here
    assert commands(shown)
    assert re.sub(r"`[^`]+`|<br>", "", shown) == ""


@pytest.mark.parametrize("command", sorted(SHOWN))
def test_command_is_run_or_said_not_to_be(command: str) -> None:
    assert is_run(command) != (command in NOT_RUN)


def test_what_is_not_run_is_shown_and_has_its_reason() -> None:
    assert set(NOT_RUN) <= SHOWN
    assert all(NOT_RUN.values())


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)", PAGE))))
def test_link_leads_to_a_file(link: str) -> None:
    assert (ROOT / "docs" / link).exists()

"""A client says in Accept that it prefers something other than JSON."""

import pytest

from web.requests import prefers

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("text/csv", True),
        ("Text/CSV; charset=utf-8", True),
        ("text/csv, */*", True),
        ("application/json;q=0.5, text/csv", True),
        ("application/json, text/csv;q=0.5", False),
        ("text/csv;q=0", False),
        ("text/csv;q=much", False),
    ],
)
def test_csv_is_sent_to_who_prefers_it(accept: str, expected: bool) -> None:
    assert prefers(accept, "text/csv") == expected


@pytest.mark.parametrize(
    ("accept", "expected"),
    [(BROWSER, True), ("*/*", False), ("application/json, text/html;q=0.9", False)],
)
def test_a_page_is_sent_to_a_browser(accept: str, expected: bool) -> None:
    assert prefers(accept, "text/html") == expected

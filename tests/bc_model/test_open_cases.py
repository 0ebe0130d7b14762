"""Opening files of cases: the error for a file that is not text says what it is instead."""

from pathlib import Path

import pytest

from bc_model.csv_cases import NOT_TEXT, open_cases
from bc_model.data_problems import DataError, Problem


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        pytest.param(None, "No such file or directory", id="missing"),
        pytest.param(
            "1,2".encode("utf-16"), "is UTF-16 text; save it as CSV in UTF-8", id="UTF-16"
        ),
        pytest.param(
            b"PK\x03\x04\xff",
            "is a zip archive, as .xlsx and .ods files are; save the sheet as CSV",
            id="spreadsheet",
        ),
        pytest.param(b"\x1f\x8b\x08", "is compressed; unpack it first", id="gzip"),
        pytest.param("1,2,3 µm\n".encode("latin-1"), NOT_TEXT, id="Latin-1"),
    ],
)
def test_files_that_are_no_text(tmp_path: Path, content: bytes | None, detail: str) -> None:
    path = tmp_path / "cases.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as caught, open_cases(path) as file:
        file.read()
    assert str(caught.value) == f"{path}: 1 problem\n  {detail}"
    assert caught.value.problems == [Problem(0, "", detail)]


def test_a_directory_is_no_file_of_cases(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"1 problem\n  Is a directory$"), open_cases(tmp_path):
        pass


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    path.write_text("1,2\r\n", encoding="utf-8-sig", newline="")
    with open_cases(path) as file:
        assert file.read() == "1,2\r\n"


def test_what_goes_wrong_elsewhere_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    path = tmp_path / "cases.csv"
    path.touch()
    with pytest.raises(OSError, match="disk full"), open_cases(path):
        raise OSError("disk full")

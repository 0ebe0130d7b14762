"""docs/data.md: what its tables say of names, numbers and labels is what happens."""

import io
import re
from pathlib import Path

import pytest

from bc_model.csv_cases import CaseReader
from bc_model.data_problems import DataError
from bc_model.dataset import Dataset, load_dataset
from bc_model.features import FEATURE_NAMES, canonical_name
from bc_model.number_format import read_numbers
from tests.conftest import ROOT
from tests.tables import write_rows

PAGE = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
VALUES = [f"{0.5 + number}" for number in range(30)]


def table(head: str) -> list[list[str]]:
    """Return the cells of the table whose first row starts with ``head``, without that row."""
    (rows,) = re.findall(rf"^\| {head} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows.splitlines()]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]*)`", cell)


@pytest.mark.parametrize(("feature", "names"), table("feature"))
def test_names_of_features(feature: str, names: str) -> None:
    assert quoted(names)
    assert {canonical_name(name) for name in quoted(names)} == {feature}


OTHERS = {what: quoted(columns) for columns, what in table("other column")}


def read(column: str, cell: str, *, first: bool = False) -> CaseReader:
    header = [column, *FEATURE_NAMES] if first else [*FEATURE_NAMES, column]
    row = [cell, *VALUES] if first else [*VALUES, cell]
    reader = CaseReader(io.StringIO("\n".join(map(",".join, (header, row)))), labelled=False)
    cases = list(reader)
    assert bool(cases) != bool(reader.problems)
    return reader


def test_names_of_other_columns() -> None:
    identifiers, labels, indexes, blank, _ = OTHERS.values()
    for name in identifiers:
        header = ",".join([name, *FEATURE_NAMES])
        (case,) = CaseReader(io.StringIO(f"{header}\nP-7,{','.join(VALUES)}"), labelled=False)
        assert case.identifier == "P-7"
    for name in labels:
        header = ",".join([name, *FEATURE_NAMES])
        (case,) = CaseReader(io.StringIO(f"{header}\nM,{','.join(VALUES)}"), labelled=False)
        assert case.label == "M"
    for name in [*indexes, ""]:
        assert not read(name, "7", first=True).problems
    for name in blank:
        assert not read(name, "").problems
        assert read(name, "7").problems


@pytest.mark.parametrize(("cell", "points", "commas", "neither"), table("cell"))
def test_numbers(cell: str, points: str, commas: str, neither: str) -> None:
    for mark, expected in ((".", points), (",", commas), ("", neither)):
        (value,) = read_numbers(quoted(cell), mark).values
        assert ("refused" if isinstance(value, str) else f"{value:g}") == expected


@pytest.mark.parametrize(("names", "labels", "what"), table("names of the columns"))
def test_labels(small: Dataset, tmp_path: Path, names: str, labels: str, what: str) -> None:
    of_scikit_learn = names.startswith("scikit-learn")
    header = (
        FEATURE_NAMES if of_scikit_learn else [name.replace(" ", "_") for name in FEATURE_NAMES]
    )
    found = quoted(labels)
    for pair in zip(found[::2], found[1::2], strict=True):
        rows = zip(small.y.tolist(), small.X.tolist(), strict=True)
        cells = [["target", *header], *([pair[target], *x] for target, x in rows)]
        path = write_rows(tmp_path / "cases.csv", cells)
        if what.startswith("read"):
            assert load_dataset(path).sha256 == small.sha256
        else:
            with pytest.raises(DataError, match="--malignant-label"):
                load_dataset(path)
            assert load_dataset(path, pair[0]).sha256 == small.sha256


def test_every_option_is_one_of_the_command_and_of_the_role() -> None:
    packages = ("bc_model", "studies")
    command = "".join((ROOT / name / "__main__.py").read_text("utf-8") for name in packages)
    role = (ROOT / "roles" / "model" / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    for option in set(re.findall(r"--[a-z][a-z-]+", PAGE)):
        assert f'"{option}"' in command
    for variable in set(re.findall(r"model_[a-z_]+", PAGE)):
        assert f"      {variable}:\n" in role

"""The first row of a CSV file, and what it says about the columns.

A header has the names of the thirty features in any order; beside them may be an id, a diagnosis,
the index that pandas and R write in front, and columns that are blank or left out on request.
Without a header, a row has the 30 values, or id, M or B, and the 30 values, as UCI's ``wdbc.data``
has. A header of numbers, which pandas writes for columns without names, counts these columns.
"""

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from bc_model.features import (
    FEATURE_COUNT,
    FEATURE_NAMES,
    canonical_name,
    name_key,
    nearest_name,
)
from bc_model.number_format import is_number

NOT_WDBC = (
    "has 32 cells of which the second is a number, not M or B, so which of them are the 30 values "
    "is not clear; send these alone, or a header row"
)
SHOWN_CELLS = 3

_IDENTIFIERS = {"id", "idnumber", "identifier", "case", "caseid", "patientid", "sampleid"}
_LABELS = {
    "diagnosis", "diagnosisresult", "givendiagnosis", "target", "label", "class", "type", "outcome",
    "result", "status", "y",
}  # fmt: skip
_INDEXES = {"", "x", "index", "row", "rownames"}

Note = Callable[[str, str], None]
"""Notes a problem of the first row: the column, and what is wrong."""


class Layout(NamedTuple):
    """Where the columns are; a row must have ``width`` cells.

    ``blank`` are the columns that may hold nothing. ``is_scikit_learn`` is whether all names,
    the label's included, are those of scikit-learn's own table.
    """

    columns: list[str]
    features: dict[str, int]
    identifier: int | None = None
    label: int | None = None
    blank: Sequence[int] = ()
    is_scikit_learn: bool = False

    @property
    def width(self) -> int:
        """How many cells a row must have."""
        return len(self.columns)


def _without_names(before: Sequence[str]) -> Layout:
    features = {name: len(before) + place for place, name in enumerate(FEATURE_NAMES)}
    places = {name: place for place, name in enumerate(before)}
    return Layout([*before, *FEATURE_NAMES], features, places.get("id"), places.get("diagnosis"))


_VALUES_ALONE, _WDBC = _without_names([]), _without_names(["id", "diagnosis"])


def is_header(row: Sequence[str]) -> bool:
    """Return whether ``row`` has names, or the numbers of columns, and no case."""
    return not any(map(is_number, row)) or _numbered(row) is not None


def _numbered(row: Sequence[str]) -> Layout | None:
    """Return the layout of a header that counts the columns from 0 or 1, or None."""
    index = row[:1] if name_key(row[0]) in _INDEXES else []
    numbers = row[len(index) :]
    for layout in (_VALUES_ALONE, _WDBC):
        for start in (0, 1):
            if numbers == [str(start + place) for place in range(layout.width)]:
                return _without_names([*index, *layout.columns[: layout.width - FEATURE_COUNT]])
    return None


def layout_without_header(row: Sequence[str], note: Note, *, labelled: bool) -> Layout | None:
    """Return the layout of a file whose first row is the case ``row``."""
    if len(row) == _WDBC.width:
        if labelled or not is_number(row[1]):
            return _WDBC
        note("", NOT_WDBC)
        return None
    if len(row) == FEATURE_COUNT and not labelled:
        return _VALUES_ALONE
    expected = "32 cells (id, M or B, 30 values)" + " or 30 values" * (not labelled)
    note("", f"has {counted(len(row))}; without a header row, needs {expected}")
    return None


def layout_of_header(
    header: Sequence[str], note: Note, *, labelled: bool, ignored: Collection[str] = ()
) -> Layout:
    """Return the layout that ``header`` gives.

    Columns called as ``ignored`` says are left out. Everything wrong is noted.
    """
    if numbered := _numbered(header):
        return numbered
    places: dict[str, int] = {}
    blank: list[int] = []
    left_out = {name_key(name) for name in ignored}
    for place, cell in enumerate(header):
        key = name_key(cell)
        is_index = place == 0 and (key in _INDEXES or key.startswith("unnamed"))
        if key in left_out or is_index:
            continue
        role = canonical_name(cell) or ("id" if key in _IDENTIFIERS else "")
        role = role or ("diagnosis" if key in _LABELS else "")
        if not role:
            blank.append(place)
        elif role not in places:
            places[role] = place
        elif role == "diagnosis":
            note(cell, f"stands beside {header[places[role]]!r}; leave one of them out")
        else:
            note(cell, "is twice in the header")
    for name in FEATURE_NAMES:
        if name not in places:
            note(name, "is missing from the header")
    for name in ignored:
        if name_key(name) not in map(name_key, header):
            note(name, "is not in the header, so it cannot be ignored")
    if labelled and "diagnosis" not in places:
        note("", "has no column of diagnoses (diagnosis, target, label, class, type or outcome)")
    label = places.get("diagnosis")
    names = {cell for place, cell in enumerate(header) if place not in blank}
    return Layout(
        columns=list(header),
        features={name: places[name] for name in FEATURE_NAMES if name in places},
        identifier=places.get("id"),
        label=label,
        blank=blank,
        is_scikit_learn=names.issuperset(FEATURE_NAMES)
        and label is not None
        and header[label].lower() == "target",
    )


def unknown(column: str) -> str:
    """Return what is wrong with a column that is not known, and not blank."""
    meant = nearest_name(column)
    return "is not a known column" + (f" (is {meant!r} meant?)" if meant else "") + "; remove it"


def counted(cells: int) -> str:
    """Return a number of cells in words."""
    return f"{cells} cell{'s' * (cells != 1)}"


def no_table(header: Sequence[str]) -> str:
    """Return what is wrong with a file whose ``header`` gives none of the names, or nothing."""
    if any(map(canonical_name, header)) or _numbered(header):
        return ""
    shown = ", ".join(repr(cell) for cell in header[:SHOWN_CELLS])
    more = f" and {len(header) - SHOWN_CELLS} more" * (len(header) > SHOWN_CELLS)
    return (
        f"has none of the thirty names in its first row, which holds {shown}{more}; "
        "a column is called like 'mean radius', 'radius_mean' or 'radius1'"
    )

"""What is wrong with a request's values: counted whole, listed in proportion."""

from collections.abc import Iterable

from web.problems import FieldError, ProblemError

LISTED_ERRORS = 100
"""How many errors one answer lists at most, so that it stays in proportion."""


class Errors:
    """Collects errors; ``row`` is the one that those to come belong to, 0 for the whole body."""

    def __init__(self, unit: str = "row") -> None:
        """Call a row what its numbers count: ``row`` or ``line``."""
        self.row = 0
        self.count = 0
        self.listed: list[FieldError] = []
        self.unit = unit
        self._rows: dict[int, None] = {}

    def add(self, pointer: str, feature: str | None, detail: str) -> None:
        """Note what is wrong with the field that ``pointer`` leads to."""
        self.count += 1
        if self.row:
            self._rows[self.row] = None
            detail = f"{self.unit} {self.row}: {detail}"
        if len(self.listed) < LISTED_ERRORS:
            self.listed.append(FieldError(pointer, feature, detail))

    def summary(self) -> str:
        """Return how many fields are wrong, and in which rows: all of them, as ranges."""
        where = ""
        if self._rows:
            plural = "s" * (len(self._rows) > 1)
            where = f" in {self.unit}{plural} {_ranges(self._rows)}"
        are = "fields{} are" if self.count > 1 else "field{} is"
        listed = f" The first {LISTED_ERRORS} are listed." * (self.count > LISTED_ERRORS)
        return f"{self.count} {are.format(where)} wrong or missing.{listed}"

    def check(self) -> None:
        """Refuse the request if anything is wrong.

        Raises:
            ProblemError: at least one error was noted.
        """
        if self.count:
            raise ProblemError("invalid-values", self.summary(), self.listed)


def _ranges(numbers: Iterable[int]) -> str:
    """Return ascending ``numbers`` like ``2, 4 to 7 and 9``."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1][1:] = [number]
        else:
            ranges.append([number])
    *head, last = (" to ".join(map(str, ends)) for ends in ranges)
    return f"{', '.join(head)} and {last}" if head else last

"""Problems with a file of cases: each where it is, and many of one kind as one line."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

LISTED = 3
"""How many problems of one kind are listed; of more, these are the first."""


class Problem(NamedTuple):
    """A problem with the data: ``line`` counts from 1, 0 is the whole file.

    ``cell`` is what stands there; ``detail`` is the same for all problems of a kind.
    """

    line: int
    column: str
    detail: str
    cell: str = ""

    @property
    def text(self) -> str:
        """What is wrong, without where."""
        return f"{self.cell} {self.detail}".lstrip()

    @property
    def place(self) -> str:
        """Where it is wrong; empty for the whole file."""
        line = [f"line {self.line}"] * bool(self.line)
        return ", ".join(line + [f"column {self.column!r}"] * bool(self.column))

    def __str__(self) -> str:
        """Return the problem as one line of text."""
        return f"{self.place}: {self.text}" if self.place else self.text


class DataError(ValueError):
    """The data cannot be used; ``problems`` holds every reason."""

    def __init__(self, source: str, problems: list[Problem]) -> None:
        """Name the file and list its problems, the many of one kind in one line."""
        self.problems = problems
        heading = f"{source}: {len(problems)} problem{'s' * (len(problems) != 1)}"
        super().__init__("\n".join([heading, *(f"  {line}" for line in summary(problems))]))


def summary(problems: Sequence[Problem]) -> list[str]:
    """Return the problems as lines, the many of one kind in one line, where the first is."""
    kinds = defaultdict(list)
    for problem in problems:
        kinds[problem.detail].append(problem)
    lines = []
    for problem in problems:
        kind = kinds[problem.detail]
        if len(kind) <= LISTED:
            lines.append(str(problem))
        elif problem is kind[0]:
            lines.append(_together(kind))
    return lines


def _together(kind: Sequence[Problem]) -> str:
    detail, line = kind[0].detail, kind[0].line
    if all(problem.line == line for problem in kind):
        columns = ", ".join(repr(problem.column) for problem in kind)
        return f"line {line}: " * bool(line) + f"{detail}, {len(kind)} columns: {columns}"
    first = "; ".join(
        problem.place + f": {problem.cell}" * bool(problem.cell) for problem in kind[:LISTED]
    )
    return f"{detail}, {len(kind)} times; first on {first}"

"""Command-line arguments: numbers with bounds, and errors of one line."""

import argparse
from collections.abc import Callable
from typing import NoReturn, TypeVar

N = TypeVar("N", int, float)


class ArgumentParser(argparse.ArgumentParser):
    """Refuses bad arguments in one line, with exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Print the error without the usage, and exit."""
        self.exit(2, f"{self.prog}: {message} (`{self.prog} --help` lists the arguments)\n")


def number(
    kind: Callable[[str], N], is_allowed: Callable[[N], bool], otherwise: str
) -> Callable[[str], N]:
    """Return a parser of numbers; one that is not allowed is refused with ``otherwise``."""

    def parse(text: str) -> N:
        value = kind(text)
        if not is_allowed(value):
            raise argparse.ArgumentTypeError(f"{text} {otherwise}")
        return value

    parse.__name__ = "number"  # for argparse's own message about text that is not one
    return parse


seed = number(int, lambda value: 0 <= value < 2**32, f"is not between 0 and {2**32 - 1}")
"""A seed that NumPy and scikit-learn accept."""

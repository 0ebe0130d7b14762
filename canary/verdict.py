"""Define verdicts: their parts, and how findings add up to an outcome."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

Numbers = dict[str, float | int]


class Outcome(StrEnum):
    """What a part, and the whole, can come to; the first one found here decides."""

    FAIL = "fail"
    ERROR = "error"
    INCONCLUSIVE = "inconclusive"
    PASS = "pass"  # noqa: S105  a verdict, not a password


class Part(Struct, frozen=True):
    """One part of the verdict: its reason is one sentence, made of its ``numbers``."""

    name: str
    outcome: Outcome
    reason: str
    numbers: Numbers


class Verdict(Struct, frozen=True):
    """The outcome, and the parts that it comes from."""

    outcome: Outcome
    parts: list[Part]


class Finding(NamedTuple):
    """What one check of a part came to, and the words for it."""

    outcome: Outcome
    words: str


def decisive(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the outcome that decides; with none at all, PASS."""
    found = set(outcomes)
    return next((outcome for outcome in Outcome if outcome in found), Outcome.PASS)


def part(name: str, findings: list[Finding], numbers: Numbers) -> Part:
    """Return the part whose ``findings`` are these; the decisive ones are its reason."""
    outcome = decisive(finding.outcome for finding in findings)
    words = "; ".join(finding.words for finding in findings if finding.outcome is outcome)
    return Part(name, outcome, f"{words[0].upper()}{words[1:]}.", numbers)


def unmeasured(name: str, problem: str) -> Part:
    """Return the part that could not be judged because of ``problem``."""
    return part(name, [Finding(Outcome.ERROR, problem)], {})


def weigh(p: float, matters: bool, significance: float, suspicion: float) -> Outcome:
    """Return what a difference comes to: nothing, when it does not matter or may be chance."""
    if matters and p < significance:
        return Outcome.FAIL
    return Outcome.INCONCLUSIVE if matters and p < suspicion else Outcome.PASS

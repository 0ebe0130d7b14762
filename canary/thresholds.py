"""Define the thresholds of the judge, each with its default and the reason for it."""

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, Self, get_type_hints

import msgspec
from msgspec import Meta, Struct

Share = Annotated[float, Meta(gt=0, lt=1, extra={"must": "a number between 0 and 1"})]
Ratio = Annotated[float, Meta(gt=1, lt=1e6, extra={"must": "a number above 1"})]
Superiority = Annotated[float, Meta(gt=0.5, lt=1, extra={"must": "a number between 0.5 and 1"})]
Count = Annotated[int, Meta(ge=1, extra={"must": "a whole number of at least 1"})]
CountFromZero = Annotated[int, Meta(ge=0, extra={"must": "a whole number of at least 0"})]


class Thresholds(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every threshold of the judge; a difference counts when it is both large and beyond chance.

    Raises:
        ValueError: a value makes no sense; the message names every such one.
    """

    significance: Annotated[
        Share,
        "A difference between the tracks' traffic is proven, and fails, below this p-value: two "
        "steps with six tests each stay together near 1 run in 100, by chance alone, and the "
        "difference has to be large as well.",
    ] = 0.001
    suspicion: Annotated[
        Share,
        "Below this p-value a difference as large is suspected, and inconclusive: it takes ten "
        "times the evidence to blame the canary than to want a second look.",
    ] = 0.01
    min_requests: Annotated[
        Count,
        "Fewer requests, or predictions, of either track pass nothing; the first default step "
        "gives a canary 300, and 4 errors among 200 are suspect.",
    ] = 200
    max_restarts: Annotated[
        CountFromZero,
        "A container that runs well does not restart at all while it is tried.",
    ] = 0
    error_difference: Annotated[
        Share,
        "By how much the canary's error rate must be above the stable's to matter, and which "
        "share of its requests may be lost: half a point would eat a 99.5 % objective alone.",
    ] = 0.005
    error_ceiling: Annotated[
        Share,
        "An error rate above this fails even when the stable's is the same: nothing is promoted "
        "into an outage.",
    ] = 0.05
    latency_superiority: Annotated[
        Superiority,
        "Probability that a request to the canary takes longer than one to the stable, from "
        "which the difference matters; 0.5 is none, and 0.56, 0.64 and 0.71 are small, medium "
        "and large (Cohen's d of 0.2, 0.5 and 0.8).",
    ] = 0.6
    latency_ratio: Annotated[
        Ratio,
        "The canary's median must be this many times the stable's as well: pods of one image "
        "differed by 7 % when measured, and 1.5 times has to be seen.",
    ] = 1.25
    slow_share: Annotated[
        Share,
        "By how much the share of slow requests must be above the stable's to matter; slow is "
        "what takes latency_ratio times longer than 95 % of the stable's, so these are at most "
        "5 % and would double.",
    ] = 0.05
    label_difference: Annotated[
        Share,
        "By how much the share of malignant answers may differ: retrained models differ by less "
        "than 1 point, swapped labels by 25.",
    ] = 0.15
    score_distance: Annotated[
        Share,
        "How far the score distributions may be apart, as Wasserstein distance, that is in mean "
        "probability: good retrained models come to 0.009, a model of shuffled labels to 0.44.",
    ] = 0.15
    case_significance: Annotated[
        Share,
        "The p-value below which the labelled cases prove the canary worse: they are the same "
        "in each step, so this is one test.",
    ] = 0.01
    case_suspicion: Annotated[
        Share,
        "The p-value below which they make it suspect: models of other parameters differ, and a "
        "person should look at one in ten that seem worse.",
    ] = 0.1
    sensitivity_drop: Annotated[
        Share,
        "By how much sensitivity must fall to matter: five of the 212 malignant cases; another "
        "good C alone moves it by one.",
    ] = 0.02
    accuracy_drop: Annotated[
        Share,
        "By how much accuracy must fall to matter: six of 569 cases; another good C alone moves "
        "it by up to three.",
    ] = 0.01
    brier_increase: Annotated[
        Share,
        "By how much the Brier score must rise to matter: out of fold it rises from C = 1 to "
        "C = 0.5 by 0.0014, to an underfitted C = 0.3 by 0.0031, and to an overfitted C = 30 by "
        "0.0075.",
    ] = 0.0028
    max_disagreement: Annotated[
        Share,
        "Share of cases that the tracks may decide differently: good retrained models do in up "
        "to 1.1 %, and a person should see the reasons for more than four times that.",
    ] = 0.05
    min_unseen: Annotated[
        Count,
        "Fewer unseen cases of either class say nothing about a floor: one error among ten "
        "moves a share by 10 points.",
    ] = 10
    sensitivity_floor: Annotated[
        Share,
        "Least sensitivity over the unseen cases: at most 4 of 42 missed; a model with the "
        "cross-validated 0.970 falls below by chance in under 1 in 100, the present one misses "
        "1.",
    ] = 0.9
    specificity_floor: Annotated[
        Share,
        "Least specificity over the unseen cases: at most 7 of 72 wrongly called malignant; the "
        "present model does so for 3.",
    ] = 0.9
    brier_ceiling: Annotated[
        Share,
        "Largest Brier score over the unseen cases: 2.6 standard errors (of 0.009) above the "
        "cross-validated 0.0168; the present model has 0.022, the base rate alone 0.23.",
    ] = 0.04

    def __post_init__(self) -> None:
        """Refuse values that make no sense."""
        _values({name: getattr(self, name) for name in self.__struct_fields__})
        for prefix in ("", "case_"):
            low, high = f"{prefix}significance", f"{prefix}suspicion"
            if getattr(self, low) > getattr(self, high):
                raise ValueError(
                    f"{low} is {getattr(self, low):g}, above {high}, {getattr(self, high):g}: "
                    f"what is proven must be suspect"
                )

    @classmethod
    def merged(cls, overrides: Mapping[str, object]) -> Self:
        """Return the defaults with ``overrides``; numbers may be written as text.

        Raises:
            ValueError: a name is unknown, or a value makes no sense; every such one is named.
        """
        return cls(**_values(overrides))


def described() -> list[tuple[str, float | int, str]]:
    """Return each threshold's name, default and reason."""
    defaults = Thresholds()
    return [
        (name, getattr(defaults, name), kind.__metadata__[-1]) for name, kind in _kinds().items()
    ]


def _kinds() -> dict[str, Any]:
    """Return the annotations: each with its bounds and what it must be, and with its reason."""
    return get_type_hints(Thresholds, include_extras=True)


def _values(given: Mapping[str, object]) -> dict[str, Any]:
    kinds, values, errors = _kinds(), {}, []
    for name, value in given.items():
        if name not in kinds:
            meant = difflib.get_close_matches(name, kinds, 1)
            hint = f"is {meant[0]} meant?" if meant else f"known are {', '.join(kinds)}"
            errors.append(f"{name} is not a threshold; {hint}")
            continue
        try:
            values[name] = msgspec.convert(value, kinds[name], strict=False)
        except msgspec.ValidationError:
            errors.append(
                f"{name} must be {kinds[name].__metadata__[0].extra['must']}, not {value!r}"
            )
    if errors:
        raise ValueError("; ".join(errors))
    return values

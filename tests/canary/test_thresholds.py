"""The judge's thresholds: the values they may have, and the errors for all others."""

import msgspec
import pytest

from canary.thresholds import Thresholds, described

NAMES = Thresholds.__struct_fields__


def test_overrides_are_merged_over_the_defaults() -> None:
    merged = Thresholds.merged({"min_requests": 50, "error_ceiling": 0.1})
    assert (merged.min_requests, merged.error_ceiling) == (50, 0.1)
    assert Thresholds.merged({}) == Thresholds()
    assert msgspec.structs.replace(merged, min_requests=200, error_ceiling=0.05) == Thresholds()


def test_numbers_may_be_text_as_on_ansibles_command_line() -> None:
    assert Thresholds.merged({"min_requests": "50", "error_ceiling": "0.1"}) == Thresholds(
        min_requests=50, error_ceiling=0.1
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"suspition": 0.1}, "suspition is not a threshold; is suspicion meant?"),
        ({"x": 1}, f"x is not a threshold; known are {', '.join(NAMES)}"),
        ({"error_ceiling": 5}, "error_ceiling must be a number between 0 and 1, not 5"),
        ({"error_ceiling": "5%"}, "error_ceiling must be a number between 0 and 1, not '5%'"),
        ({"error_ceiling": None}, "error_ceiling must be a number between 0 and 1, not None"),
        (
            {"error_ceiling": float("nan")},
            "error_ceiling must be a number between 0 and 1, not nan",
        ),
        ({"latency_ratio": 1}, "latency_ratio must be a number above 1, not 1"),
        (
            {"latency_superiority": 0.5},
            "latency_superiority must be a number between 0.5 and 1, not 0.5",
        ),
        ({"min_requests": 0}, "min_requests must be a whole number of at least 1, not 0"),
        ({"min_requests": 2.5}, "min_requests must be a whole number of at least 1, not 2.5"),
        ({"max_restarts": -1}, "max_restarts must be a whole number of at least 0, not -1"),
        (
            {"min_requests": 0, "y": 1, "slow_share": 1},
            "min_requests must be a whole number of at least 1, not 0; y is not a threshold; "
            f"known are {', '.join(NAMES)}; slow_share must be a number between 0 and 1, not 1",
        ),
        (
            {"significance": 0.02},
            "significance is 0.02, above suspicion, 0.01: what is proven must be suspect",
        ),
        (
            {"case_suspicion": 0.001},
            "case_significance is 0.01, above case_suspicion, 0.001: what is proven must be "
            "suspect",
        ),
    ],
)
def test_every_wrong_override_is_named(given: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=r"^.*$") as caught:
        Thresholds.merged(given)
    assert str(caught.value) == message


def test_no_way_leads_to_senseless_limits() -> None:
    with pytest.raises(ValueError, match="error_ceiling must be"):
        Thresholds(error_ceiling=5)
    with pytest.raises(msgspec.ValidationError, match="unknown field `nothing`"):
        msgspec.json.decode(b'{"nothing": 1}', type=Thresholds)


def test_every_limit_has_a_default_and_a_reason() -> None:
    assert [name for name, _, _ in described()] == list(NAMES)
    for name, default, why in described():
        assert getattr(Thresholds(), name) == default
        assert why.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_every_limit_can_be_changed(name: str) -> None:
    default = getattr(Thresholds(), name)
    changed = default + 1 if isinstance(default, int) else default * 1.01
    assert getattr(Thresholds.merged({name: changed}), name) == changed

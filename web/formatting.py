"""Formats probabilities for people, with no more digits than their intervals allow."""

from bc_model.manifest import Estimate

WIDE = 0.1
"""The width of an interval beyond which a decimal of a percent says nothing."""


def percent(share: float, decimals: int = 1) -> str:
    """Return ``share`` in percent; never 0 or 100, which no model can know."""
    least = 10.0**-decimals
    if 100 * share < least / 2:
        return f"<\N{NO-BREAK SPACE}{least:g}\N{NO-BREAK SPACE}%"
    if 100 * share >= 100 - least / 2:
        return f">\N{NO-BREAK SPACE}{100 - least:g}\N{NO-BREAK SPACE}%"
    return f"{100 * share:.{decimals}f}\N{NO-BREAK SPACE}%"


def probability(share: float, low: float, high: float) -> str:
    """Return a probability in percent, as exactly as its interval allows."""
    return percent(share, _decimals(low, high))


def span(low: float, high: float) -> str:
    """Return an interval in percent, as exactly as its width allows."""
    first, last = (percent(end, _decimals(low, high)) for end in (low, high))
    return first if first == last else f"{first[:-2]} to {last}"


def of_100(probability: float) -> str:
    """Return the natural frequency: how many of 100 such cases."""
    if probability <= 0.005:
        return "fewer than 1"
    if probability >= 0.995:
        return "more than 99"
    return f"{100 * probability:.0f}"


def about_100(probability: float) -> str:
    """Return the natural frequency; a plain number is called approximate."""
    number = of_100(probability)
    return f"about {number}" if number.isdigit() else number


def span_of_100(low: float, high: float) -> str:
    """Return an interval of natural frequencies."""
    first, last = of_100(low), of_100(high)
    return first if first == last else f"{first} to {last}"


def share_with_interval(estimate: Estimate) -> str:
    """Return a measured share in percent with its interval."""
    return f"{100 * estimate.value:.1f} % ({100 * estimate.low:.1f} to {100 * estimate.high:.1f})"


def sentence(text: str) -> str:
    """Return ``text`` with a capital at its beginning, and otherwise as it is."""
    return text[:1].upper() + text[1:]


def _decimals(low: float, high: float) -> int:
    return 0 if high - low > WIDE else 1

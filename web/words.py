"""Probabilities in words and numbers that promise no more than they hold."""

from bc_model.artifact import Figure
from bc_model.classifier import Answer


def percent(share: float) -> str:
    """Return ``share`` in percent with a decimal; never 0 or 100, which no model can know."""
    if share < 0.0005:
        return "<\N{NO-BREAK SPACE}0.1\N{NO-BREAK SPACE}%"
    if share >= 0.9995:
        return ">\N{NO-BREAK SPACE}99.9\N{NO-BREAK SPACE}%"
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%"


def span(low: float, high: float) -> str:
    """Return an interval in percent."""
    first, last = percent(low), percent(high)
    if first == last:
        return first
    return f"{first[:-2]} to {last}"


def of_100(probability: float) -> str:
    """Return the natural frequency: how many of 100 such cases."""
    if probability <= 0.005:
        return "fewer than 1"
    if probability >= 0.995:
        return "more than 99"
    return f"{100 * probability:.0f}"


def measured(figure: Figure) -> str:
    """Return a measured share in percent with its interval."""
    return f"{100 * figure.value:.1f} % ({100 * figure.low:.1f} to {100 * figure.high:.1f})"


def verdict(answer: Answer) -> str:
    """Return the diagnosis, or that there is none to rely on."""
    sure = answer.has_basis and not answer.is_uncertain
    return answer.diagnosis if sure else "uncertain"

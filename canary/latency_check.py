"""How long requests take: a part of the verdict.

The service measures every request; the generator measures its own ones, and sees what happens
before the service takes a request up and after it has answered.
"""

from canary import tests
from canary.observation import GENERATED_STRATUM, histogram_problem, whole
from canary.tests import Pair, Table
from canary.thresholds import Thresholds
from canary.traffic_check import (
    Observations,
    Strata,
    both_tracks,
    strata,
    too_few,
    weigh_traffic,
)
from canary.verdict import Finding, Numbers, Outcome, Part, part, unmeasured

SLOW = 0.95
"""What share of the stable's requests a slow one is compared with."""


def latency(observations: Observations, thresholds: Thresholds) -> Part:
    """Judge all requests by rank and median, and the share of slow ones."""
    for stable, canary in both_tracks(observations):
        invalid = histogram_problem("latency", stable.latency, canary.latency)
        if invalid:
            return unmeasured("latency", invalid)
    by_stratum = strata(observations)
    is_generated = any(name.startswith(GENERATED_STRATUM) for name in by_stratum)
    pairs = tests.filled(
        Pair(stable.latency, canary.latency)
        for name, steps in by_stratum.items()
        for stable, canary in steps
        if name.startswith(GENERATED_STRATUM) or not is_generated
    )
    waits = tests.filled(
        Pair(stable.waits, canary.waits) for stable, canary in both_tracks(observations)
    )
    numbers: Numbers = {
        "stable_requests": sum(sum(pair.stable.counts) for pair in pairs),
        "canary_requests": sum(sum(pair.canary.counts) for pair in pairs),
    }
    findings = too_few(
        "latencies", numbers["stable_requests"], numbers["canary_requests"], thresholds
    )
    for name, found in (("", pairs), ("client_", waits)):
        if found:
            findings += [
                _typical(name, found, thresholds, numbers),
                _slow(name, found, thresholds, numbers),
            ]
    if len(by_stratum) > 1:
        findings += _slowest(by_stratum, thresholds, numbers)
    if not waits and whole(observations).sent:
        words = "what clients wait was not compared, as no answers of both tracks name them"
        findings.append(Finding(Outcome.PASS, words))
    return part("latency", findings, numbers)


def _slowest(by_stratum: Strata, thresholds: Thresholds, numbers: Numbers) -> list[Finding]:
    """Judge the kind of requests in which the canary is slowest, as ``_worst_errors`` does."""
    found = []
    for name, steps in by_stratum.items():
        pairs = tests.filled(Pair(stable.latency, canary.latency) for stable, canary in steps)
        if not pairs:
            continue
        bounds = pairs[0].stable.bounds
        median, before = (tests.quantile(bounds, counts, 0.5) for counts in tests.counts(pairs))
        superiority, p = tests.van_elteren(pairs)
        ratio = median / before
        is_small = (
            superiority <= thresholds.latency_superiority or ratio <= thresholds.latency_ratio
        )
        found.append((is_small, min(p * len(by_stratum), 1.0), name, median, ratio))
    if not found:
        return []
    is_small, p, name, median, ratio = min(found)
    numbers["slowest_p_value"] = p
    words = (
        f"the canary's median for {name} is {1000 * median:.3g} ms, {ratio:.2f} times the "
        f"stable's, p = {p:.2g} for the slowest of {len(found)}"
    )
    return [Finding(weigh_traffic(p, not is_small, thresholds), words)]


def _typical(name: str, pairs: list[Pair], thresholds: Thresholds, numbers: Numbers) -> Finding:
    bounds = pairs[0].stable.bounds
    median, stable_median = (tests.quantile(bounds, counts, 0.5) for counts in tests.counts(pairs))
    ratio = median / stable_median
    superiority, p = tests.van_elteren(pairs)
    numbers |= {
        f"{name}stable_median": stable_median,
        f"{name}canary_median": median,
        f"{name}median_ratio": ratio,
        f"{name}superiority": superiority,
        f"{name}p_value": p,
    }
    matters = superiority > thresholds.latency_superiority and ratio > thresholds.latency_ratio
    what = "clients' median wait for the canary" if name else "the canary's median"
    words = (
        f"{what} is {1000 * median:.3g} ms, {ratio:.2f} times the stable's, and its "
        f"requests are the slower ones in {superiority:.0%} of pairs, p = {p:.2g}"
    )
    return Finding(weigh_traffic(p, matters, thresholds), words)


def _slow(name: str, pairs: list[Pair], thresholds: Thresholds, numbers: Numbers) -> Finding:
    bounds = pairs[0].stable.bounds
    _, stable_counts = tests.counts(pairs)
    least = thresholds.latency_ratio * tests.quantile(bounds, stable_counts, SLOW)
    bound = next((bound for bound in bounds if bound >= least), bounds[-1])
    tables = [
        Table(
            tests.above(canary, bound),
            sum(canary.counts),
            tests.above(stable, bound),
            sum(stable.counts),
        )
        for stable, canary in pairs
    ]
    share, stable_share = tests.shares(tables)
    p = tests.fisher_exact(tables)
    numbers |= {
        f"{name}slow_seconds": bound,
        f"{name}stable_slow_share": stable_share,
        f"{name}canary_slow_share": share,
        f"{name}slow_p_value": p,
    }
    what = "clients' requests to the canary" if name else "the canary's requests"
    words = (
        f"{share:.1%} of {what} take more than {1000 * bound:.3g} ms, "
        f"{stable_share:.1%} of the stable's, p = {p:.2g}"
    )
    return Finding(
        weigh_traffic(p, share - stable_share > thresholds.slow_share, thresholds), words
    )

"""Three parts of the verdict, from the traffic: errors, latency, predictions.

In each step each track gets a random share of the same requests, so what differs there between
the tracks is the track's. Requests to different endpoints, and users' and generated ones, are not
the same, and are compared apart. A step in which a track has none compares nothing.
"""

from collections.abc import Sequence

from canary import tests
from canary.observation import (
    Cases,
    Observation,
    Stratum,
    Track,
    counts_problem,
    histogram_problem,
    labels_problem,
    whole,
)
from canary.tests import Pair, Table
from canary.thresholds import Thresholds
from canary.verdict import Finding, Numbers, Outcome, Part, part, unmeasured, weigh

SLOW = 0.95
"""What share of the stable's requests a slow one is compared with."""

Observations = Sequence[Observation]


def errors(observations: Observations, thresholds: Thresholds) -> Part:
    """Judge the share of requests that failed, and whether the canary's pods have stayed up."""
    for stable, canary in _tracks(observations):
        invalid = counts_problem("stable", stable)
        invalid = invalid or counts_problem("canary", canary)
        if invalid:
            return unmeasured("errors", invalid)
    by_stratum = _strata(observations)
    tables = [_failed(stable, canary) for pairs in by_stratum.values() for stable, canary in pairs]
    seen = whole(observations)
    numbers: Numbers = {
        "stable_requests": sum(table.stable_total for table in tables),
        "canary_requests": sum(table.total for table in tables),
        "stable_errors": sum(table.stable_hits for table in tables),
        "canary_errors": sum(table.hits for table in tables),
        "canary_restarts": seen.canary.restarts,
        "canary_down": seen.canary.down,
        "sent": seen.sent,
        "lost": seen.lost,
    }
    findings = _few("requests", numbers["stable_requests"], numbers["canary_requests"], thresholds)
    if seen.canary.restarts > thresholds.max_restarts:
        words = (
            f"the canary's containers restarted {_times(seen.canary.restarts)}, more than "
            f"{thresholds.max_restarts}"
        )
        findings.append(Finding(Outcome.FAIL, words))
    if seen.canary.down:
        words = f"at the end, {seen.canary.down} of the canary's pods were gone, or not ready"
        findings.append(Finding(Outcome.FAIL, words))
    if len(by_stratum) > 1:
        findings.append(_worst_errors(by_stratum, thresholds, numbers))
    if tables:
        findings += _error_rates(tables, thresholds, numbers)
    if seen.cases and seen.cases.targets:
        findings.append(_repeated(seen.cases, thresholds, numbers))
    if seen.lost:
        findings.append(_lost(observations, thresholds, numbers))
    return part("errors", findings, numbers)


GENERATED = "generated "
"""How the names of strata begin that are compared before all others."""

Strata = dict[str, list[tuple[Stratum, Stratum]]]
"""By name, the steps in which both tracks have such requests."""


def _strata(observations: Observations) -> Strata:
    found: Strata = {}
    for stable, canary in _tracks(observations):
        for name, theirs in canary.strata.items():
            ours = stable.strata.get(name)
            if ours and ours.requests and theirs.requests:
                found.setdefault(name, []).append((ours, theirs))
    return found


def _failed(stable: Stratum, canary: Stratum) -> Table:
    return Table(canary.errors, canary.requests, stable.errors, stable.requests)


def _worst_errors(by_stratum: Strata, thresholds: Thresholds, numbers: Numbers) -> Finding:
    """Judge the kind of requests in which the canary is worst, whatever its share of all.

    Its p-value is multiplied by the number of kinds that were looked at (Bonferroni).
    """
    found = []
    for name, pairs in by_stratum.items():
        tables = [_failed(*pair) for pair in pairs]
        rate, stable_rate = tests.shares(tables)
        p = min(tests.fisher_exact(tables) * len(by_stratum), 1.0)
        matters = rate - stable_rate > thresholds.error_difference
        found.append((not matters, p, name, tables, rate, stable_rate))
    is_small, p, name, tables, rate, stable_rate = min(found, key=lambda each: each[:3])
    numbers["worst_errors_p_value"] = p
    words = (
        f"{sum(table.hits for table in tables)} of the canary's "
        f"{sum(table.total for table in tables)} requests to {name} failed ({rate:.2%}), and "
        f"{stable_rate:.2%} of the stable's, p = {p:.2g} for the worst of {len(found)}"
    )
    return Finding(_weigh(p, not is_small, thresholds), words)


def _error_rates(tables: list[Table], thresholds: Thresholds, numbers: Numbers) -> list[Finding]:
    rate, stable_rate = tests.shares(tables)
    p = tests.fisher_exact(tables)
    numbers |= {"stable_rate": stable_rate, "canary_rate": rate, "p_value": p}
    requests, failed = numbers["canary_requests"], numbers["canary_errors"]
    words = (
        f"{failed} of the canary's {requests} requests failed ({rate:.2%}), and "
        f"{stable_rate:.2%} of the stable's, p = {p:.2g}"
    )
    outcome = _weigh(p, rate - stable_rate > thresholds.error_difference, thresholds)
    findings = [Finding(outcome, words)]
    if requests >= thresholds.min_requests and rate > thresholds.error_ceiling:
        p = tests.binomial(int(failed), int(requests), thresholds.error_ceiling)
        numbers["ceiling_p_value"] = p
        words = (
            f"{rate:.2%} of the canary's requests failed, above {thresholds.error_ceiling:.2%}, "
            f"p = {p:.2g}"
        )
        is_proven = p < thresholds.significance
        findings.append(Finding(Outcome.FAIL if is_proven else Outcome.INCONCLUSIVE, words))
    return findings


def _repeated(cases: Cases, thresholds: Thresholds, numbers: Numbers) -> Finding:
    """Compare how many requests for the labelled cases failed before each was answered."""
    failed, stable_failed = cases.canary_failures, cases.stable_failures
    total, stable_total = (len(cases.targets) + each for each in (failed, stable_failed))
    p = tests.fisher_exact([Table(failed, total, stable_failed, stable_total)])
    numbers |= {
        "stable_case_failures": stable_failed,
        "canary_case_failures": failed,
        "case_failures_p_value": p,
    }
    words = (
        f"{failed} of {total} requests for the labelled cases failed on the canary, "
        f"{stable_failed} of {stable_total} on the stable, p = {p:.2g}"
    )
    matters = failed / total - stable_failed / stable_total > thresholds.error_difference
    return Finding(_weigh(p, matters, thresholds), words)


def _lost(observations: Observations, thresholds: Thresholds, numbers: Numbers) -> Finding:
    """Weigh what was lost as if it were all the canary's: the client cannot tell whose it was."""
    tables = [
        Table(each.lost, each.canary.generated + each.lost, 0, each.stable.generated)
        for each in observations
    ]
    seen = whole(observations)
    share = seen.lost / (seen.canary.generated + seen.lost)
    p = tests.fisher_exact(tables)
    numbers |= {"lost_share": share, "lost_p_value": p}
    words = (
        f"{seen.lost} of {seen.sent} generated requests were lost ({'; '.join(seen.failures)}), "
        f"which may be {share:.2%} of the canary's"
    )
    if share <= thresholds.error_difference:
        return Finding(Outcome.PASS, words)
    is_proven = seen.lost == seen.sent or p < thresholds.suspicion
    return Finding(Outcome.ERROR if is_proven else Outcome.INCONCLUSIVE, words)


def latency(observations: Observations, thresholds: Thresholds) -> Part:
    """Judge how long requests take: all of them by rank and median, and the share of slow ones.

    The service measures every request; the generator measures its own ones, and sees what happens
    before the service takes a request up and after it has answered.
    """
    for stable, canary in _tracks(observations):
        invalid = histogram_problem("latency", stable.latency, canary.latency)
        if invalid:
            return unmeasured("latency", invalid)
    by_stratum = _strata(observations)
    is_generated = any(name.startswith(GENERATED) for name in by_stratum)
    pairs = tests.filled(
        Pair(stable.latency, canary.latency)
        for name, steps in by_stratum.items()
        for stable, canary in steps
        if name.startswith(GENERATED) or not is_generated
    )
    waits = tests.filled(
        Pair(stable.waits, canary.waits) for stable, canary in _tracks(observations)
    )
    numbers: Numbers = {
        "stable_requests": sum(sum(pair.stable.counts) for pair in pairs),
        "canary_requests": sum(sum(pair.canary.counts) for pair in pairs),
    }
    findings = _few("latencies", numbers["stable_requests"], numbers["canary_requests"], thresholds)
    for name, found in (("", pairs), ("client_", waits)):
        if found:
            findings += [
                _typical(name, found, thresholds, numbers),
                _slow(name, found, thresholds, numbers),
            ]
    if len(by_stratum) > 1:
        findings.append(_slowest(by_stratum, thresholds, numbers))
    if not waits and whole(observations).sent:
        words = "what clients wait was not compared, as no answers of both tracks name them"
        findings.append(Finding(Outcome.PASS, words))
    return part("latency", findings, numbers)


def _slowest(by_stratum: Strata, thresholds: Thresholds, numbers: Numbers) -> Finding:
    """Judge the kind of requests in which the canary is slowest, as ``_worst_errors`` does."""
    found = []
    for name, steps in by_stratum.items():
        pairs = tests.filled(Pair(stable.latency, canary.latency) for stable, canary in steps)
        if not pairs:
            continue
        bounds = pairs[0].stable.bounds
        ours, theirs = (tests.quantile(bounds, counts, 0.5) for counts in tests.counts(pairs))
        superiority, p = tests.van_elteren(pairs)
        p = min(p * len(by_stratum), 1.0)
        matters = (
            superiority > thresholds.latency_superiority
            and ours / theirs > thresholds.latency_ratio
        )
        found.append((not matters, p, name, ours, ours / theirs))
    is_small, p, name, median, ratio = min(found)
    numbers["slowest_p_value"] = p
    words = (
        f"the canary's median for {name} is {1000 * median:.3g} ms, {ratio:.2f} times the "
        f"stable's, p = {p:.2g} for the slowest of {len(found)}"
    )
    return Finding(_weigh(p, not is_small, thresholds), words)


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
    return Finding(_weigh(p, matters, thresholds), words)


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
    return Finding(_weigh(p, share - stable_share > thresholds.slow_share, thresholds), words)


def predictions(observations: Observations, thresholds: Thresholds) -> Part:
    """Judge what is answered: the mix of labels, and the distribution of scores.

    A retrained model is meant to answer a little differently, so this finds a canary that answers
    something else altogether; whether it answers better or worse is for the labelled cases to say.
    """
    for stable, canary in _tracks(observations):
        invalid = (
            labels_problem("stable", stable)
            or labels_problem("canary", canary)
            or histogram_problem("score", stable.probabilities, canary.probabilities)
        )
        if invalid:
            return unmeasured("predictions", invalid)
    tables = [_called_malignant(*tracks) for tracks in _tracks(observations)]
    tables = [table for table in tables if table.total and table.stable_total]
    pairs = tests.filled(
        Pair(stable.probabilities, canary.probabilities) for stable, canary in _tracks(observations)
    )
    total = sum(table.total for table in tables)
    stable_total = sum(table.stable_total for table in tables)
    scores = sum(sum(pair.canary.counts) for pair in pairs)
    stable_scores = sum(sum(pair.stable.counts) for pair in pairs)
    numbers: Numbers = {"stable_predictions": stable_total, "canary_predictions": total}
    findings = _few("predictions", min(stable_total, stable_scores), min(total, scores), thresholds)
    if tables:
        findings.append(_labels(tables, thresholds, numbers))
    if pairs:
        findings.append(_scores(pairs, thresholds, numbers))
    findings += _repeatability(whole(observations), numbers)
    return part("predictions", findings, numbers)


def _repeatability(seen: Observation, numbers: Numbers) -> list[Finding]:
    """Compare each generated answer with what its track answered to the same case before."""
    findings = []
    for name, track, outcome in (
        ("canary", seen.canary, Outcome.FAIL),
        ("stable", seen.stable, Outcome.ERROR),
    ):
        numbers |= {f"{name}_checked": track.checked, f"{name}_wrong": track.wrong}
        words = (
            f"{track.wrong} of {track.checked} generated cases were answered by the {name} "
            f"otherwise than before"
        )
        findings.append(Finding(outcome if track.wrong else Outcome.PASS, words))
    return findings


def _called_malignant(stable: Track, canary: Track) -> Table:
    called, stable_called = (each.predictions.get("malignant", 0) for each in (canary, stable))
    total, stable_total = (sum(each.predictions.values()) for each in (canary, stable))
    return Table(called, total, stable_called, stable_total)


def _labels(tables: list[Table], thresholds: Thresholds, numbers: Numbers) -> Finding:
    share, stable_share = tests.shares(tables)
    p = tests.fisher_exact(tables, "two-sided")
    numbers |= {"stable_malignant": stable_share, "canary_malignant": share, "label_p_value": p}
    words = f"the canary calls {share:.1%} malignant, the stable {stable_share:.1%}, p = {p:.2g}"
    return Finding(
        _weigh(p, abs(share - stable_share) > thresholds.label_difference, thresholds), words
    )


def _scores(pairs: list[Pair], thresholds: Thresholds, numbers: Numbers) -> Finding:
    p = tests.chi_squared(pairs)
    distance = tests.wasserstein(pairs[0].stable.bounds, *tests.counts(pairs))
    numbers |= {"score_distance": distance, "score_p_value": p}
    words = f"the scores' distributions are {distance:.3f} apart, p = {p:.2g}"
    return Finding(_weigh(p, distance > thresholds.score_distance, thresholds), words)


def _tracks(observations: Observations) -> list[tuple[Track, Track]]:
    return [(step.stable, step.canary) for step in observations]


def _weigh(p: float, matters: bool, thresholds: Thresholds) -> Outcome:
    return weigh(p, matters, thresholds.significance, thresholds.suspicion)


def _few(what: str, stable: float, canary: float, thresholds: Thresholds) -> list[Finding]:
    if min(stable, canary) >= thresholds.min_requests:
        return []
    words = (
        f"the canary has {canary} {what} and the stable {stable}, where each needs "
        f"{thresholds.min_requests}"
    )
    return [Finding(Outcome.INCONCLUSIVE, words)]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"

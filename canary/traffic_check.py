"""Two parts of the verdict, from the traffic: errors and predictions.

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

Observations = Sequence[Observation]


def errors(observations: Observations, thresholds: Thresholds) -> Part:
    """Judge the share of requests that failed, and whether the canary's pods have stayed up."""
    for stable, canary in both_tracks(observations):
        invalid = counts_problem("stable", stable)
        invalid = invalid or counts_problem("canary", canary)
        if invalid:
            return unmeasured("errors", invalid)
    by_stratum = strata(observations)
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
    findings = too_few(
        "requests", numbers["stable_requests"], numbers["canary_requests"], thresholds
    )
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


Strata = dict[str, list[tuple[Stratum, Stratum]]]
"""By name, the steps in which both tracks have such requests."""


def strata(observations: Observations) -> Strata:
    """Return the requests that both tracks have, by their kind."""
    found: Strata = {}
    for stable, canary in both_tracks(observations):
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
        is_small = rate - stable_rate <= thresholds.error_difference
        found.append((is_small, p, name, tables, rate, stable_rate))
    is_small, p, name, tables, rate, stable_rate = min(found, key=lambda each: each[:3])
    numbers["worst_errors_p_value"] = p
    words = (
        f"{sum(table.hits for table in tables)} of the canary's "
        f"{sum(table.total for table in tables)} requests to {name} failed ({rate:.2%}), and "
        f"{stable_rate:.2%} of the stable's, p = {p:.2g} for the worst of {len(found)}"
    )
    return Finding(weigh_traffic(p, not is_small, thresholds), words)


def _error_rates(tables: list[Table], thresholds: Thresholds, numbers: Numbers) -> list[Finding]:
    rate, stable_rate = tests.shares(tables)
    p = tests.fisher_exact(tables)
    numbers |= {"stable_rate": stable_rate, "canary_rate": rate, "p_value": p}
    requests, failed = numbers["canary_requests"], numbers["canary_errors"]
    words = (
        f"{failed} of the canary's {requests} requests failed ({rate:.2%}), and "
        f"{stable_rate:.2%} of the stable's, p = {p:.2g}"
    )
    outcome = weigh_traffic(p, rate - stable_rate > thresholds.error_difference, thresholds)
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
    return Finding(weigh_traffic(p, matters, thresholds), words)


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


def predictions(observations: Observations, thresholds: Thresholds) -> Part:
    """Judge what is answered: the mix of labels, and the distribution of scores.

    A retrained model is meant to answer a little differently, so this finds a canary that answers
    something else altogether; whether it answers better or worse is for the labelled cases to say.
    """
    for stable, canary in both_tracks(observations):
        invalid = (
            labels_problem("stable", stable)
            or labels_problem("canary", canary)
            or histogram_problem("score", stable.probabilities, canary.probabilities)
        )
        if invalid:
            return unmeasured("predictions", invalid)
    tables = [_called_malignant(*tracks) for tracks in both_tracks(observations)]
    tables = [table for table in tables if table.total and table.stable_total]
    pairs = tests.filled(
        Pair(stable.probabilities, canary.probabilities)
        for stable, canary in both_tracks(observations)
    )
    total = sum(table.total for table in tables)
    stable_total = sum(table.stable_total for table in tables)
    scores = sum(sum(pair.canary.counts) for pair in pairs)
    stable_scores = sum(sum(pair.stable.counts) for pair in pairs)
    numbers: Numbers = {"stable_predictions": stable_total, "canary_predictions": total}
    findings = too_few(
        "predictions", min(stable_total, stable_scores), min(total, scores), thresholds
    )
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
        weigh_traffic(p, abs(share - stable_share) > thresholds.label_difference, thresholds), words
    )


def _scores(pairs: list[Pair], thresholds: Thresholds, numbers: Numbers) -> Finding:
    p = tests.chi_squared(pairs)
    distance = tests.wasserstein(pairs[0].stable.bounds, *tests.counts(pairs))
    numbers |= {"score_distance": distance, "score_p_value": p}
    words = f"the scores' distributions are {distance:.3f} apart, p = {p:.2g}"
    return Finding(weigh_traffic(p, distance > thresholds.score_distance, thresholds), words)


def both_tracks(observations: Observations) -> list[tuple[Track, Track]]:
    """Return stable and canary of each step."""
    return [(step.stable, step.canary) for step in observations]


def weigh_traffic(p: float, matters: bool, thresholds: Thresholds) -> Outcome:
    """Return what a difference of the traffic comes to."""
    return weigh(p, matters, thresholds.significance, thresholds.suspicion)


def too_few(what: str, stable: float, canary: float, thresholds: Thresholds) -> list[Finding]:
    """Return the finding that too little was counted of a track, if it was."""
    if min(stable, canary) >= thresholds.min_requests:
        return []
    words = (
        f"the canary has {canary} {what} and the stable {stable}, where each needs "
        f"{thresholds.min_requests}"
    )
    return [Finding(Outcome.INCONCLUSIVE, words)]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"

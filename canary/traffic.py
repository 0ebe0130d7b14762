"""Three parts of the verdict, from the traffic: errors, latency, predictions.

In each window each track gets a random share of the same requests, so what differs there between
the tracks is the track's. A window in which a track has none compares nothing.
"""

from collections.abc import Sequence

from canary import statistics, validity
from canary.observation import Cases, Observation, Track
from canary.statistics import Pair, Table
from canary.thresholds import Thresholds
from canary.verdict import Finding, Numbers, Outcome, Part, part, unmeasured, weigh
from canary.windows import whole

SLOW = 0.95
"""What share of the stable's requests a slow one is compared with."""

Windows = Sequence[Observation]


def errors(windows: Windows, limits: Thresholds) -> Part:
    """Judge the share of requests that failed, and whether the canary's pods have stayed up."""
    for stable, canary in _tracks(windows):
        invalid = validity.counts_problem("stable", stable)
        invalid = invalid or validity.counts_problem("canary", canary)
        if invalid:
            return unmeasured("errors", invalid)
    tables = [
        Table(canary.errors, canary.requests, stable.errors, stable.requests)
        for stable, canary in _tracks(windows)
        if stable.requests and canary.requests
    ]
    seen = whole(windows)
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
    findings = _few("requests", numbers["stable_requests"], numbers["canary_requests"], limits)
    if seen.canary.restarts > limits.max_restarts:
        words = (
            f"the canary's containers restarted {_times(seen.canary.restarts)}, more than "
            f"{limits.max_restarts}"
        )
        findings.append(Finding(Outcome.FAIL, words))
    if seen.canary.down:
        words = f"at the end, {seen.canary.down} of the canary's pods were gone, or not ready"
        findings.append(Finding(Outcome.FAIL, words))
    if tables:
        findings += _error_rates(tables, limits, numbers)
    if seen.cases and seen.cases.targets:
        findings.append(_repeated(seen.cases, limits, numbers))
    if seen.lost:
        findings.append(_lost(windows, limits, numbers))
    return part("errors", findings, numbers)


def _error_rates(tables: list[Table], limits: Thresholds, numbers: Numbers) -> list[Finding]:
    rate, stable_rate = statistics.shares(tables)
    p = statistics.excess(tables)
    numbers |= {"stable_rate": stable_rate, "canary_rate": rate, "p_value": p}
    requests, failed = numbers["canary_requests"], numbers["canary_errors"]
    words = (
        f"{failed} of the canary's {requests} requests failed ({rate:.2%}), and "
        f"{stable_rate:.2%} of the stable's, p = {p:.2g}"
    )
    outcome = _weigh(p, rate - stable_rate > limits.error_difference, limits)
    findings = [Finding(outcome, words)]
    if requests >= limits.min_requests and rate > limits.error_ceiling:
        words = f"{rate:.2%} of the canary's requests failed, above {limits.error_ceiling:.2%}"
        findings.append(Finding(Outcome.FAIL, words))
    return findings


def _repeated(cases: Cases, limits: Thresholds, numbers: Numbers) -> Finding:
    """Compare how many requests for the labelled cases failed before each was answered."""
    failed, stable_failed = cases.canary_failures, cases.stable_failures
    total, stable_total = (len(cases.targets) + each for each in (failed, stable_failed))
    p = statistics.excess([Table(failed, total, stable_failed, stable_total)])
    numbers |= {
        "stable_case_failures": stable_failed,
        "canary_case_failures": failed,
        "case_failures_p_value": p,
    }
    words = (
        f"{failed} of {total} requests for the labelled cases failed on the canary, "
        f"{stable_failed} of {stable_total} on the stable, p = {p:.2g}"
    )
    matters = failed / total - stable_failed / stable_total > limits.error_difference
    return Finding(_weigh(p, matters, limits), words)


def _lost(windows: Windows, limits: Thresholds, numbers: Numbers) -> Finding:
    """Weigh what was lost as if it were all the canary's: the client cannot tell whose it was."""
    tables = [
        Table(each.lost, each.canary.generated + each.lost, 0, each.stable.generated)
        for each in windows
    ]
    seen = whole(windows)
    share = seen.lost / (seen.canary.generated + seen.lost)
    p = statistics.excess(tables)
    numbers |= {"lost_share": share, "lost_p_value": p}
    words = (
        f"{seen.lost} of {seen.sent} generated requests were lost ({'; '.join(seen.failures)}), "
        f"which may be {share:.2%} of the canary's"
    )
    if share <= limits.error_difference:
        return Finding(Outcome.PASS, words)
    is_proven = seen.lost == seen.sent or p < limits.suspicion
    return Finding(Outcome.ERROR if is_proven else Outcome.INCONCLUSIVE, words)


def latency(windows: Windows, limits: Thresholds) -> Part:
    """Judge how long requests take: all of them by rank and median, and the share of slow ones."""
    histograms = [Pair(stable.latency, canary.latency) for stable, canary in _tracks(windows)]
    for pair in histograms:
        invalid = validity.histogram_problem("latency", *pair)
        if invalid:
            return unmeasured("latency", invalid)
    pairs = statistics.filled(histograms)
    numbers: Numbers = {
        "stable_requests": sum(sum(pair.stable.counts) for pair in pairs),
        "canary_requests": sum(sum(pair.canary.counts) for pair in pairs),
    }
    findings = _few("latencies", numbers["stable_requests"], numbers["canary_requests"], limits)
    if pairs:
        findings += [_typical(pairs, limits, numbers), _slow(pairs, limits, numbers)]
    return part("latency", findings, numbers)


def _typical(pairs: list[Pair], limits: Thresholds, numbers: Numbers) -> Finding:
    bounds = pairs[0].stable.bounds
    median, stable_median = (
        statistics.quantile(bounds, counts, 0.5) for counts in statistics.counts(pairs)
    )
    ratio = median / stable_median
    superiority, p = statistics.superiority(pairs)
    numbers |= {
        "stable_median": stable_median,
        "canary_median": median,
        "median_ratio": ratio,
        "superiority": superiority,
        "p_value": p,
    }
    matters = superiority > limits.latency_superiority and ratio > limits.latency_ratio
    words = (
        f"the canary's median is {1000 * median:.3g} ms, {ratio:.2f} times the stable's, and its "
        f"requests are the slower ones in {superiority:.0%} of pairs, p = {p:.2g}"
    )
    return Finding(_weigh(p, matters, limits), words)


def _slow(pairs: list[Pair], limits: Thresholds, numbers: Numbers) -> Finding:
    bounds = pairs[0].stable.bounds
    _, stable_counts = statistics.counts(pairs)
    least = limits.latency_ratio * statistics.quantile(bounds, stable_counts, SLOW)
    bound = next((bound for bound in bounds if bound >= least), bounds[-1])
    tables = [
        Table(
            statistics.above(canary, bound),
            sum(canary.counts),
            statistics.above(stable, bound),
            sum(stable.counts),
        )
        for stable, canary in pairs
    ]
    share, stable_share = statistics.shares(tables)
    p = statistics.excess(tables)
    numbers |= {
        "slow_seconds": bound,
        "stable_slow_share": stable_share,
        "canary_slow_share": share,
        "slow_p_value": p,
    }
    words = (
        f"{share:.1%} of the canary's requests take more than {1000 * bound:g} ms, "
        f"{stable_share:.1%} of the stable's, p = {p:.2g}"
    )
    return Finding(_weigh(p, share - stable_share > limits.slow_share, limits), words)


def predictions(windows: Windows, limits: Thresholds) -> Part:
    """Judge what is answered: the mix of labels, and the distribution of scores.

    A retrained model is meant to answer a little differently, so this finds a canary that answers
    something else altogether; whether it answers better or worse is for the labelled cases to say.
    """
    for stable, canary in _tracks(windows):
        invalid = (
            validity.labels_problem("stable", stable)
            or validity.labels_problem("canary", canary)
            or validity.histogram_problem("score", stable.probabilities, canary.probabilities)
        )
        if invalid:
            return unmeasured("predictions", invalid)
    tables = [_called_malignant(*tracks) for tracks in _tracks(windows)]
    tables = [table for table in tables if table.total and table.stable_total]
    pairs = statistics.filled(
        Pair(stable.probabilities, canary.probabilities) for stable, canary in _tracks(windows)
    )
    total = sum(table.total for table in tables)
    stable_total = sum(table.stable_total for table in tables)
    scores = sum(sum(pair.canary.counts) for pair in pairs)
    stable_scores = sum(sum(pair.stable.counts) for pair in pairs)
    numbers: Numbers = {"stable_predictions": stable_total, "canary_predictions": total}
    findings = _few("predictions", min(stable_total, stable_scores), min(total, scores), limits)
    if tables:
        findings.append(_labels(tables, limits, numbers))
    if pairs:
        findings.append(_scores(pairs, limits, numbers))
    return part("predictions", findings, numbers)


def _called_malignant(stable: Track, canary: Track) -> Table:
    called, stable_called = (each.predictions.get("malignant", 0) for each in (canary, stable))
    total, stable_total = (sum(each.predictions.values()) for each in (canary, stable))
    return Table(called, total, stable_called, stable_total)


def _labels(tables: list[Table], limits: Thresholds, numbers: Numbers) -> Finding:
    share, stable_share = statistics.shares(tables)
    p = statistics.mix(tables)
    numbers |= {"stable_malignant": stable_share, "canary_malignant": share, "label_p_value": p}
    words = f"the canary calls {share:.1%} malignant, the stable {stable_share:.1%}, p = {p:.2g}"
    return Finding(_weigh(p, abs(share - stable_share) > limits.label_difference, limits), words)


def _scores(pairs: list[Pair], limits: Thresholds, numbers: Numbers) -> Finding:
    p = statistics.homogeneity(pairs)
    distance = statistics.distance(pairs[0].stable.bounds, *statistics.counts(pairs))
    numbers |= {"score_distance": distance, "score_p_value": p}
    words = f"the scores' distributions are {distance:.3f} apart, p = {p:.2g}"
    return Finding(_weigh(p, distance > limits.score_distance, limits), words)


def _tracks(windows: Windows) -> list[tuple[Track, Track]]:
    return [(window.stable, window.canary) for window in windows]


def _weigh(p: float, matters: bool, limits: Thresholds) -> Outcome:
    return weigh(p, matters, limits.significance, limits.suspicion)


def _few(what: str, stable: float, canary: float, limits: Thresholds) -> list[Finding]:
    if min(stable, canary) >= limits.min_requests:
        return []
    words = (
        f"the canary has {canary} {what} and the stable {stable}, where each needs "
        f"{limits.min_requests}"
    )
    return [Finding(Outcome.INCONCLUSIVE, words)]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"

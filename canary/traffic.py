"""Three parts of the verdict, from the traffic: errors, latency, predictions.

Each track gets a random share of the same requests, so what differs between them is the track's.
"""

from canary import statistics, validity
from canary.observation import Cases, Histogram, Observation, Track
from canary.thresholds import Thresholds
from canary.verdict import Finding, Numbers, Outcome, Part, part, unmeasured, weigh

SLOW = 0.95
"""What share of the stable's requests a slow one is compared with."""


def errors(observation: Observation, limits: Thresholds) -> Part:
    """Judge the share of requests that failed, and whether the canary's pods have stayed up."""
    stable, canary = observation.stable, observation.canary
    invalid = validity.counts_problem("stable", stable) or validity.counts_problem("canary", canary)
    if invalid:
        return unmeasured("errors", invalid)
    numbers: Numbers = {
        "stable_requests": stable.requests,
        "canary_requests": canary.requests,
        "stable_errors": stable.errors,
        "canary_errors": canary.errors,
        "canary_restarts": canary.restarts,
        "canary_down": canary.down,
        "sent": observation.sent,
        "lost": observation.lost,
    }
    findings = _few("requests", stable.requests, canary.requests, limits)
    if canary.restarts > limits.max_restarts:
        words = (
            f"the canary's containers restarted {_times(canary.restarts)}, more than "
            f"{limits.max_restarts}"
        )
        findings.append(Finding(Outcome.FAIL, words))
    if canary.down:
        words = f"at the end, {canary.down} of the canary's pods were gone, or not ready"
        findings.append(Finding(Outcome.FAIL, words))
    if stable.requests and canary.requests:
        findings += _error_rates(stable, canary, limits, numbers)
    if observation.cases and observation.cases.targets:
        findings.append(_repeated(observation.cases, limits, numbers))
    if observation.lost:
        findings.append(_lost(observation, limits, numbers))
    return part("errors", findings, numbers)


def _error_rates(
    stable: Track, canary: Track, limits: Thresholds, numbers: Numbers
) -> list[Finding]:
    rate, stable_rate = canary.errors / canary.requests, stable.errors / stable.requests
    p = statistics.excess(canary.errors, canary.requests, stable.errors, stable.requests)
    numbers |= {"stable_rate": stable_rate, "canary_rate": rate, "p_value": p}
    rates = (
        f"{canary.errors} of the canary's {canary.requests} requests failed ({rate:.2%}), "
        f"{stable.errors} of the stable's {stable.requests} ({stable_rate:.2%})"
    )
    outcome = _weigh(p, rate - stable_rate > limits.error_difference, limits)
    findings = [Finding(outcome, f"{rates}, p = {p:.2g}")]
    if canary.requests >= limits.min_requests and rate > limits.error_ceiling:
        words = f"{rate:.2%} of the canary's requests failed, above {limits.error_ceiling:.2%}"
        findings.append(Finding(Outcome.FAIL, words))
    return findings


def _repeated(cases: Cases, limits: Thresholds, numbers: Numbers) -> Finding:
    """Compare how many requests for the labelled cases failed before each was answered."""
    failed, stable_failed = cases.canary_failures, cases.stable_failures
    total, stable_total = (len(cases.targets) + each for each in (failed, stable_failed))
    p = statistics.excess(failed, total, stable_failed, stable_total)
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


def _lost(observation: Observation, limits: Thresholds, numbers: Numbers) -> Finding:
    """Weigh what was lost as if it were all the canary's: the client cannot tell whose it was."""
    sent, lost = observation.sent, observation.lost
    total = observation.canary.generated + lost
    p = statistics.excess(lost, total, 0, observation.stable.generated)
    numbers |= {"lost_share": lost / total, "lost_p_value": p}
    words = (
        f"{lost} of {sent} generated requests were lost ({'; '.join(observation.failures)}), "
        f"which may be {lost / total:.2%} of the canary's"
    )
    if lost / total <= limits.error_difference:
        return Finding(Outcome.PASS, words)
    is_proven = lost == sent or p < limits.suspicion
    return Finding(Outcome.ERROR if is_proven else Outcome.INCONCLUSIVE, words)


def latency(observation: Observation, limits: Thresholds) -> Part:
    """Judge how long requests take: all of them by rank and median, and the share of slow ones."""
    stable, canary = observation.stable.latency, observation.canary.latency
    invalid = validity.histogram_problem("latency", stable, canary)
    if invalid:
        return unmeasured("latency", invalid)
    numbers: Numbers = {
        "stable_requests": sum(stable.counts),
        "canary_requests": sum(canary.counts),
    }
    findings = _few("latencies", sum(stable.counts), sum(canary.counts), limits)
    if any(stable.counts) and any(canary.counts):
        findings += [
            _typical(stable, canary, limits, numbers),
            _slow(stable, canary, limits, numbers),
        ]
    return part("latency", findings, numbers)


def _typical(stable: Histogram, canary: Histogram, limits: Thresholds, numbers: Numbers) -> Finding:
    median, stable_median = (statistics.quantile(each, 0.5) for each in (canary, stable))
    ratio = median / stable_median
    superiority, p = statistics.superiority(canary, stable)
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


def _slow(stable: Histogram, canary: Histogram, limits: Thresholds, numbers: Numbers) -> Finding:
    least = limits.latency_ratio * statistics.quantile(stable, SLOW)
    bound = next((bound for bound in stable.bounds if bound >= least), stable.bounds[-1])
    total, stable_total = sum(canary.counts), sum(stable.counts)
    slow, stable_slow = statistics.above(canary, bound), statistics.above(stable, bound)
    share, stable_share = slow / total, stable_slow / stable_total
    p = statistics.excess(slow, total, stable_slow, stable_total)
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


def predictions(observation: Observation, limits: Thresholds) -> Part:
    """Judge what is answered: the mix of labels, and the distribution of scores.

    A retrained model is meant to answer a little differently, so this finds a canary that answers
    something else altogether; whether it answers better or worse is for the labelled cases to say.
    """
    stable, canary = observation.stable, observation.canary
    invalid = (
        validity.labels_problem("stable", stable)
        or validity.labels_problem("canary", canary)
        or validity.histogram_problem("score", stable.probabilities, canary.probabilities)
    )
    if invalid:
        return unmeasured("predictions", invalid)
    total, stable_total = (sum(each.predictions.values()) for each in (canary, stable))
    scores, stable_scores = (sum(each.probabilities.counts) for each in (canary, stable))
    numbers: Numbers = {"stable_predictions": stable_total, "canary_predictions": total}
    findings = _few("predictions", min(stable_total, stable_scores), min(total, scores), limits)
    if total and stable_total:
        findings.append(_labels(stable, canary, limits, numbers))
    if scores and stable_scores:
        findings.append(_scores(stable.probabilities, canary.probabilities, limits, numbers))
    return part("predictions", findings, numbers)


def _labels(stable: Track, canary: Track, limits: Thresholds, numbers: Numbers) -> Finding:
    called, stable_called = (each.predictions.get("malignant", 0) for each in (canary, stable))
    total, stable_total = (sum(each.predictions.values()) for each in (canary, stable))
    share, stable_share = called / total, stable_called / stable_total
    p = statistics.mix(called, total, stable_called, stable_total)
    numbers |= {"stable_malignant": stable_share, "canary_malignant": share, "label_p_value": p}
    words = f"the canary calls {share:.1%} malignant, the stable {stable_share:.1%}, p = {p:.2g}"
    return Finding(_weigh(p, abs(share - stable_share) > limits.label_difference, limits), words)


def _scores(stable: Histogram, canary: Histogram, limits: Thresholds, numbers: Numbers) -> Finding:
    p = statistics.homogeneity(stable, canary)
    distance = statistics.distance(stable, canary)
    numbers |= {"score_distance": distance, "score_p_value": p}
    words = f"the scores' distributions are {distance:.3f} apart, p = {p:.2g}"
    return Finding(_weigh(p, distance > limits.score_distance, limits), words)


def _weigh(p: float, matters: bool, limits: Thresholds) -> Outcome:
    return weigh(p, matters, limits.significance, limits.suspicion)


def _few(what: str, stable: int, canary: int, limits: Thresholds) -> list[Finding]:
    if min(stable, canary) >= limits.min_requests:
        return []
    words = (
        f"the canary has {canary} {what} and the stable {stable}, where each needs "
        f"{limits.min_requests}"
    )
    return [Finding(Outcome.INCONCLUSIVE, words)]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"

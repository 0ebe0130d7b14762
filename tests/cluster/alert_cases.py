"""Series that Prometheus may scrape, and the alerts that must fire: each has a near miss."""

from dataclasses import dataclass, field

Series = dict[str, str]


@dataclass(frozen=True)
class Case:
    """What is scraped every ``step`` minutes, and how many alerts fire after so many steps.

    ``misses`` names the alerts that are near to it, and are not to fire.
    """

    name: str
    series: Series
    after: int
    firing: dict[str, int] = field(default_factory=dict)
    misses: tuple[str, ...] = ()
    step: int = 1


def labelled(name: str, **labels: str) -> str:
    target = {"namespace": "n", "pod": "a", "version": "stable", "job": "breast-cancer-api"}
    pairs = ",".join(f'{key}="{value}"' for key, value in {**target, **labels}.items())
    return f"{name}{{{pairs}}}"


def up(value: str, **labels: str) -> Series:
    return {labelled("up", **labels): value}


def requests(good: str, failed: str = "0x500", **labels: str) -> Series:
    """Return requests to /predict, and two that take no part: a probe, and a scrape."""
    route = {"endpoint": "/predict", "method": "POST"}
    probes = {
        labelled(
            "app_requests_total", endpoint=path, method="GET", status="503", **labels
        ): "0+99x500"
        for path in ("/readyz", "/metrics")
    }
    return {
        **up("1x500", **labels),
        **probes,
        labelled("app_requests_total", status="200", **route, **labels): good,
        labelled("app_requests_total", status="500", **route, **labels): failed,
        labelled("app_generated_requests_total", status="200", **route, **labels): "0x500",
    }


def durations(
    fast: str, everything: str, bounds: tuple[str, str] = ("0.1", "0.5"), **labels: str
) -> Series:
    """Return a histogram with two bounds, in seconds; what is ``fast`` is below the first."""
    series = {}
    for name in ("app_request_duration_seconds", "app_generated_request_duration_seconds"):
        is_users = name.startswith("app_request_")
        for suffix, bound, values in (
            ("bucket", bounds[0], fast), ("bucket", bounds[1], everything),
            ("bucket", "+Inf", everything), ("count", "", everything),
        ):  # fmt: skip
            le = {"le": bound} if bound else {}
            series[labelled(f"{name}_{suffix}", endpoint="/predict", **le, **labels)] = (
                values if is_users else "0x500"
            )
    return {**up("1x500", **labels), **series}


def invalid(refused: str, everything: str) -> Series:
    return {
        **requests(everything),
        labelled("app_invalid_requests_total", reason="invalid-values"): refused,
    }


def both_tracks(canary: Series, stable: Series) -> Series:
    return {**stable, **canary}


def canary_requests(good: str, failed: str) -> Series:
    return requests(good, failed, pod="b", version="canary")


def canary_durations(
    fast: str, everything: str, bounds: tuple[str, str] = ("0.1", "0.5"), sent: str = "0+50x12"
) -> Series:
    durations_of_canary = durations(fast, everything, bounds, pod="b", version="canary")
    return {**canary_requests(sent, "0x12"), **durations_of_canary}


def values(
    counts: list[str],
    pod: str = "a",
    model: str = "m",
    reference: tuple[int, ...] = (25, 25, 25, 25),
    lasting: str = "{}x500",
) -> Series:
    """Return a feature with four bins, what training cases fell into them, and the threshold 20."""
    of_model = {"pod": pod, "model_version": model}
    series = {
        **up("1x500", pod=pod),
        labelled("app_model_info", exported_version="stable", **of_model): lasting.format(1),
        labelled("app_feature_drift_threshold", **of_model): lasting.format(20),
    }
    for number, (count, trained) in enumerate(zip(counts, reference, strict=True)):
        labels = {"feature": "mean radius", "bin": str(number), **of_model}
        series[labelled("app_feature_values_total", **labels)] = count
        series[labelled("app_feature_reference_values", **labels)] = lasting.format(trained)
    return series


def answers(low: str, everything: str) -> Series:
    """Return answers with the bounds 0.5 and 1; half of the 100 out of fold are low."""
    name, model = "app_probability_malignant", {"model_version": "m"}
    return {
        **up("1x500"),
        labelled("app_model_info", exported_version="stable", **model): "1x500",
        labelled(f"{name}_bucket", le="0.5", **model): low,
        labelled(f"{name}_bucket", le="1.0", **model): everything,
        labelled(f"{name}_count", **model): everything,
        labelled(f"{name}_reference_bucket", le="0.5", **model): "50x500",
        labelled(f"{name}_reference_bucket", le="1.0", **model): "100x500",
        labelled(f"{name}_reference_count", **model): "100x500",
        labelled("app_score_drift_threshold", **model): "1.8x500",
    }


def of_prometheus(metric: str, course: str) -> Series:
    return {**up("1x500"), f'{metric}{{namespace="n",job="prometheus"}}': course}


# Courses of requests of which 3, and 8, are counted within half an hour, the last of them just now.
THREE, EIGHT = "0x30 1x10 2x10 3x10", "0x30 2x5 4x5 6x5 8x5"
STABLE = requests("0+10000x12")
STABLE_DURATIONS = durations("0+99999x12", "0+99999x12")  # 95 % take up to 0.095 s
RELOADED = "prometheus_config_last_reload_successful"
EVALUATED = "prometheus_rule_evaluation_failures_total"

CASES = [
    # The budget is 0.5 %: 14.4 times that is 7.2 %, 6 times is 3 %, 3 times is 1.5 %. Good hours or
    # busy days before keep the alert's other pair of windows out of it.
    Case("8 % fail for an hour after five good ones",
         requests("0+100x150 15092+92x30", "0x150 8+8x30"), 181,
         {"AppFailingFast": 1, "AppFailing": 1}, step=2),
    Case("7 % fail for an hour after five good ones",
         requests("0+100x150 15093+93x30", "0x150 7+7x30"), 181,
         {"AppFailing": 1}, misses=("AppFailingFast",), step=2),
    Case("3.2 % fail for seven hours", requests("0+968x42", "0+32x42"), 42,
         {"AppFailingFast": 1, "AppFailing": 1}, step=10),
    Case("2.8 % fail for seven hours", requests("0+972x42", "0+28x42"), 42,
         {"AppFailing": 1}, misses=("AppFailingFast",), step=10),
    Case("40 % failed, and it has stopped", requests("0+60x60 3700+100x39", "0+40x60 2400x39"), 95,
         {"AppFailing": 1}, misses=("AppFailingFast",)),
    Case("8 of 16 requests of a night fail", requests(EIGHT, EIGHT), 50,
         {"AppFailing": 1}, misses=("AppFailingFast",)),
    Case("3 of 6 requests of a night fail", requests(THREE, THREE), 54,
         misses=("AppFailingFast", "AppFailing")),
    Case("a probe fails, all the time", requests("0+100x65"), 62,
         misses=("AppFailingFast", "AppFailing")),
    Case("1.6 % fail on a quiet day after two busy ones",
         requests("0+3000x96 288984+984x50", "0x96 16+16x50"), 146, {"AppFailing": 1}, step=30),
    Case("1.4 % fail on a quiet day after two busy ones",
         requests("0+3000x96 288986+986x50", "0x96 14+14x50"), 146, misses=("AppFailing",),
         step=30),
    Case("0.6 % fail for three days", requests("0+994x150", "0+6x150"), 146, {"AppFailing": 1},
         step=30),
    Case("0.4 % fail for three days", requests("0+996x150", "0+4x150"), 146,
         misses=("AppFailing",), step=30),
    # Here the budget is 1 %.
    Case("15 % are slow for an hour after five good ones",
         durations("0+100x150 15085+85x30", "0+100x181"), 181,
         {"AppSlowFast": 1, "AppSlow": 1}, step=2),
    Case("13 % are slow for an hour after five good ones",
         durations("0+100x150 15087+87x30", "0+100x181"), 181,
         {"AppSlow": 1}, misses=("AppSlowFast",), step=2),
    Case("6.5 % are slow for seven hours", durations("0+935x42", "0+1000x42"), 42,
         {"AppSlowFast": 1, "AppSlow": 1}, step=10),
    Case("5.5 % are slow for seven hours", durations("0+945x42", "0+1000x42"), 42,
         {"AppSlow": 1}, misses=("AppSlowFast",), step=10),
    Case("40 % were slow, and it has stopped", durations("0+60x60 3700+100x39", "0+100x100"), 95,
         {"AppSlow": 1}, misses=("AppSlowFast",)),
    Case("all 8 predictions of a night are slow", durations("0x60", EIGHT), 50,
         {"AppSlow": 1}, misses=("AppSlowFast",)),
    Case("all 3 predictions of a night are slow", durations("0x60", THREE), 54,
         misses=("AppSlowFast", "AppSlow")),
    Case("3.2 % are slow on a quiet day after two busy ones",
         durations("0+3000x96 288968+968x50", "0+3000x96 289000+1000x50"), 146, {"AppSlow": 1},
         step=30),
    Case("2.8 % are slow on a quiet day after two busy ones",
         durations("0+3000x96 288972+972x50", "0+3000x96 289000+1000x50"), 146,
         misses=("AppSlow",), step=30),
    Case("1.1 % are slow for three days", durations("0+989x150", "0+1000x150"), 146,
         {"AppSlow": 1}, step=30),
    Case("0.9 % are slow for three days", durations("0+991x150", "0+1000x150"), 146,
         misses=("AppSlow",), step=30),
    Case("a pod is down for two minutes", up("1x10 0x5"), 13, {"AppTargetDown": 1}),
    Case("a pod is down for one minute", up("1x10 0x1 1x10"), 12, misses=("AppTargetDown",)),
    Case("there is nothing for six minutes", up("1x10 stale"), 18, {"AppAbsent": 1}),
    Case("there is nothing for four minutes", up("1x10 stale"), 15, misses=("AppAbsent",)),
    Case("a process starts anew twice",
         {**up("1x60"), labelled("process_start_time_seconds"): "1x10 2x10 3x40"}, 55,
         {"AppRestarting": 1}),
    Case("a process starts anew once",
         {**up("1x60"), labelled("process_start_time_seconds"): "1x20 2x40"}, 55,
         misses=("AppRestarting",)),
    # 10 in five minutes are 2880 a day, and 4 are 1152.
    Case("requests have stopped two hours ago", requests("0+10x294 2940x30"), 319,
         {"AppNoTraffic": 1}, step=5),
    Case("the few requests that there were have stopped", requests("0+4x294 1176x30"), 319,
         misses=("AppNoTraffic",), step=5),
    Case("requests go on, if slowly", requests("0+10x294 2940+1x30"), 319,
         misses=("AppNoTraffic",), step=5),
    Case("the canary fails 2.5 % more",
         both_tracks(canary_requests("0+975x12", "0+25x12"), STABLE), 10,
         {"AppCanaryFailing": 1}),
    Case("the canary fails 1.5 % more",
         both_tracks(canary_requests("0+985x12", "0+15x12"), STABLE), 10,
         misses=("AppCanaryFailing",)),
    Case("the canary fails 10 % of few",
         both_tracks(canary_requests("0+9x12", "0+1x12"), STABLE), 10,
         misses=("AppCanaryFailing",)),
    Case("the canary alone has traffic, and fails 2.5 %",
         both_tracks(canary_requests("0+975x12", "0+25x12"), requests("0x12")), 10,
         {"AppCanaryFailing": 1, "AppFailing": 1}),
    Case("the canary alone has traffic, and fails 1.5 %",
         both_tracks(canary_requests("0+985x12", "0+15x12"), requests("0x12")), 10,
         {"AppFailing": 1}, misses=("AppCanaryFailing",)),
    # 95 % of its predictions take up to 0.21 s, and up to 0.17 s.
    Case("the canary is 2.2 times as slow",
         both_tracks(canary_durations("0+931x12", "0+1000x12"), STABLE_DURATIONS), 10,
         {"AppCanarySlow": 1}),
    Case("the canary is 1.8 times as slow",
         both_tracks(canary_durations("0+939x12", "0+1000x12"), STABLE_DURATIONS), 10,
         misses=("AppCanarySlow",)),
    Case("the canary is slow with few",
         both_tracks(canary_durations("0x12", "0+10x12", sent="0+10x12"), STABLE_DURATIONS), 10,
         misses=("AppCanarySlow",)),
    Case("the canary takes 6 ms instead of 2",
         both_tracks(canary_durations("0x12", "0+50x12", ("0.005", "0.006")),
                     durations("0x12", "0+50x12", ("0.0015", "0.002"))), 10,
         {"AppCanarySlow": 1}),
    Case("the canary takes 0.8 ms instead of 0.35",
         both_tracks(canary_durations("0x12", "0+50x12", ("0.0007", "0.00085")),
                     durations("0x12", "0+50x12", ("0.00025", "0.00035"))), 10,
         misses=("AppCanarySlow",)),
    Case("stable pods serve two models for 21 minutes",
         {**up("1x30"), labelled("app_model_info", model_version="m"): "1x30",
          labelled("app_model_info", model_version="o", pod="b"): "1x30"},
         21, {"AppModelMixed": 1}),
    Case("a rollout takes 15 minutes",
         {**up("1x30"), labelled("app_model_info", model_version="m"): "1x15 stale",
          labelled("app_model_info", model_version="o", pod="b"): "1x30"}, 25,
         misses=("AppModelMixed",)),
    Case("a canary has another model",
         {**up("1x30"), labelled("app_model_info", model_version="m"): "1x30",
          labelled("app_model_info", model_version="o", pod="b", version="canary"): "1x30"}, 25,
         misses=("AppModelMixed",)),
    Case("a quarter of the input is refused, all of a sudden",
         invalid("0x144 0+25x6", "0+100x150"), 149, {"AppInvalidInput": 1}, step=10),
    Case("a quarter of the input is refused, as ever",
         invalid("0+25x150", "0+100x150"), 149, misses=("AppInvalidInput",), step=10),
    Case("8 % of the input is refused", invalid("0x144 0+8x6", "0+100x150"), 149,
         misses=("AppInvalidInput",), step=10),
    Case("half of little input is refused", invalid("0x144 0+1x6", "0+2x150"), 149,
         misses=("AppInvalidInput",), step=10),
    # 100 cases and shares of 0.5, 0.5, 0 and 0: 100 * 100 / 200 * 4 * 0.25^2 / 0.25 = 50.
    Case("values have drifted", values(["0 50x60", "0 50x60", "0x61", "0x61"]), 40,
         {"AppFeatureDrift": 1}),
    Case("the pod with the values has ended",
         {**values([f"0 {n}x20 stale" for n in (50, 50, 0, 0)], pod="b"), **values(["0x99"] * 4)},
         40, {"AppFeatureDrift": 1}),
    Case("values as in training", values(["0 30x60", "0 25x60", "0 25x60", "0 20x60"]), 40,
         misses=("AppFeatureDrift",)),
    Case("drifted values of two pods that make up for each other",
         {**values([f"0 {n}x60" for n in (50, 50, 0, 0)]),
          **values([f"0 {n}x60" for n in (0, 0, 50, 50)], pod="b")}, 40,
         misses=("AppFeatureDrift",)),
    Case("drifted values of pods with different models",
         {**values([f"0 {n}x60" for n in (50, 50, 0, 0)]),
          **values([f"0 {n}x60" for n in (0, 0, 50, 50)], pod="b", model="o")}, 40,
         {"AppFeatureDrift": 2, "AppModelMixed": 1}),
    Case("a pod of the same name has another model now, and each had what it was trained on",
         {**values([f"0 {n}x20 stale" for n in (500, 500, 0, 0)], reference=(50, 50, 0, 0),
                   lasting="{}x21 stale"),
          **values(["_x22 0 25x60"] * 4, model="o", lasting="_x22 {}x60")}, 70,
         misses=("AppFeatureDrift",)),
    Case("40 values, too few to say", values(["0 40x60", "0x61", "0x61", "0x61"]), 40,
         misses=("AppFeatureDrift",)),
    # 100 answers, 90 % of them low: sqrt(100 * 100 / 200) * 0.4 = 2.8.
    Case("answers have drifted", answers("0 90x60", "0 100x60"), 40, {"AppScoreDrift": 1}),
    Case("answers nearly as in cross-validation", answers("0 70x60", "0 100x60"), 40,
         misses=("AppScoreDrift",)),
    Case("40 answers, too few to say", answers("0 40x60", "0 40x60"), 40,
         misses=("AppScoreDrift",)),
    Case("Prometheus refused its configuration six minutes ago",
         of_prometheus(RELOADED, "1x10 0x10"), 17, {"PrometheusReloadRefused": 1}),
    Case("Prometheus refused its configuration four minutes ago",
         of_prometheus(RELOADED, "1x10 0x10"), 15, misses=("PrometheusReloadRefused",)),
    Case("a rule fails for a quarter of an hour", of_prometheus(EVALUATED, "0x10 1+1x20"), 26,
         {"PrometheusRulesFailing": 1}),
    Case("a rule failed once", of_prometheus(EVALUATED, "0x10 1x20"), 26,
         misses=("PrometheusRulesFailing",)),
]  # fmt: skip

"""The dashboard *Canary*: both tracks side by side, by users' and generated requests together."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from scripts.dashboards.panels import (
    HERE,
    SINGLE,
    Query,
    bars,
    lines,
    states,
    titled,
    with_variables,
)

TRACKS = ("stable", "canary")


def both(function: str, family: str, by: str, selector: str, window: str) -> str:
    """Return the sum over users' and generated requests of a counter's rate or increase."""
    return " + ".join(
        f"sum by ({by}) ({function}({prefix}_{family}{{{selector}}}[{window}]))"
        for prefix in ("app", "app_generated")
    )


def quantile(q: float) -> str:
    """Return the query for a quantile of the latency, by track."""
    buckets = both(
        "rate",
        "request_duration_seconds_bucket",
        "le, version",
        f"{HERE},{SINGLE}",
        "$__rate_interval",
    )
    return f"histogram_quantile({q}, {buckets})"


def canary() -> Dashboard:
    """Return the dashboard."""
    board = titled(
        "breast-cancer-canary",
        "Breast cancer / Canary",
        "The canary beside the stable pods. The judge has the last word: docs/canary.md.",
    )
    with_variables(board)
    board.with_row(Row("Traffic"))
    board.with_panel(
        lines(
            "Observed split",
            "Share of the requests that each track answers.",
            "percentunit",
            Query(
                f"track:app_requests:rate5m{{{HERE}}} / ignoring (version) group_left ()"
                f" sum without (version) (track:app_requests:rate5m{{{HERE}}})",
                "{{version}}",
            ),
            stacked=True,
        )
    ).with_panel(
        lines(
            "Pods",
            "Pods that answer a scrape, by track.",
            "none",
            Query(f'sum by (version) (up{{{HERE},job="breast-cancer-api"}})', "{{version}}"),
            stacked=True,
        )
    ).with_panel(
        states(
            "Models",
            "Pods by the model that they serve, and by track.",
            "none",
            Query(
                f"count by (version, model_version) (app_model_info{{{HERE}}})",
                "{{version}} {{model_version}}",
            ),
            span=8,
        )
    )
    board.with_row(Row("Errors and latency"))
    board.with_panel(
        lines(
            "Errors",
            "Share of requests answered with 500 or more, over 5 minutes. An alert fires "
            "when the canary's is 2 points above the stable's.",
            "percentunit",
            Query(f"track:app_errors:ratio_rate5m{{{HERE}}}", "{{version}}"),
            span=12,
        )
    ).with_panel(
        lines(
            "Latency",
            "Half, and 95 %, of single predictions and pages took less.",
            "s",
            Query(quantile(0.5), "50 %, {{version}}"),
            Query(quantile(0.95), "95 %, {{version}}"),
            span=12,
        )
    )
    for track in TRACKS:
        selector = f'{HERE},version="{track}",{SINGLE}'
        board.with_panel(
            bars(
                f"Latencies, {track}",
                f"Requests to the {track} pods in the time shown, by the upper bound in seconds of "
                "what they took.",
                "short",
                Query(
                    both("increase", "request_duration_seconds_bucket", "le", selector, "$__range"),
                    "{{le}}",
                ),
                is_histogram=True,
                height=12,
            )
        )
    board.with_row(Row("Predictions"))
    malignant, answered = (
        both("rate", "predictions_total", "version", selector, "$__rate_interval")
        for selector in (f'{HERE},prediction="malignant"', HERE)
    )
    board.with_panel(
        lines(
            "Malignant",
            "Share of the answers that are malignant, by track.",
            "percentunit",
            Query(f"({malignant}) / ({answered})", "{{version}}"),
            span=24,
        )
    )
    for track in TRACKS:
        board.with_panel(
            bars(
                f"Scores, {track}",
                f"Answers of the {track} pods in the time shown, by the upper bound of the "
                "probability of malignant.",
                "short",
                Query(
                    both(
                        "increase",
                        "probability_malignant_bucket",
                        "le",
                        f'{HERE},version="{track}"',
                        "$__range",
                    ),
                    "{{le}}",
                ),
                is_histogram=True,
            )
        )
    board.with_row(Row("Alerts"))
    board.with_panel(
        states(
            "Alerts",
            "What fires or is about to.",
            "none",
            Query(
                f'sum by (alertname, alertstate) (ALERTS{{{HERE},alertname=~"AppCanary.*"}})',
                "{{alertname}} {{alertstate}}",
            ),
            span=24,
        )
    )
    return board

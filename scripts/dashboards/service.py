"""The dashboard *Service*: rate, errors, duration and saturation, by track."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from scripts.dashboards.panels import (
    HERE,
    PROBES,
    SINGLE,
    Query,
    Steps,
    lines,
    number,
    titled,
    with_variables,
)

USERS = f"app_requests_total{{{HERE},{PROBES}}}"
FAILED = f'app_requests_total{{{HERE},status=~"5..",{PROBES}}}'
DURATION = f"app_request_duration_seconds_bucket{{{HERE},{SINGLE}}}"
SCORING = f"app_prediction_latency_seconds_bucket{{{HERE}}}"
JOB = f'{HERE},job="breast-cancer-api"'
QUANTILES = {"50 %": 0.5, "95 %": 0.95, "99 %": 0.99}


def service() -> Dashboard:
    """Return the dashboard."""
    board = titled(
        "breast-cancer-service",
        "Breast cancer / Service",
        "How the service does: rate, errors, duration and saturation of users' requests.",
    )
    with_variables(board)
    board.with_row(Row("Objectives"))
    board.with_panel(
        number(
            "Requests",
            "Users' requests a second; probes, scrapes and generated ones left out.",
            "reqps",
            Query(f"sum(rate({USERS}[$__rate_interval]))", "requests"),
        )
    ).with_panel(
        number(
            "Answered, last 24 hours",
            "Share of users' requests without a server error. The objective is 99.5 %.",
            "percentunit",
            Query(f"1 - namespace:app_requests:failed_ratio1d{{{HERE}}}", "answered"),
            Steps(0.995, below=True),
        )
    ).with_panel(
        number(
            "In time, last 24 hours",
            "Share of single predictions and pages answered within 0.1 s. The objective is 99 %.",
            "percentunit",
            Query(f"1 - namespace:app_requests:slow_ratio1d{{{HERE}}}", "in time"),
            Steps(0.99, below=True),
        )
    ).with_panel(
        number(
            "Pods",
            "Pods that answer a scrape.",
            "none",
            Query(f"sum(up{{{JOB}}})", "pods"),
            Steps(1, below=True),
        )
    )
    board.with_row(Row("Rate and errors"))
    board.with_panel(
        lines(
            "Request rate",
            "Users' requests a second, by track.",
            "reqps",
            Query(f"sum by (version) (rate({USERS}[$__rate_interval]))", "{{version}}"),
        )
    ).with_panel(
        lines(
            "Request rate by endpoint",
            "Users' requests a second, by route.",
            "reqps",
            Query(f"sum by (endpoint) (rate({USERS}[$__rate_interval])) > 0", "{{endpoint}}"),
            stacked=True,
        )
    ).with_panel(
        lines(
            "Error rate",
            "Share of users' requests answered with 500 or more, by track.",
            "percentunit",
            Query(
                f"(sum by (version) (rate({FAILED}[$__rate_interval]))"
                f" or 0 * sum by (version) (rate({USERS}[$__rate_interval])))"
                f" / sum by (version) (rate({USERS}[$__rate_interval]))",
                "{{version}}",
            ),
            limit=Steps(0.005),
        )
    ).with_panel(
        lines(
            "Refused input",
            "Requests a second whose content was refused, by reason.",
            "reqps",
            Query(
                f"sum by (reason) (rate(app_invalid_requests_total{{{HERE}}}[$__rate_interval]))",
                "{{reason}}",
            ),
            stacked=True,
            span=12,
        )
    ).with_panel(
        lines(
            "Error budget",
            "How fast the budget of the objectives is used up, over an hour; at 1 it lasts just as "
            "long as it has to.",
            "none",
            Query(f"namespace:app_requests:failed_ratio1h{{{HERE}}} / 0.005", "failed"),
            Query(f"namespace:app_requests:slow_ratio1h{{{HERE}}} / 0.01", "slow"),
            limit=Steps(14.4),
            span=12,
        )
    )
    board.with_row(Row("Duration"))
    board.with_panel(
        lines(
            "Request latency",
            "Time in the service of single predictions and pages: half, 95 % and 99 % took less.",
            "s",
            *(
                Query(
                    f"histogram_quantile({q}, sum by (le, version)"
                    f" (rate({DURATION}[$__rate_interval])))",
                    f"{name}, {{{{version}}}}",
                )
                for name, q in QUANTILES.items()
            ),
            limit=Steps(0.1),
            span=12,
        )
    ).with_panel(
        lines(
            "Prediction latency",
            "Time to score one request's cases: half, 95 % and 99 % took less.",
            "s",
            *(
                Query(
                    f"histogram_quantile({q}, sum by (le, version)"
                    f" (rate({SCORING}[$__rate_interval])))",
                    f"{name}, {{{{version}}}}",
                )
                for name, q in QUANTILES.items()
            ),
            span=12,
        )
    )
    board.with_row(Row("Saturation"))
    board.with_panel(
        lines(
            "In progress",
            "Requests being answered, by pod; a scrape is one of them.",
            "none",
            Query(
                f"sum by (pod, version) (app_requests_in_progress{{{HERE}}})",
                "{{pod}}, {{version}}",
            ),
            span=6,
        )
    ).with_panel(
        lines(
            "CPU",
            "CPU by pod, as a share of one core. One process scores on one core.",
            "percentunit",
            Query(
                "sum by (pod, version)"
                f" (rate(process_cpu_seconds_total{{{JOB}}}[$__rate_interval]))",
                "{{pod}}, {{version}}",
            ),
            limit=Steps(0.9),
            span=6,
        )
    ).with_panel(
        lines(
            "Memory",
            "Resident memory by pod.",
            "bytes",
            Query(
                f"sum by (pod, version) (process_resident_memory_bytes{{{JOB}}})",
                "{{pod}}, {{version}}",
            ),
            span=6,
        )
    ).with_panel(
        lines(
            "Restarts",
            "How often each pod's process was started anew within an hour.",
            "none",
            Query(
                f"sum by (pod, version) (changes(process_start_time_seconds{{{JOB}}}[1h]))",
                "{{pod}}, {{version}}",
            ),
            limit=Steps(2),
            span=6,
        )
    )
    return board

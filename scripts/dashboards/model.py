"""The dashboard *Model*: what is answered, and whether the cases are still those of training."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from scripts.dashboards.panels import (
    HERE,
    Query,
    Steps,
    bars,
    labels,
    lines,
    number,
    states,
    titled,
    with_variables,
)

MODEL = f'{HERE},model_version="$model"'


def share(counter: str) -> str:
    """Return the share of the answered cases that a counter counts."""
    return (
        f"sum(rate({counter}{{{HERE}}}[$__rate_interval]))"
        f" / sum(rate(app_predictions_total{{{HERE}}}[$__rate_interval]))"
    )


def model() -> Dashboard:
    """Return the dashboard."""
    board = titled(
        "breast-cancer-model",
        "Breast cancer / Model",
        "What users' cases are answered with, and whether they are still like those of training.",
    )
    with_variables(board)
    query = 'label_values(app_model_info{namespace="$namespace"}, model_version)'
    board.with_variable(labels("model", "Model", query))
    query = 'label_values(app_feature_values_total{namespace="$namespace"}, feature)'
    board.with_variable(labels("feature", "Feature", query))
    board.with_row(Row("Answers"))
    board.with_panel(
        lines(
            "Predictions",
            "Cases answered a second, by diagnosis.",
            "cps",
            Query(
                f"sum by (prediction) (rate(app_predictions_total{{{HERE}}}[$__rate_interval]))",
                "{{prediction}}",
            ),
            stacked=True,
        )
    ).with_panel(
        lines(
            "Uncertain",
            "Share of the cases whose interval lies on both sides of the threshold.",
            "percentunit",
            Query(share("app_prediction_uncertain_total"), "uncertain"),
        )
    ).with_panel(
        lines(
            "Without a basis",
            "Share of the cases that are unlike all training cases.",
            "percentunit",
            Query(share("app_prediction_unsupported_total"), "unsupported"),
        )
    ).with_panel(
        states(
            "Model versions",
            "Pods by the model that they serve.",
            "none",
            Query(f"count by (model_version) (app_model_info{{{HERE}}})", "{{model_version}}"),
            span=24,
        )
    )
    board.with_row(Row("Scores, last 24 hours"))
    board.with_panel(
        bars(
            "Probabilities",
            "Share of the answers by the upper bound of the probability of malignant.",
            "percentunit",
            Query(f"sum by (le) (model:app_answers:share1d{{{MODEL}}})", "{{le}}"),
            is_histogram=True,
        )
    ).with_panel(
        bars(
            "Probabilities in cross-validation",
            "The same of the labelled cases, out of fold: what is to be expected.",
            "percentunit",
            Query(f"sum by (le) (model:app_answers_reference:share{{{MODEL}}})", "{{le}}"),
            is_histogram=True,
        )
    ).with_panel(
        lines(
            "Score drift",
            "How far the answers are from those of cross-validation, as a multiple of "
            "the threshold. Nothing below 50 cases.",
            "none",
            Query(f"max(model:app_score_drift:ratio{{{MODEL}}})", "drift"),
            limit=Steps(1),
            span=24,
        )
    )
    outside = f"sum by (feature) (increase(app_feature_out_of_range_total{{{HERE}}}[24h]))"
    chosen = f'model:app_feature_values:increase1d{{{MODEL},feature="$feature"}}'
    board.with_row(Row("Features, last 24 hours"))
    board.with_panel(
        number(
            "Cases",
            "Users' cases of the last 24 hours; drift is told from 50 on.",
            "short",
            Query(f"max(model:app_answers:increase1d{{{MODEL}}})", "cases"),
            Steps(50, below=True),
            span=12,
        )
    ).with_panel(
        number(
            "Drifted features",
            "Features beyond the threshold; nothing below 50 cases.",
            "none",
            Query(f"sum((model:app_feature_drift:ratio{{{MODEL}}} >= 0) > bool 1)", "features"),
            Steps(1),
            span=12,
        )
    ).with_panel(
        bars(
            "Drift by feature",
            "How far each feature's values are from the training cases', as a "
            "multiple of the threshold: beyond 1 chance goes once in a thousand looks.",
            "none",
            Query(
                f"sort_desc(max by (feature) (model:app_feature_drift:ratio{{{MODEL}}}))",
                "{{feature}}",
            ),
            Steps(1),
            height=20,
        )
    ).with_panel(
        lines(
            "Drift over time",
            "The same over time.",
            "none",
            Query(f"max by (feature) (model:app_feature_drift:ratio{{{MODEL}}})", "{{feature}}"),
            limit=Steps(1),
            span=12,
            height=20,
        )
    ).with_panel(
        bars(
            "Out of range by feature",
            "Values of the last 24 hours outside the range of the training cases.",
            "short",
            Query(
                f"sort_desc({outside})",
                "{{feature}}",
            ),
            height=20,
        )
    ).with_panel(
        bars(
            "$feature by decile",
            "Share of the values of the chosen feature in each decile of the "
            "training cases; as in training, a tenth is in each.",
            "percentunit",
            Query(
                f"sum by (bin) ({chosen}) / ignoring (bin) group_left () sum({chosen})",
                "{{bin}}",
            ),
            height=20,
        )
    )
    return board

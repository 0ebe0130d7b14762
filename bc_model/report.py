"""What ``python -m bc_model evaluate`` prints: the comparison as a Markdown table."""

from collections.abc import Callable, Mapping
from functools import partial

from bc_model.artifact import Parameters
from bc_model.dataset import Dataset
from bc_model.evaluation import (
    FOLDS,
    PIPELINES,
    Summary,
    cross_validate,
    interval_coverage,
    summarise,
)
from bc_model.metrics import METRICS
from bc_model.training import Progress


def evaluate(
    dataset: Dataset, repeats: int, simulations: int, progress: Callable[[str], Progress]
) -> str:
    """Return the report; ``progress`` returns a wrapper for the iterable of a named step."""
    parameters = Parameters()
    summaries = {}
    for name, build in PIPELINES.items():
        out_of_fold = cross_validate(dataset, partial(build, parameters), repeats, progress(name))
        summaries[name] = summarise(dataset.y, out_of_fold, parameters.threshold)
    coverage = interval_coverage(dataset, parameters, simulations, progress("interval coverage"))
    return f"""\
{dataset.source}: {len(dataset.y)} cases, {repeats} × {FOLDS} repeated stratified \
cross-validation, threshold {parameters.threshold:g}.
Mean over repeats ± standard deviation over folds [95 % bootstrap interval over cases].

{comparison_table(summaries)}

The 90 % interval of the probability held the true one in {coverage.value:.1%} \
[{coverage.low:.1%}, {coverage.high:.1%}] of the unseen cases of {simulations} simulations."""


def comparison_table(summaries: Mapping[str, Mapping[str, Summary]]) -> str:
    """Return a row a metric, a column a pipeline."""
    rows = [
        ["", *summaries],
        ["---"] * (1 + len(summaries)),
        *([name, *(_cell(summary[name]) for summary in summaries.values())] for name in METRICS),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(summary: Summary) -> str:
    return f"{summary.mean:.4f} ± {summary.spread:.4f} [{summary.low:.4f}, {summary.high:.4f}]"

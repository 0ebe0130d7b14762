"""How many blunders with a case are noticed, by cross-validation of all labelled cases."""

from collections.abc import Callable
from itertools import islice

import numpy as np
from msgspec import structs

from bc_model.artifact import Reference
from bc_model.blunders import noticed
from bc_model.dataset import Dataset
from bc_model.evaluation import FOLDS, basis_limits, markdown_table, splits
from bc_model.manifest import Parameters
from bc_model.metrics import wilson
from bc_model.predictor import Predictor
from bc_model.training import Progress, fit


def blunder_table(
    reference: Reference,
    parameters: Parameters,
    runs: int,
    seed: int,
    progress: Callable[[str], Progress],
) -> str:
    """Return the share of each blunder that is noticed, as Markdown.

    A run fits a model to four fifths of the cases, and makes the blunders with the others. The
    95 % Wilson intervals are those of the cases, each counted once.
    """
    X, y = reference.cases, reference.targets
    without_interval = structs.replace(parameters, refits=1)
    shares: list[dict[str, float]] = []
    chosen = list(islice(splits(y, -(-runs // FOLDS)), runs))
    for run, (_, _, train, held_out) in enumerate(progress("blunders")(chosen)):
        cases = Dataset(X[train], y[train], "fold")
        model = fit(cases, without_interval, basis_limits(cases, repeats=1))
        estimates = noticed(Predictor(model.arrays), X[held_out], seed + run)
        shares.append({name: estimate.value for name, estimate in estimates.items()})
    rows = []
    for name in shares[0]:
        share = wilson(float(np.mean([found[name] for found in shares])) * len(y), len(y))
        rows.append([name, f"{share.value:.1%}", f"{share.low:.1%} to {share.high:.1%}"])
    return markdown_table(["blunder", "noticed", "95 % interval"], *rows)

"""The result on the page is the model's answer."""

import csv
import io
import json

import msgspec
import numpy as np
import pytest

from bc_model.answer_table import COLUMNS, INTENDED_USE
from bc_model.arrays import MALIGNANT
from bc_model.artifact import Reference
from bc_model.classifier import Classifier
from bc_model.features import FEATURE_NAMES
from bc_model.metrics import wilson
from bc_model.predictor import ModelArrays
from web.result import NEAREST, Result, Results, chart, result_as_csv, result_as_json


@pytest.fixture(scope="module")
def results(classifier: Classifier, reference: Reference) -> Results:
    return Results(classifier, reference)


@pytest.fixture(scope="module")
def result(results: Results, classifier: Classifier, reference: Reference) -> Result:
    (answer,) = classifier.answers(reference.cases[3:4])
    return results.result(reference.cases[3], answer)


def test_the_threshold_has_its_measured_figures(results: Results, classifier: Classifier) -> None:
    (point,) = (p for p in classifier.manifest.operating_points if p.threshold == 0.5)
    assert results.point == point


def test_support_is_a_share_of_the_training_cases(result: Result, arrays: ModelArrays) -> None:
    share = result.support_share
    assert 100 * share.value == pytest.approx(result.answer.support)
    assert share == wilson(share.value * len(arrays.closeness), len(arrays.closeness))
    assert share.low < share.value < share.high


def test_bars_are_the_contributions_the_longest_first(result: Result) -> None:
    for drawn, contributions in (
        (result.measurements, result.explanation.measurements),
        (result.features, {f.feature: f.contribution for f in result.explanation.features}),
    ):
        assert {bar.label: bar.contribution for bar in drawn.bars} == contributions
        lengths = [abs(bar.contribution) for bar in drawn.bars]
        assert lengths == sorted(lengths, reverse=True)


def test_positions_are_on_one_scale_with_0_in_it() -> None:
    drawn = chart([("up", 3.0, (2.0, 4.0)), ("down", -0.5, (-1.0, 0.5))])
    assert drawn.zero == 20
    up, down = drawn.bars
    assert (up.start, up.width, up.low, up.high) == (20, 60, 60, 100)
    assert (down.start, down.width, down.low, down.high) == (10, 10, 0, 30)


def test_a_case_like_the_median_has_no_bars() -> None:
    drawn = chart([("nothing", 0.0, (0.0, 0.0))])
    assert (drawn.zero, drawn.bars[0].width) == (0, 0)


def test_every_value_is_located(result: Result, reference: Reference) -> None:
    assert len(result.located) == 10
    radius = result.located[0]
    assert radius.measurement == "radius"
    names = [FEATURE_NAMES.index(n) for n in ("mean radius", "radius error", "worst radius")]
    assert [value for _, value, _ in radius.values] == reference.cases[3, names].tolist()
    assert [statistic for statistic, _, _ in radius.values] == ["mean", "error", "worst"]


def test_the_json_holds_everything_and_what_it_is_for(result: Result) -> None:
    content = json.loads(result_as_json(result, "P-7"))
    built_in = {
        name: json.loads(msgspec.json.encode(part))
        for name, part in zip(result._fields, result, strict=True)
    }
    assert content["intended_use"] == INTENDED_USE
    assert content["case"] == "P-7"
    assert json.loads(result_as_json(result, ""))["case"] is None
    assert content["answer"]["verdict"] == result.answer.verdict
    assert content["answer"] == built_in["answer"]
    assert content["measured_at_threshold"] == built_in["point"]
    assert content["measured_verdicts"] == built_in["verdict_shares"]
    assert content["measured_near"] == built_in["observed"]
    assert content["support_share"] == built_in["support_share"]
    assert content["explanation"] == built_in["explanation"]


@pytest.mark.parametrize("probability", [0.0, 0.02, 0.5, 0.999, 1.0])
def test_the_nearest_labelled_cases_are_counted(
    classifier: Classifier, reference: Reference, probability: float
) -> None:
    answers = reference.out_of_fold.mean(axis=0)
    nearest = np.argsort(np.abs(answers - probability))[:NEAREST]
    observed = Results(classifier, reference)._observed_near(probability)
    assert (observed.low, observed.high) == (answers[nearest].min(), answers[nearest].max())
    malignant = int((reference.targets[nearest] == MALIGNANT).sum())
    assert (observed.cases, observed.share_of_malignant) == (NEAREST, wilson(malignant, NEAREST))


def test_the_csv_holds_the_answer_and_the_values(
    result: Result, classifier: Classifier, reference: Reference
) -> None:
    (row,) = csv.DictReader(io.StringIO(result_as_csv(classifier, result, "P-7", 17).decode()))
    assert tuple(row) == (*COLUMNS, *FEATURE_NAMES)
    assert row["intended_use"] == INTENDED_USE
    assert row["id"] == "P-7"
    assert row["verdict"] == result.answer.verdict
    share = result.support_share
    assert float(row["support_low"]) == 100 * share.low
    assert float(row["support_high"]) == 100 * share.high
    assert float(row["probability_malignant"]) == result.answer.probability_malignant
    assert [float(row[name]) for name in FEATURE_NAMES] == reference.cases[3].tolist()

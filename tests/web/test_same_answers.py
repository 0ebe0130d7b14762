"""A case gets the same answer, or is refused, in whatever form it is sent."""

import io
import json
from typing import Any

import httpx2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bc_model.dataset import load_dataset
from bc_model.features import FEATURE_COUNT, FEATURE_NAMES
from web.scoring import MOST_WARNINGS

KNOWN = load_dataset(None).X
NUMBERS = st.one_of(
    st.floats(0, 5000),
    st.floats(0, allow_infinity=False),
    st.floats(),  # most of which are refused
    st.integers(0, 2**70).map(float),
    st.sampled_from([0.0, -0.0, 5e-324, 1.7976931348623157e308, -1.0]),
)
CASES = st.one_of(
    arrays(np.float64, FEATURE_COUNT, elements=st.floats(0, 5000)),
    st.tuples(st.integers(0, len(KNOWN) - 1), st.integers(0, FEATURE_COUNT - 1), NUMBERS).map(
        lambda drawn: np.where(np.arange(FEATURE_COUNT) == drawn[1], drawn[2], KNOWN[drawn[0]])
    ),
)


def answers(client: httpx2.Client, case: np.ndarray) -> dict[str, Any]:
    """Return the answer by the form in which the case was sent; None is a refusal."""
    values = case.tolist()
    texts = [json.dumps(value) for value in values]  # NaN and Infinity in words
    by_name = ",".join(f'"{name}":{text}' for name, text in zip(FEATURE_NAMES, texts, strict=True))
    file = io.BytesIO()
    np.save(file, case[np.newaxis])
    rows = {
        "application/json": f'{{"instances":[[{",".join(texts)}],{{{by_name}}}]}}'.encode(),
        "text/csv": (",".join(texts) + "\n").encode(),
        "application/x-npy": file.getvalue(),
    }
    found: dict[str, Any] = {}
    for name, content in (("list", f"[{','.join(texts)}]"), ("object", f"{{{by_name}}}")):
        headers = {"Content-Type": "application/json"}
        text = f'{{"features":{content}}}'
        found[name] = answer(client.post("/predict", content=text, headers=headers))
    for media_type, body in rows.items():
        headers = {"Content-Type": media_type}
        several = answer(client.post("/predict/batch", content=body, headers=headers))
        for place in range(2 if media_type == "application/json" else 1):
            found[f"{media_type} {place}"] = several and several["predictions"][place]
    form = dict(zip(FEATURE_NAMES, texts, strict=True))
    exported = answer(client.post("/export", data=form, headers={"Accept": "application/json"}))
    found["form"] = exported and exported["answer"]
    return found


def answer(response: httpx2.Response) -> Any:
    assert response.status_code in (200, 400, 422), response.text
    return response.json() if response.status_code == 200 else None


def comparable(answer: dict[str, Any]) -> dict[str, Any]:
    """Take apart what a batch says in fewer words: all warnings about values are counted in it."""
    ours = dict(answer)
    cautions = ours.pop("warnings")
    ours["warnings"] = [each for each in cautions if each["feature"]][:MOST_WARNINGS]
    ours["no_basis"] = any(each["code"] == "no_basis" for each in cautions)
    ours["numbers"] = [
        ours.pop("probability_malignant"), ours.pop("probability_benign"),
        *ours.pop("interval_malignant"), ours.pop("support") / 100,
    ]  # fmt: skip
    return ours


@given(case=CASES)
@example(case=np.zeros(FEATURE_COUNT))
@example(case=np.full(FEATURE_COUNT, 1.7976931348623157e308))
def test_the_answer_does_not_depend_on_the_form(client: httpx2.Client, case: np.ndarray) -> None:
    found = answers(client, case)
    first = found["list"]
    assert (first is not None) == bool((np.isfinite(case) & (case >= 0)).all())
    for form, other in found.items():
        assert (other is None) == (first is None), form
        if first is not None:
            ours, theirs = comparable(first), comparable(other)
            numbers = ours.pop("numbers")
            assert theirs.pop("numbers") == pytest.approx(numbers, abs=1e-9), form
            assert theirs == ours, form

"""Scoring a CSV file into a CSV file, a chunk at a time; on bad input nothing is written."""

import os
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np
from tqdm import tqdm

from bc_model.agreement import Agreement
from bc_model.answer_table import AnswerWriter
from bc_model.classifier import Classifier
from bc_model.csv_cases import Case, CaseReader, name_of, open_cases
from bc_model.data_problems import DataError

CHUNK = 1024


def predict_csv(
    source: Path, output: Path | None, classifier: Classifier, ignored: Collection[str] = ()
) -> Agreement:
    """Answer every case of ``source`` in ``output``, or on standard output for None.

    Return how the answers agree with the diagnoses that the file gives. A ``source`` of ``-`` is
    standard input; columns called as ``ignored`` says are left out.

    ``id`` is the file's own, or the number of the case where it has none.

    Raises:
        DataError: the file has problems; all are listed, and nothing is written.
    """
    with tempfile.NamedTemporaryFile("w+", newline="", encoding="utf-8") as answers:
        agreement = _write(source, answers, classifier, ignored)
        answers.flush()
        if output is None:
            answers.seek(0)
            shutil.copyfileobj(answers, sys.stdout)
        else:
            shutil.copyfile(answers.name, output)
    return agreement


def _write(
    source: Path, answers: IO[str], classifier: Classifier, ignored: Collection[str]
) -> Agreement:
    writer = AnswerWriter(answers, classifier)
    agreement = Agreement()
    with (
        open_cases(source) as file,
        tqdm(total=os.fstat(file.fileno()).st_size, unit="B", unit_scale=True, disable=None) as bar,
    ):
        reader = CaseReader(file, labelled=False, ignored=ignored)
        for chunk in _chunks(reader):
            X = np.array([case.values for case in chunk])
            for case, answer in zip(chunk, classifier.answers(X), strict=True):
                agreement.add(case.label, case.target, answer)
                writer.write(case.identifier or str(agreement.cases), case.label, answer)
            if file.seekable():
                bar.update(file.buffer.tell() - bar.n)
    if reader.problems:
        raise DataError(name_of(source), reader.problems)
    return agreement


def _chunks(cases: Iterable[Case]) -> Iterator[list[Case]]:
    iterator = iter(cases)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk

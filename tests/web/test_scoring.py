"""Too many batches are refused at once, those admitted are answered, and nothing else waits."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, nullcontext, suppress
from pathlib import Path
from typing import cast

import httpx2
import pytest
from starlette.requests import Request

from app import ARRIVING_BODIES
from bc_model.arrays import FloatArray
from bc_model.artifact import Reference
from bc_model.classifier import Classifier
from bc_model.dataset import Dataset
from bc_model.features import FEATURE_COUNT, FEATURE_NAMES
from bc_model.predictor import Scores
from scripts.running import running_service
from tests.cases import MALIGNANT
from tests.web.test_protocol import HOST, connect, metric, received, statuses
from web.metrics import Metrics
from web.problems import ProblemError
from web.scoring import MOST_WARNINGS, PATIENCE_SECONDS, TOGETHER, BatchQueue, Scorer

ROWS, LARGEST = 5000, 2**20


@pytest.fixture(scope="module")
def busy(model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """A service that works on one batch while another waits."""
    settings = {
        "MAX_BATCHES": "1", "MAX_WAITING_BATCHES": "1", "IDLE_SECONDS": "20",
        "MAX_BUFFERED_BYTES": "8000000",
    }  # fmt: skip
    log = tmp_path_factory.mktemp("busy") / "log"
    with running_service({"MODEL_DIR": str(model_dir), **settings}, log) as client:
        yield client


@pytest.fixture
def metrics(reference: Reference) -> Metrics:
    return Metrics(FEATURE_NAMES, reference, "v", "stable")


def worst_batch(rows: int) -> bytes:
    """Cases of which every value brings a warning, in few bytes."""
    return json.dumps(
        {"instances": [[99999] * FEATURE_COUNT] * rows}, separators=(",", ":")
    ).encode()


def test_what_is_too_much_is_refused_at_once(busy: httpx2.Client) -> None:
    def send(_: int) -> tuple[int, float]:
        started = time.monotonic()
        response = httpx2.post(
            f"{busy.base_url}/predict/batch",
            content=worst_batch(ROWS),
            headers={"Content-Type": "application/json"},
            trust_env=False,
            timeout=60,
        )
        if response.status_code == 503:
            assert response.headers["retry-after"] == "1"
            assert response.json()["type"] == "/problems/overloaded"
        else:
            assert len(response.json()["predictions"]) == ROWS
        return response.status_code, time.monotonic() - started

    before = metric(busy, "app_prediction_latency_seconds_count")
    with ThreadPoolExecutor(12) as pool:
        outcomes = list(pool.map(send, range(12)))
    answered = [status for status, _ in outcomes].count(200)
    assert 2 <= answered < 12
    assert {status for status, _ in outcomes} == {200, 503}
    assert metric(busy, "app_prediction_latency_seconds_count") == before + answered
    assert busy.post("/predict/batch", json={"instances": [MALIGNANT]}).status_code == 200


def test_the_page_refuses_what_is_too_much_as_the_api_does(busy: httpx2.Client) -> None:
    content = "\n".join([",".join(["1.000"] * FEATURE_COUNT)] * ROWS).encode()

    def upload(_: int) -> httpx2.Response:
        files = {"cases": ("cases.csv", content)}
        return httpx2.post(f"{busy.base_url}/batch", files=files, trust_env=False, timeout=60)

    with ThreadPoolExecutor(6) as pool:
        responses = list(pool.map(upload, range(6)))
    assert {response.status_code for response in responses} == {200, 503}
    for response in responses:
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        is_refused = response.status_code == 503
        assert ("retry-after" in response.headers) == is_refused
        assert ("Too many batches are waiting." in response.text) == is_refused


def test_the_warnings_of_a_batch_are_bounded(client: httpx2.Client) -> None:
    headers = {"Content-Type": "application/json"}
    response = client.post("/predict/batch", content=worst_batch(2), headers=headers)
    for answer in response.json()["predictions"]:
        *listed, more, basis = answer["warnings"]
        assert len(listed) == MOST_WARNINGS
        assert more == {
            "code": "out_of_range",
            "feature": None,
            "detail": "29 more warnings about values",  # 30 out of range and 4 ratios
        }
        assert basis["code"] == "no_basis"
        assert answer["verdict"] == "uncertain"


def test_nobody_computes_for_a_client_that_has_gone(busy: httpx2.Client) -> None:
    body = worst_batch(ROWS)
    fields = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    request = b"POST /predict/batch HTTP/1.1\r\n" + HOST + fields + body
    answered = metric(busy, r'app_predictions_total\{prediction="malignant"\}')
    gone = r'app_requests_total\{endpoint="/predict/batch",method="POST",status="499"\}'
    before = metric(busy, gone, 0)
    with closing(connect(busy)) as patient:
        for connection in [patient, *(connect(busy) for _ in range(3))]:
            connection.sendall(request)
            time.sleep(0.05)
            if connection is not patient:
                connection.close()
        assert statuses(received(patient, 30)[:100]) == [200]
    deadline = time.monotonic() + 20
    while metric(busy, gone, 0) == before:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert metric(busy, r'app_predictions_total\{prediction="malignant"\}') == answered + ROWS


def test_slow_bodies_make_way_for_others(busy: httpx2.Client) -> None:
    body = "\n".join([",".join(["1.000"] * FEATURE_COUNT)] * ROWS).encode()
    fields = f"Content-Type: text/csv\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    request = b"POST /predict/batch HTTP/1.1\r\n" + HOST + fields + body
    clients = ARRIVING_BODIES * LARGEST // len(body) + 1
    with ExitStack() as stack:
        slow = [stack.enter_context(closing(connect(busy))) for _ in range(clients)]
        for connection in slow:
            connection.sendall(request[:-1])
        headers = {"Content-Type": "text/csv"}
        response = busy.post("/predict/batch", content=body, headers=headers, timeout=60)
        assert response.status_code == 200
        for connection, status in ((slow[0], 503), (slow[-1], 200)):
            connection.sendall(request[-1:])
            assert statuses(received(connection, 20)[:100]) == [status]


def test_answers_that_nobody_reads_are_held_up_to_a_limit(busy: httpx2.Client) -> None:
    """One is within it, and can be read in the end; of eight, those beyond it are cut off."""
    body = worst_batch(ROWS)
    request_ = (
        b"POST /predict/batch HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    ) + body
    with ExitStack() as stack:
        lengths = []
        for number in (1, 8):
            silent = []
            for _ in range(number):
                connection = stack.enter_context(closing(connect(busy)))
                before = metric(busy, "app_prediction_latency_seconds_count")
                connection.sendall(request_)
                while metric(busy, "app_prediction_latency_seconds_count") == before:
                    time.sleep(0.01)
                silent.append(connection)
            time.sleep(2.5)
            lengths.append([len(read_or_cut_off(connection)) for connection in silent])
    (whole,), held = lengths
    assert whole > 3e6
    assert 0 < held.count(whole) < 8


def read_or_cut_off(connection: socket.socket) -> bytes:
    parts = []
    connection.settimeout(1)
    with suppress(OSError):  # reset, or nothing more on a connection that is kept
        while part := connection.recv(2**20):
            parts.append(part)
    return b"".join(parts)


def test_cases_that_arrive_together_get_their_own_answers(
    client: httpx2.Client, classifier: Classifier, dataset: Dataset
) -> None:
    """By whatever route they come."""

    def send(row: int) -> tuple[int, float]:
        path = ("/predict", "/explain")[row % 2]
        response = client.post(path, json={"features": dataset.X[row].tolist()})
        return row, response.json()["probability_malignant"]

    with ThreadPoolExecutor(16) as pool:
        answered = dict(pool.map(send, range(len(dataset.X))))
    expected = classifier.score(dataset.X).malignant
    assert [answered[row] for row in range(len(dataset.X))] == pytest.approx(expected, abs=1e-12)


class Failing:
    """A classifier that cannot score."""

    def score(self, X: FloatArray) -> Scores:
        raise FloatingPointError


@pytest.mark.parametrize("waiting", [1, 3 * TOGETHER])
def test_what_goes_wrong_reaches_everybody_who_waits(
    metrics: Metrics, dataset: Dataset, waiting: int
) -> None:
    async def ask() -> list[object]:
        scorer = Scorer(cast(Classifier, Failing()), metrics, BatchQueue(1, 1))
        answers = [scorer.answer(dataset.X[0], is_generated=False) for _ in range(waiting)]
        return list(await asyncio.gather(*answers, return_exceptions=True))

    failures = asyncio.run(ask())
    assert [type(failure) for failure in failures] == [FloatingPointError] * waiting


def test_more_than_are_scored_at_once_and_one_that_has_left(
    classifier: Classifier, metrics: Metrics, dataset: Dataset
) -> None:
    X = dataset.X[: TOGETHER + 10]

    async def ask() -> list[float]:
        scorer = Scorer(classifier, metrics, BatchQueue(1, 1))
        tasks = [asyncio.create_task(scorer.answer(x, is_generated=False)) for x in X]
        await asyncio.sleep(0)
        tasks[0].cancel()
        answers = await asyncio.gather(*tasks[1:])
        return [answer.probability_malignant for answer in answers]

    expected = classifier.score(X).malignant[1:]
    assert asyncio.run(ask()) == pytest.approx(expected, abs=1e-12)


def test_a_case_does_not_wait_for_others_while_a_batch_is_at_work(
    classifier: Classifier, metrics: Metrics, dataset: Dataset
) -> None:
    """The thread is held; the coroutine must end at its first step, without a turn of the loop."""
    release = threading.Event()

    async def ask() -> float:
        queue = BatchQueue(2, 1)
        scorer = Scorer(classifier, metrics, queue)
        batch = asyncio.create_task(queue.run(release.wait, 10))
        await asyncio.sleep(0.05)
        assert queue.is_busy
        try:
            scorer.answer(dataset.X[0], is_generated=False).send(None)
        except StopIteration as end:
            return cast(float, end.value.probability_malignant)
        finally:
            release.set()
            assert await batch
            assert not queue.is_busy
        raise AssertionError("It waited.")

    expected = classifier.score(dataset.X[:1]).malignant[0]
    assert asyncio.run(ask()) == pytest.approx(expected, abs=1e-12)


def test_one_batch_at_a_time_is_worked_on() -> None:
    at_work, most = 0, 0

    def work() -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        time.sleep(0.02)
        at_work -= 1

    async def run() -> None:
        queue = BatchQueue(3, 1)
        await asyncio.gather(*(queue.run(work) for _ in range(3)))

    asyncio.run(run())
    assert most == 1


@pytest.mark.parametrize("is_left", [True, False])
def test_a_batch_waits_for_a_place_for_a_moment(*, is_left: bool) -> None:
    async def find() -> None:
        queue = BatchQueue(1, 0)
        request = Request({"type": "http", "state": {}})
        async with queue.turn(request):
            search = asyncio.create_task(queue.find_room())
            await asyncio.sleep(0 if is_left else 2 * PATIENCE_SECONDS)
        await search

    with nullcontext() if is_left else pytest.raises(ProblemError, match="Too many batches"):
        asyncio.run(find())

"""Fixtures that talk to the real thing: a trained artifact, the service on a socket."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx2
import numpy as np
import pytest
from hypothesis import settings
from playwright.sync_api import Browser, sync_playwright

from bc_model import artifact
from bc_model.artifact import Reference
from bc_model.classifier import Classifier
from bc_model.dataset import MINIMUM_PER_CLASS, Dataset, load_dataset
from bc_model.evaluation import PIPELINES, Summary, cross_validate, summarise
from bc_model.floors import DEFAULT_FLOORS
from bc_model.manifest import Manifest, Parameters
from bc_model.predictor import ModelArrays
from bc_model.publishing import train
from scripts.running import ROOT as ROOT
from scripts.running import START_SECONDS as START_SECONDS
from scripts.running import free_port as free_port
from scripts.running import running_service as running_service
from tests.kubernetes_api import KubernetesApi, running_api, write_kubeconfig
from tests.local_cluster import LocalCluster, LocalPod

OFFLINE = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# The same examples every time, and as much time for each as a busy machine needs.
settings.register_profile("tests", derandomize=True, deadline=None)
settings.load_profile("tests")

_skipped: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped:
        _skipped.append(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI everything must have run."""
    if _skipped and os.environ.get("CI") and session.exitstatus == pytest.ExitCode.OK:
        print(f"\nskipped, which CI does not allow: {', '.join(_skipped)}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    """The bundled cases."""
    return load_dataset(None)


@pytest.fixture(scope="session")
def small(dataset: Dataset) -> Dataset:
    """As few cases as training takes: quick to train on."""
    first = np.concatenate([np.flatnonzero(dataset.y == c)[:MINIMUM_PER_CLASS] for c in (0, 1)])
    return Dataset(dataset.X[first], dataset.y[first], "small.csv")


@pytest.fixture(scope="session")
def original(dataset: Dataset) -> dict[str, Summary]:
    """The original's pipeline on the folds that the default model is evaluated on."""
    parameters = Parameters()
    build = PIPELINES["StandardScaler + SVC"]
    out_of_fold = cross_validate(dataset, lambda: build(parameters))
    return summarise(dataset.y, out_of_fold, parameters.threshold)


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory, dataset: Dataset) -> Path:
    """A directory of artifacts with the default model in use."""
    root = tmp_path_factory.mktemp("artifacts")
    train(dataset, Parameters(), root, DEFAULT_FLOORS, lambda step: iter)
    return root


@pytest.fixture(scope="session")
def model_dir(artifacts: Path) -> Path:
    """The default model; not to be altered."""
    return artifacts / "current"


@pytest.fixture(scope="session")
def classifier(model_dir: Path) -> Classifier:
    return Classifier.load(model_dir)


@pytest.fixture(scope="session")
def manifest(model_dir: Path) -> Manifest:
    return artifact.read_manifest(model_dir)


@pytest.fixture(scope="session")
def arrays(model_dir: Path, manifest: Manifest) -> ModelArrays:
    return artifact.load_model(model_dir, manifest)


@pytest.fixture(scope="session")
def reference(model_dir: Path, manifest: Manifest) -> Reference:
    return artifact.load_reference(model_dir, manifest)


@pytest.fixture(scope="session")
def service_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the session's service writes its standard output."""
    return tmp_path_factory.mktemp("service") / "app.log"


@pytest.fixture(scope="session")
def client(model_dir: Path, service_log: Path) -> Iterator[httpx2.Client]:
    """A client of a service that runs for the whole session."""
    with running_service({"MODEL_DIR": str(model_dir)}, service_log) as client:
        yield client


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real Chromium that reaches this machine alone.

    It does not outlive its module: while it runs, Playwright's event loop counts as running, and
    no test could start another.
    """
    chromium = shutil.which("chromium")
    assert chromium, "Chromium is missing: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=OFFLINE)
        yield browser
        browser.close()


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of the kubeconfig; nothing is there yet."""
    path = tmp_path / "kubeconfig"
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(path))
    return path


@pytest.fixture
def connected(kubeconfig: Path) -> Iterator[KubernetesApi]:
    """The Kubernetes API that the kubeconfig names."""
    with running_api() as api:
        write_kubeconfig(kubeconfig, api.server_port)
        yield api


@pytest.fixture(scope="session")
def canary_client(
    model_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx2.Client]:
    """A client of a second service that runs for the whole session, on the canary's track."""
    log = tmp_path_factory.mktemp("canary") / "app.log"
    with running_service({"MODEL_DIR": str(model_dir), "VERSION": "canary"}, log) as client:
        yield client


@pytest.fixture
def local_cluster(
    client: httpx2.Client, canary_client: httpx2.Client, model_dir: Path
) -> LocalCluster:
    """A cluster with one pod on each track: the two services."""
    stable = LocalPod("stable-1", "stable", str(client.base_url))
    return LocalCluster([stable, LocalPod("canary-1", "canary", str(canary_client.base_url))],
                        model_dir)  # fmt: skip


@pytest.fixture
def old_python(tmp_path: Path) -> Path:
    """An interpreter that says it is Python 3.8."""
    file = tmp_path / "python3.8"
    file.write_text("""#!/bin/sh\necho '{"version": [3, 8, 18], "packages": {}}'\n""")
    file.chmod(0o700)
    return file

"""The ports of a minikube node's container, as a real Docker engine tells them.

minikube has Docker publish its own ports wherever they are free, and those of ``--ports`` as given.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import minikube_cluster
import pytest

from tests.cluster.conftest import call
from tests.conftest import free_port

NAME = "breast-cancer-ports-test"
IMAGE = "python:3.13-slim"


@pytest.fixture(scope="session", autouse=True)
def cluster() -> None:
    """No cluster is needed here."""


@contextmanager
def container(*ports: str) -> Iterator[None]:
    publish = [f"--publish={port}" for port in ports]
    call("docker", "container", "create", f"--name={NAME}", *publish, IMAGE, "sleep", "60")
    try:
        yield
    finally:
        call("docker", "container", "rm", "--force", NAME)


def test_ports_of_a_container() -> None:
    own = ["127.0.0.1::22", "127.0.0.1::2376", "127.0.0.1::8443"]
    asked = {f"127.0.0.1:{free_port()}:30000", f"127.0.0.1:{free_port()}:30090"}
    with container(*own, *asked):
        assert minikube_cluster.container_ports(NAME) == asked
        call("docker", "container", "start", NAME)
        assert minikube_cluster.container_ports(NAME) == asked
        call("docker", "container", "kill", NAME)
        assert minikube_cluster.container_ports(NAME) == asked
    assert minikube_cluster.container_ports(NAME) is None

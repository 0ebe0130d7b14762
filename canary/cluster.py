"""Reach the cluster: its pods, and their HTTP ports through the API server."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, Protocol, TypeVar

import yaml
from kubernetes import client, config
from kubernetes.stream import stream
from msgspec import Struct
from urllib3.exceptions import HTTPError

T = TypeVar("T")

APP = "breast-cancer-api"
CONTAINER = "api"
PORT = 8000
SECONDS = 10
"""How long one request may take."""

TRIES, PAUSE_SECONDS = 3, 1.0
"""How often something is asked that a step depends on, and how far apart."""

PRINT_FILE = (
    "import base64, pathlib, sys;"
    "print(base64.b64encode(pathlib.Path(sys.argv[1]).read_bytes()).decode())"
)


class Pod(NamedTuple):
    """A pod of one track; ``restarts`` are those of its containers so far."""

    name: str
    track: str
    is_ready: bool
    restarts: int


class Deployed(Struct, frozen=True):
    """The Deployment of one track: its image, and how many pods it asks for."""

    image: str
    replicas: int


class UnreachableError(Exception):
    """The cluster, a pod or a service did not answer; the message says what did not, and why."""


def persistently(ask: Callable[[], T]) -> T:
    """Return what ``ask`` does; a call that fails once may succeed a moment later.

    Raises:
        UnreachableError: no try succeeded.
    """
    for _ in range(TRIES - 1):
        with suppress(UnreachableError):
            return ask()
        time.sleep(PAUSE_SECONDS)
    return ask()


class Cluster(Protocol):
    """What an observation needs of a cluster."""

    def pods(self) -> list[Pod]:
        """Return the pods of both tracks that are not being deleted."""

    def ask_pod(self, pod: str, path: str, body: object = None, **headers: str) -> bytes:
        """Return a pod's answer to GET ``path``, or to POST with ``body`` as JSON."""

    def read_file(self, pod: str, path: str) -> bytes:
        """Return the content of a file in a pod's container."""


class KubernetesCluster:
    """The cluster of a kubeconfig's context, in one namespace."""

    def __init__(self, context: str, namespace: str) -> None:
        """Use ``context``, or the current one when empty; UnreachableError when there is none."""
        self._context = context
        self._api = api_client(context)
        self.core = client.CoreV1Api(self._api)
        self.namespace = namespace

    def pods(self) -> list[Pod]:
        """Return the pods that are not being deleted; UnreachableError without an answer."""
        with answered("the cluster does not list its pods"):
            listed = self.core.list_namespaced_pod(
                self.namespace, label_selector=f"app={APP}", _request_timeout=SECONDS
            )
        items = self._api.sanitize_for_serialization(listed)["items"]
        return [_pod(each) for each in items if "deletionTimestamp" not in each["metadata"]]

    def deployed(self) -> dict[str, Deployed]:
        """Return the Deployments by their tracks; UnreachableError without an answer."""
        with answered("the cluster does not list its Deployments"):
            listed = client.AppsV1Api(self._api).list_namespaced_deployment(
                self.namespace, label_selector=f"app={APP}", _request_timeout=SECONDS
            )
        items = self._api.sanitize_for_serialization(listed)["items"]
        return {each["metadata"]["labels"].get("version", ""): _deployed(each) for each in items}

    def ask_pod(self, pod: str, path: str, body: object = None, **headers: str) -> bytes:
        """Return a pod's answer; UnreachableError when it has none, or one with another status."""
        return self._ask(f"{pod}:{PORT}", path, body, headers)

    def read_file(self, pod: str, path: str) -> bytes:
        """Return the content of a file, as the container's Python reads it."""
        # The client turns the API it is given to the execution of commands for good.
        core = client.CoreV1Api(api_client(self._context))
        with answered(f"{path} of {pod} cannot be read"):
            printed: str = stream(
                core.connect_get_namespaced_pod_exec,
                pod,
                self.namespace,
                container=CONTAINER,
                command=["python", "-c", PRINT_FILE, path],
                stdout=True,
                stderr=True,
                _request_timeout=SECONDS,
            ).strip()
        try:
            return base64.b64decode(printed, validate=True)
        except ValueError as error:
            said = printed.splitlines()[-1]
            raise UnreachableError(f"{path} of {pod} cannot be read: {said[:200]}") from error

    def _ask(self, name: str, path: str, body: object, headers: dict[str, str]) -> bytes:
        url = f"/api/v1/namespaces/{self.namespace}/pods/{name}/proxy{path}"
        sent = {"Content-Type": "application/json", **headers}
        request = self._api.param_serialize(
            "GET" if body is None else "POST",
            url,
            header_params=sent,
            body=body,
            auth_settings=["BearerToken"],
        )
        with answered(f"{name} does not answer {path}"):
            response = self._api.call_api(*request, _request_timeout=SECONDS)
            content: bytes = response.read()
        if response.status != 200:
            raise UnreachableError(
                f"{name} answers {path} with {response.status}: {content[:200]!r}"
            )
        return content


@contextmanager
def answered(otherwise: str) -> Iterator[None]:
    """Turn what the client raises into an UnreachableError that begins with ``otherwise``."""
    try:
        yield
    except (client.ApiException, HTTPError, ValueError) as error:
        raise UnreachableError(f"{otherwise}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Return the API server's own words, in one line; or else the error's."""
    if isinstance(error, client.ApiException):
        try:
            return f"{error.status} {error.reason}: {json.loads(error.body or '')['message']}"
        except (TypeError, ValueError, KeyError):
            return f"{error.status} {error.reason}"
    return " ".join(str(getattr(error, "reason", error)).split())


def api_client(context: str) -> client.ApiClient:
    """Return a client of the cluster of ``context``, or of the current one when empty.

    UnreachableError when no kubeconfig names it.
    """
    configuration = client.Configuration()
    configuration.retries = 0  # each try would take up to SECONDS
    try:
        config.load_kube_config(context=context or None, client_configuration=configuration)
    except (config.ConfigException, yaml.YAMLError, OSError) as error:
        raise UnreachableError(
            f"there is no kubeconfig to be used ({_reason(error)}): name one with"
            " KUBECONFIG=<path>, or one of its contexts with -e kube_context=..."
        ) from error
    return client.ApiClient(configuration)


def _pod(item: dict[str, Any]) -> Pod:
    metadata, status = item["metadata"], item.get("status", {})
    containers = status.get("containerStatuses", [])
    ready = [c["status"] for c in status.get("conditions", []) if c["type"] == "Ready"]
    return Pod(
        name=metadata["name"],
        track=metadata["labels"].get("version", ""),
        is_ready=ready == ["True"],
        restarts=sum(container.get("restartCount", 0) for container in containers),
    )


def _deployed(item: dict[str, Any]) -> Deployed:
    spec = item["spec"]
    return Deployed(spec["template"]["spec"]["containers"][0]["image"], spec["replicas"])


def as_json(content: bytes) -> Any:
    """Return a JSON answer; UnreachableError when it is not JSON."""
    try:
        return json.loads(content)
    except ValueError as error:
        raise UnreachableError(f"an answer is not JSON: {content[:200]!r}") from error

"""Store the run under way and the history of releases.

Both are in one ConfigMap, so that the end of a run and its entry in the history are one write. A
write goes through only if nobody else has written since.
"""

from collections.abc import Callable

import msgspec
from kubernetes import client
from msgspec import Struct

from canary.cluster import APP, SECONDS, KubernetesCluster, answered

NAME = "breast-cancer-releases"
LABELS = {"app": APP, "app.kubernetes.io/managed-by": "breast-cancer-playbooks"}


class RefusedError(Exception):
    """This must not be done now; the message says why, and what to do."""


class Holder(Struct, frozen=True):
    """Who runs the playbook: ``pid`` on ``host``, a process started at ``since`` (s since 1970).

    No playbook was found where ``pid`` is 0.
    """

    user: str
    host: str
    pid: int
    since: float

    def __str__(self) -> str:
        """Return them as people write it."""
        return f"{self.user}@{self.host}"


class Run(Struct, frozen=True, kw_only=True):
    """A canary under way.

    ``phase`` is ``testing``, ``waiting`` for a decision by hand, ``promoting``, ``stopping``, or
    ``rolling back`` a promotion. After ``expires`` (s since 1970), whoever holds it has died.
    ``verdict`` is the judge's, with its reasons, and empty before there is one; ``note`` says what
    else there is to know about the decision.
    """

    id: str
    started: str
    expires: float
    holder: Holder
    phase: str
    stable_image: str
    canary_image: str
    model_versions: list[str] = []
    verdict: str = ""
    note: str = ""

    @property
    def target(self) -> str:
        """The image that the stable track runs when the run has ended."""
        return self.canary_image if self.phase == "promoting" else self.stable_image


class Entry(Struct, frozen=True, kw_only=True):
    """A release that is over: ``promoted``, ``rolled back`` after one, or a canary ``stopped``.

    ``model_versions``, ``verdict`` and ``note`` are the run's, about the image that was tried.
    """

    when: str
    who: str
    action: str
    from_image: str
    to_image: str
    model_versions: list[str]
    verdict: str
    note: str = ""


class Releases(Struct, frozen=True):
    """What is under way, and what was, the oldest first."""

    run: Run | None = None
    history: list[Entry] = []


def last_release(releases: Releases) -> Entry | None:
    """Return the last promotion or rollback."""
    return next(reversed(_released(releases)), None)


def kept_image(releases: Releases, deployed: str, wanted: str) -> tuple[str, str]:
    """Return the image that stays deployed though ``wanted`` is another, and why; or nothing.

    What promotions and rollbacks have replaced, one after the other, does not come back unasked,
    and while a canary is tried, what it is compared with stays what it is.
    """
    if not wanted or deployed == wanted:
        return "", ""
    if releases.run:
        return deployed, f"the canary {releases.run.canary_image} is compared with it"
    after = deployed
    for entry in reversed(_released(releases)):
        if entry.to_image != after:
            break
        if entry.from_image == wanted:
            return deployed, f"{entry.who} {entry.action} from {wanted} to {after} on {entry.when}"
        after = entry.from_image
    return "", ""


def _released(releases: Releases) -> list[Entry]:
    return [entry for entry in releases.history if entry.action != "stopped"]


class Store:
    """The ConfigMap."""

    def __init__(self, cluster: KubernetesCluster) -> None:
        """Keep it in the cluster's namespace."""
        self._core = cluster.core
        self._namespace = cluster.namespace

    def read(self) -> Releases:
        """Return what is in it; nothing, when it is not there.

        Raises:
            RefusedError: it is damaged.
            UnreachableError: the cluster does not answer, or does not let it be read.
        """
        return self._read()[0]

    def update(self, change: Callable[[Releases], Releases]) -> Releases:
        """Write what ``change`` makes of it, and return that.

        Raises:
            RefusedError: somebody else has just written, or it is damaged.
            UnreachableError: the cluster does not answer, or does not let it be written.
        """
        before, version = self._read()
        after = change(before)
        if after == before:
            return before
        metadata = client.V1ObjectMeta(name=NAME, labels=LABELS, resource_version=version)
        data = {"releases.json": msgspec.json.format(msgspec.json.encode(after)).decode()}
        content = client.V1ConfigMap(metadata=metadata, data=data)
        with answered(f"the ConfigMap {NAME} cannot be written"):
            self._write(content, is_new=version is None)
        return after

    def _write(self, content: client.V1ConfigMap, is_new: bool) -> None:
        try:
            if is_new:
                self._core.create_namespaced_config_map(
                    self._namespace, content, _request_timeout=SECONDS
                )
            else:
                self._core.replace_namespaced_config_map(
                    NAME, self._namespace, content, _request_timeout=SECONDS
                )
        except client.ApiException as error:
            if error.status != 409 and (is_new or error.status != 404):
                raise
            raise RefusedError(
                "Somebody else has just begun or ended a canary: try again"
            ) from error

    def _read(self) -> tuple[Releases, str | None]:
        with answered(f"the ConfigMap {NAME} cannot be read"):
            try:
                found = self._core.read_namespaced_config_map(
                    NAME, self._namespace, _request_timeout=SECONDS
                )
            except client.ApiException as error:
                if error.status != 404:
                    raise
                return Releases(), None
        content = (found.data or {}).get("releases.json", "{}")
        version = found.metadata.resource_version if found.metadata else None
        try:
            return msgspec.json.decode(content, type=Releases), version
        except msgspec.DecodeError as error:
            raise RefusedError(
                f"The ConfigMap {NAME} is damaged ({error}): look at it, or delete it with the"
                " history that it holds"
            ) from error

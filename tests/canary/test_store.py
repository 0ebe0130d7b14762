"""The run, the history, the image they keep in place, and how they are stored."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import canary.store
from canary.cluster import KubernetesCluster, UnreachableError
from canary.store import (
    Entry,
    Holder,
    RefusedError,
    Releases,
    Run,
    Store,
    kept_image,
    last_release,
)
from canary.transitions import move
from tests.kubernetes_api import KubernetesApi, status

NOW = 1000.0
ME = Holder("me", "here", 12, 900.5)
CONFIG_MAP = "/api/v1/namespaces/breast-cancer/configmaps/breast-cancer-releases"
CONFIG_MAPS = CONFIG_MAP.rpartition("/")[0]


def run(**changes: Any) -> Run:
    given = {"id": "1", "started": "2026-05-04", "expires": NOW + 60, "holder": ME}
    images = {"stable_image": "app:1", "canary_image": "app:2"}
    return Run(**{**given, "phase": "testing", **images, **changes})


def entry(action: str = "promoted", before: str = "app:1", after: str = "app:2") -> Entry:
    return Entry(
        when="2026-05-04",
        who="me@here",
        action=action,
        from_image=before,
        to_image=after,
        model_versions=["0123"],
        verdict="pass",
    )


@pytest.mark.parametrize(
    ("actions", "last"),
    [
        ([], None),
        (["stopped"], None),
        (["promoted"], 0),
        (["promoted", "stopped"], 0),
        (["promoted", "rolled back"], 1),
        (["promoted", "rolled back", "promoted", "stopped"], 2),
    ],
)
def test_last_release(actions: list[str], last: int | None) -> None:
    history = [entry(action, after=str(number)) for number, action in enumerate(actions)]
    assert last_release(Releases(None, history)) == (None if last is None else history[last])


def test_target() -> None:
    phases = ("testing", "waiting", "promoting", "stopping", "rolling back")
    targets = [run(phase=phase).target for phase in phases]
    assert targets == ["app:1", "app:1", "app:2", "app:1", "app:1"]


def test_what_was_promoted_stays() -> None:
    promoted = Releases(None, [entry(), entry("stopped", "app:9", "app:2")])
    why = "me@here promoted from app:1 to app:2 on 2026-05-04"
    assert kept_image(promoted, "app:2", "app:1") == ("app:2", why)
    assert kept_image(promoted, "app:2", "app:3") == ("", "")  # something new is wanted
    assert kept_image(promoted, "app:2", "app:2") == ("", "")
    assert kept_image(promoted, "app:2", "") == ("", "")  # nothing is to be deployed
    assert kept_image(Releases(), "app:2", "app:1") == ("", "")


def test_what_several_promotions_have_replaced_does_not_come_back() -> None:
    chain = [entry(), entry(before="app:2", after="app:3")]
    why = "me@here promoted from app:1 to app:2 on 2026-05-04"
    assert kept_image(Releases(None, chain), "app:3", "app:1") == ("app:3", why)
    back = Releases(None, [*chain, entry("rolled back", "app:3", "app:2")])
    assert kept_image(back, "app:2", "app:1") == ("app:2", why)
    assert kept_image(back, "app:2", "app:3")[0] == "app:2"
    assert kept_image(back, "app:3", "app:1") == ("", "")  # deployed by hand since


def test_what_a_deployment_has_replaced_may_come_back() -> None:
    broken = Releases(None, [entry(), entry(before="app:5", after="app:6")])
    assert kept_image(broken, "app:6", "app:5")[0] == "app:6"
    assert kept_image(broken, "app:6", "app:1") == ("", "")


def test_what_a_canary_is_compared_with_stays() -> None:
    compared = ("app:1", "the canary app:2 is compared with it")
    assert kept_image(Releases(run()), "app:1", "app:3") == compared
    assert kept_image(Releases(run()), "app:1", "app:1") == ("", "")


@pytest.fixture
def store(connected: KubernetesApi) -> Store:
    return Store(KubernetesCluster("", "breast-cancer"))


def test_nothing_is_kept_yet(store: Store, connected: KubernetesApi) -> None:
    assert store.read() == Releases()
    assert store.update(lambda before: before) == Releases()
    assert connected.asked == [f"GET {CONFIG_MAP}"] * 2


def test_what_is_written_is_read(store: Store, connected: KubernetesApi) -> None:
    first = store.update(lambda before: Releases(run()))
    assert store.read() == first == Releases(run())
    second = store.update(lambda before: Releases(None, [entry()]))
    assert store.read() == second == Releases(None, [entry()])
    writes = [each for each in connected.asked if not each.startswith("GET")]
    assert writes == [f"POST {CONFIG_MAPS}", f"PUT {CONFIG_MAP}"]
    kept = connected.config_maps[CONFIG_MAP]
    assert kept["metadata"]["labels"] == canary.store.LABELS
    assert '"action": "promoted"' in kept["data"]["releases.json"]  # for people, too


def test_second_of_two_writers_is_refused(store: Store) -> None:
    def meanwhile(before: Releases) -> Releases:
        store.update(lambda found: Releases(None, [*found.history, entry("stopped")]))
        return Releases(None, [*before.history, entry()])

    for _ in range(2):  # the ConfigMap is created, and then replaced
        before = store.read()
        with pytest.raises(RefusedError, match=r"^Somebody else has just begun or ended a canary"):
            store.update(meanwhile)
        assert store.read() == Releases(None, [*before.history, entry("stopped")])


def test_deleted_while_it_was_changed(store: Store, connected: KubernetesApi) -> None:
    def delete(before: Releases) -> Releases:
        connected.config_maps.clear()
        return Releases()

    store.update(lambda before: Releases(run()))
    with pytest.raises(RefusedError, match=r"try again$"):
        store.update(delete)
    assert store.read() == Releases()


def test_refused_change_writes_nothing(store: Store, connected: KubernetesApi) -> None:
    with pytest.raises(RefusedError):
        store.update(lambda before: move(before, "1", "waiting"))
    assert connected.asked == [f"GET {CONFIG_MAP}"]


@pytest.mark.parametrize("path", [CONFIG_MAPS, CONFIG_MAP])
def test_write_that_is_not_allowed(store: Store, connected: KubernetesApi, path: str) -> None:
    if path == CONFIG_MAP:
        store.update(lambda before: Releases(run()))

    def forbid(before: Releases) -> Releases:
        connected.answers[path] = (403, status("configmaps is forbidden"))
        return Releases(None, [entry()])

    with pytest.raises(UnreachableError) as caught:
        store.update(forbid)
    assert str(caught.value) == (
        "the ConfigMap breast-cancer-releases cannot be written:"
        " 403 Forbidden: configmaps is forbidden"
    )


def test_namespace_that_is_not_there(store: Store, connected: KubernetesApi) -> None:
    connected.answers[CONFIG_MAPS] = (404, status('namespaces "breast-cancer" not found'))
    with pytest.raises(UnreachableError, match=r'404 Not Found: namespaces "breast-cancer" not'):
        store.update(lambda before: Releases(run()))


@pytest.mark.parametrize("code", [401, 500, 503])
def test_unreadable(store: Store, connected: KubernetesApi, code: int) -> None:
    connected.answers[CONFIG_MAP] = (code, {})
    with pytest.raises(UnreachableError, match=rf"^the ConfigMap .* cannot be read: {code} "):
        store.read()


def test_cluster_that_does_not_answer_in_time(
    store: Store, connected: KubernetesApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canary.store, "SECONDS", 0.2)
    connected.delays[CONFIG_MAPS] = 1
    with pytest.raises(UnreachableError, match=r"cannot be written: .*timed out"):
        store.update(lambda before: Releases(run()))
    connected.delays[CONFIG_MAP] = 1
    with pytest.raises(UnreachableError, match=r"cannot be read: .*timed out"):
        store.read()
    reads = [f"GET {CONFIG_MAP}"]
    assert connected.asked == [*reads, f"POST {CONFIG_MAPS}", *reads]  # each once


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"run": {}}', '{"history": [{"action": null}]}', '{"run": {"id": 1}}'],
)
def test_damaged(store: Store, connected: KubernetesApi, content: str) -> None:
    metadata = {"name": "breast-cancer-releases", "resourceVersion": "7"}
    data = {"releases.json": content}
    connected.config_maps[CONFIG_MAP] = {"metadata": metadata, "data": data}
    with pytest.raises(RefusedError, match=r"^The ConfigMap breast-cancer-releases is damaged \("):
        store.update(lambda before: Releases(run()))
    assert connected.config_maps[CONFIG_MAP]["data"] == data


def test_empty_config_map(store: Store, connected: KubernetesApi) -> None:
    metadata = {"name": "breast-cancer-releases", "resourceVersion": "7"}
    connected.config_maps[CONFIG_MAP] = {"metadata": metadata}
    assert store.read() == Releases()
    assert store.update(lambda before: Releases(run())) == store.read() == Releases(run())


TEXT = st.text(max_size=20)


@given(st.builds(Entry, model_versions=st.lists(TEXT, max_size=2)), TEXT, TEXT)
def test_everything_survives_being_kept(entry: Entry, user: str, image: str) -> None:
    holder = Holder(user, "here", 1, 0.1)
    releases = Releases(run(holder=holder, canary_image=image), [entry])
    kept = msgspec.json.format(msgspec.json.encode(releases))
    assert msgspec.json.decode(kept, type=Releases) == releases

from typing import Any

import foreign_objects
import pytest


def thing(kind: str, name: str = "a", **fields: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name}, **fields}


@pytest.mark.parametrize(
    ("found", "is_foreign"),
    [
        (thing("ConfigMap"), True),
        (thing("ServiceAccount"), True),
        (thing("Secret", type="Opaque"), True),
        (thing("Secret", type="kubernetes.io/service-account-token"), False),
        (thing("ServiceAccount", "default"), False),
        (thing("ConfigMap", "kube-root-ca.crt"), False),
        (thing("Event"), False),
        (thing("EndpointSlice"), False),
        (thing("Pod", metadata={"name": "a", "ownerReferences": [{}]}), False),
        (thing("Pod", metadata={"name": "a", "labels": {"by": "us"}}), False),
        (thing("Pod", metadata={"name": "a", "labels": {"by": "them"}}), True),
    ],
)
def test_is_foreign(found: dict[str, Any], is_foreign: bool) -> None:
    assert foreign_objects.is_foreign(found, "by", "us") == is_foreign

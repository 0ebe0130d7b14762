#!/usr/bin/python
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from ansible.module_utils.basic import AnsibleModule
from kubernetes import client
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.resource import Resource, ResourceList

from canary.cluster import UnreachableError, api_client

DOCUMENTATION = r"""
module: foreign_objects
short_description: Find the objects in a namespace that are not ours
description:
  - Lists the objects of every kind, except those that carry the given label, those that belong to
    another object, and those that Kubernetes itself puts into each namespace.
  - Needs the project on C(PYTHONPATH).
options:
  context:
    description: Context of the kubeconfig; the current one when empty.
    type: str
    default: ""
  namespace:
    description: The namespace.
    type: str
    required: true
  label:
    description: Name of the label on our own objects.
    type: str
    required: true
  value:
    description: Its value.
    type: str
    required: true
"""

RETURN = r"""
objects:
  description: Kind and name of each; the kind alone when you may not list its objects.
  returned: always
  type: list
  elements: str
  sample: ["ConfigMap notes"]
"""

Object = dict[str, Any]

# They come and go with the objects they describe.
COMPANIONS = ("Event", "Endpoints", "EndpointSlice", "PodMetrics")
BUILT_IN = (("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt"))
TOKEN = "kubernetes.io/service-account-token"  # noqa: S105  names a type of Secret, holds none


def is_foreign(thing: Object, label: str, value: str) -> bool:
    kind, metadata = thing["kind"], thing["metadata"]
    return not (
        metadata.get("labels", {}).get(label) == value
        or metadata.get("ownerReferences")
        or kind in COMPANIONS
        or (kind, metadata["name"]) in BUILT_IN
        or thing.get("type") == TOKEN
    )


def listable(api: client.ApiClient) -> Iterator[Resource]:
    resources = DynamicClient(api).resources
    resources.invalidate_cache()  # a new kind must not be overlooked
    for resource in resources.search(preferred=True):
        is_list = isinstance(resource, ResourceList)
        if not is_list and resource.namespaced and "list" in resource.verbs:
            yield resource


def foreign(api: client.ApiClient, namespace: str, label: str, value: str) -> Iterator[str]:
    for resource in listable(api):
        try:
            things = resource.get(namespace=namespace).to_dict()["items"]
        except client.ApiException as error:
            if error.status not in (404, 405):
                yield resource.kind
            continue
        for thing in things:
            if is_foreign({**thing, "kind": resource.kind}, label, value):
                yield f"{resource.kind} {thing['metadata']['name']}"


def main() -> None:
    module = AnsibleModule(yaml.safe_load(DOCUMENTATION)["options"], supports_check_mode=True)
    given = module.params
    try:
        api = api_client(given["context"])
    except UnreachableError as error:
        module.fail_json(msg=str(error))
    objects = foreign(api, given["namespace"], given["label"], given["value"])
    module.exit_json(changed=False, objects=sorted(set(objects)))


if __name__ == "__main__":
    main()

#!/usr/bin/python
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from ansible.module_utils.basic import AnsibleModule

try:
    from kubernetes import client, config
    from urllib3.exceptions import HTTPError

    from canary.cluster import SECONDS, UnreachableError, api_client
except ImportError:
    HAS_KUBERNETES = False
else:
    HAS_KUBERNETES = True

DOCUMENTATION = r"""
module: cluster_problems
short_description: List every problem with a Kubernetes cluster that would stop the playbook
description:
  - Checks the kubeconfig, the cluster, the user's permissions and the node ports. Reports the
    problems and does not fail, so that the playbook can list them together with others.
  - Needs the project on C(PYTHONPATH).
options:
  context:
    description: Context of the kubeconfig; the current one when empty.
    type: str
    default: ""
  namespace:
    description: Namespace to deploy to; it need not exist yet.
    type: str
    required: true
  node_ports:
    description:
      - Node ports of each service, as a dictionary from the variable that sets a port to the
        port; empty for none.
    type: dict
    default: {}
  monitoring:
    description: Whether Prometheus and Grafana will be deployed too.
    type: bool
    default: false
"""

RETURN = r"""
problems:
  description: One or two sentences for each problem.
  returned: always
  type: list
  elements: str
"""

WRITE = ("create", "patch", "delete")
RIGHTS = (
    ("", "services", WRITE),
    ("", "serviceaccounts", WRITE),
    ("", "configmaps", WRITE),
    ("apps", "deployments", WRITE),
    ("networking.k8s.io", "networkpolicies", WRITE),
    ("networking.k8s.io", "ingresses", WRITE),
    ("policy", "poddisruptionbudgets", WRITE),
    ("autoscaling", "horizontalpodautoscalers", WRITE),
    ("apps", "replicasets", ("list",)),
    ("", "pods", ("list",)),
)
MONITORING_RIGHTS = (
    ("", "secrets", WRITE),
    ("rbac.authorization.k8s.io", "roles", WRITE),
    ("rbac.authorization.k8s.io", "rolebindings", WRITE),
)
MANAGED_BY, US = "app.kubernetes.io/managed-by", "breast-cancer-playbooks"

Rights = tuple[tuple[str, str, tuple[str, ...]], ...]
Object = dict[str, Any]


def kubeconfig_problem(context: str, error: UnreachableError) -> str:
    try:
        known = [each["name"] for each in config.list_kube_config_contexts()[0]]
    except (config.ConfigException, yaml.YAMLError, OSError):
        known = []
    if context and known and context not in known:
        return (
            f"the kubeconfig has no context {context}, only {', '.join(known)}:"
            " choose one with -e kube_context=..., or another file with KUBECONFIG=..."
        )
    return str(error)


def namespace_problems(api: client.ApiClient, namespace: str) -> Iterator[str]:
    try:
        found = client.CoreV1Api(api).read_namespace(namespace)
    except client.ApiException as error:
        if error.status == 403:
            yield (
                f"you may not read the namespace {namespace}: get the ClusterRole edit there, or"
                " choose another: -e kube_namespace=..."
            )
        if error.status == 404 and not allowed(api, "", "namespaces", "create", ""):
            yield (
                f"the namespace {namespace} does not exist, and you may not create it: ask for it,"
                " or choose another: -e kube_namespace=..."
            )
        return
    metadata = found.metadata or client.V1ObjectMeta()
    if metadata.deletion_timestamp:
        yield f"the namespace {namespace} is being deleted: try again when it is gone"
    is_ours = (metadata.labels or {}).get(MANAGED_BY) == US
    if is_ours and not allowed(api, "", "namespaces", "patch", namespace):
        yield (
            f"you may not patch the namespace {namespace}, which these playbooks created: get the"
            f" permission, or have its label {MANAGED_BY} removed"
        )


def missing_rights(api: client.ApiClient, namespace: str, rights: Rights) -> str:
    return ", ".join(
        f"{verb} {resource}"
        for group, resource, verbs in rights
        for verb in verbs
        if not allowed(api, group, resource, verb, namespace)
    )


def allowed(api: client.ApiClient, group: str, resource: str, verb: str, namespace: str) -> bool:
    attributes = client.V1ResourceAttributes(
        group=group, resource=resource, verb=verb, namespace=namespace
    )
    spec = client.V1SelfSubjectAccessReviewSpec(resource_attributes=attributes)
    review = client.AuthorizationV1Api(api).create_self_subject_access_review(
        client.V1SelfSubjectAccessReview(spec=spec)
    )
    return bool(review.status and review.status.allowed)


def ports_in_use(api: client.ApiClient) -> dict[str, tuple[str, str]]:
    """Return namespace and name of the service on each node port, as far as this user may see."""
    try:
        listed = client.CoreV1Api(api).list_service_for_all_namespaces()
    except client.ApiException:
        return {}
    return {
        str(port.get("nodePort")): (each["metadata"]["namespace"], each["metadata"]["name"])
        for each in api.sanitize_for_serialization(listed)["items"]
        for port in each["spec"].get("ports", [])
    }


def port_problems(
    node_ports: dict[str, str], in_use: dict[str, tuple[str, str]], own: tuple[str, str]
) -> Iterator[str]:
    """Yield the node ports in use by a service other than ``own`` (namespace and name)."""
    for variable, port in node_ports.items():
        if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
            yield f"{variable}: {port!r} is not a port; choose one, usually from 30000 to 32767"
        elif in_use.get(port, own) != own:
            namespace, name = in_use[port]
            yield (
                f"node port {port} is in use by the service {name} in the namespace {namespace};"
                f" choose another: -e {variable}=..."
            )


def problems(given: Object) -> Iterator[str]:
    if not HAS_KUBERNETES:
        yield "the Python package kubernetes is missing: make up installs it"
        return
    try:
        api = api_client(given["context"])
    except UnreachableError as error:
        yield kubeconfig_problem(given["context"], error)
        return
    host = api.configuration.host
    try:
        client.VersionApi(api).get_code(_request_timeout=SECONDS)
        yield from namespace_problems(api, given["namespace"])
        if missing := missing_rights(api, given["namespace"], RIGHTS):
            yield (
                f"you may not {missing} in the namespace {given['namespace']}: get the ClusterRole"
                " edit there, or choose another: -e kube_namespace=..."
            )
        rights = MONITORING_RIGHTS if given["monitoring"] else ()
        if missing := missing_rights(api, given["namespace"], rights):
            yield (
                f"you may not {missing} in the namespace {given['namespace']}, for the monitoring:"
                " get the ClusterRole admin there, or do without it: -e monitoring_enabled=false"
            )
    except HTTPError as error:
        yield (
            f"the cluster at {host} does not answer ({getattr(error, 'reason', None) or error}):"
            " start it, or choose another with -e kube_context=... or KUBECONFIG=..."
        )
        return
    except client.ApiException as error:
        yield f"the cluster at {host} refuses you ({error.status} {error.reason}): log in again"
        return
    in_use = ports_in_use(api)
    for service, ports in given["node_ports"].items():
        yield from port_problems(ports, in_use, (given["namespace"], service))


def main() -> None:
    module = AnsibleModule(yaml.safe_load(DOCUMENTATION)["options"], supports_check_mode=True)
    given = module.params
    given["node_ports"] = {
        service: {name: str(port) for name, port in ports.items()}
        for service, ports in given["node_ports"].items()
    }
    module.exit_json(changed=False, problems=list(problems(given)))


if __name__ == "__main__":
    main()

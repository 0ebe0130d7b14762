#!/usr/bin/python
from __future__ import annotations

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    import msgspec

    from canary.cluster import KubernetesCluster, UnreachableError
    from canary.generator import check
    from canary.judge import judge
    from canary.observation import Observation
    from canary.observe import Images, Traffic, observe
    from canary.releases import RefusedError, Store
    from canary.report import Step, reasons
    from canary.source import choose_source
    from canary.thresholds import Thresholds
    from canary.verbs import mine
    from canary.windows import split, whole
except ImportError:
    HAS_PROJECT = False
else:
    HAS_PROJECT = True

DOCUMENTATION = r"""
module: canary_step
short_description: Watch both tracks for a while, and judge the canary by all that was seen so far
description:
  - Asks the stable model's labelled cases from a pod of each track, then generates traffic and
    reads the pods' counters, from Prometheus when it watches them, otherwise from the pods.
  - Changes nothing in the cluster. Needs the project on C(PYTHONPATH).
options:
  context:
    description: Context of the kubeconfig; the current one when empty.
    type: str
    default: ""
  namespace:
    description: Namespace of the app.
    type: str
    required: true
  run_id:
    description: The run; it stops when somebody has ended that.
    type: str
    required: true
  stable_image:
    description: Image of the stable track.
    type: str
    required: true
  canary_image:
    description: Image of the canary.
    type: str
    required: true
  stable_replicas:
    description: Pods of the stable track.
    type: int
    required: true
  canary_replicas:
    description: Pods of the canary.
    type: int
    required: true
  seconds:
    description: How long to watch.
    type: float
    required: true
  url:
    description: Where generated traffic goes.
    type: str
    default: ""
  rate:
    description: Generated requests a second; 0 for none.
    type: float
    default: 0
  prometheus:
    description: Name of the Prometheus service in the namespace.
    type: str
    default: prometheus
  thresholds:
    description: Limits of the judge that are not to be its defaults.
    type: dict
    default: {}
  windows:
    description: What the steps before have seen.
    type: list
    elements: dict
    default: []
  steps:
    description: The steps before.
    type: list
    elements: dict
    default: []
attributes:
  check_mode:
    support: full
author:
  - The project's contributors
"""

EXAMPLES = r"""
- name: Watch and judge
  canary_step:
    namespace: breast-cancer
    run_id: "{{ canary_run.run.id }}"
    stable_image: breast-cancer-api:0123456789ab
    canary_image: breast-cancer-api:ba9876543210
    stable_replicas: 3
    canary_replicas: 1
    seconds: 60
    url: http://127.0.0.1:30000
    rate: 20
"""

RETURN = r"""
outcome:
  description: pass, fail, inconclusive or error.
  returned: always
  type: str
reasons:
  description: What each part of the verdict says.
  returned: always
  type: list
  elements: str
summary:
  description: The step in one line.
  returned: always
  type: str
windows:
  description: What each step so far has seen.
  returned: always
  type: list
  elements: dict
model_versions:
  description: The canary's models.
  returned: always
  type: list
  elements: str
steps:
  description: All steps so far.
  returned: always
  type: list
  elements: dict
"""

Object = dict[str, Any]


def take(given: Object) -> Object:
    stable, canary = given["stable_replicas"], given["canary_replicas"]
    if stable < 1 or canary < 1:
        raise ValueError(f"{canary} canary pods beside {stable} stable ones cannot be compared")
    check(given["url"], given["rate"], given["seconds"])
    windows = msgspec.convert(given["windows"], list[Observation])
    thresholds = Thresholds.merged(given["thresholds"])
    cluster = KubernetesCluster(given["context"], given["namespace"])
    store = Store(cluster)
    mine(store.read(), given["run_id"])
    source = choose_source(cluster, given["prometheus"], given["namespace"])
    started = time.monotonic()
    seen = observe(
        cluster,
        source,
        Images(given["stable_image"], given["canary_image"]),
        Traffic(given["url"], given["rate"]),
        given["seconds"],
    )
    mine(store.read(), given["run_id"])
    observed_split = split(seen)
    windows.append(seen)
    verdict = judge(windows, thresholds)
    step = Step(
        stable_replicas=stable,
        canary_replicas=canary,
        seconds=round(time.monotonic() - started, 1),
        requested_split=canary / (stable + canary),
        observed_split=observed_split,
        verdict=verdict,
    )
    seen_split = "no requests" if observed_split is None else f"{observed_split:.0%}"
    return {
        "summary": (
            f"{canary} canary pods beside {stable}: {step.requested_split:.0%} of the requests"
            f" asked for, {seen_split} seen; counted by {source.name}: {verdict.outcome}"
        ),
        "outcome": verdict.outcome.value,
        "reasons": reasons(verdict),
        "windows": msgspec.to_builtins(windows),
        "model_versions": whole(windows).canary.model_versions,
        "steps": [*given["steps"], msgspec.to_builtins(step)],
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "context": {"default": ""},
            "namespace": {"required": True},
            "run_id": {"required": True},
            "stable_image": {"required": True},
            "canary_image": {"required": True},
            "stable_replicas": {"type": "int", "required": True},
            "canary_replicas": {"type": "int", "required": True},
            "seconds": {"type": "float", "required": True},
            "url": {"default": ""},
            "rate": {"type": "float", "default": 0},
            "prometheus": {"default": "prometheus"},
            "thresholds": {"type": "dict", "default": {}},
            "windows": {"type": "list", "elements": "dict", "default": []},
            "steps": {"type": "list", "elements": "dict", "default": []},
        },
        supports_check_mode=True,
    )
    if not HAS_PROJECT:
        module.fail_json(msg=missing_required_lib("canary"))
    try:
        result = take(module.params)
    except (RefusedError, UnreachableError, ValueError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()

#!/usr/bin/python
from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    from canary.cluster import KubernetesCluster, UnreachableError
    from canary.generator import MOST_SECONDS
    from canary.releases import RefusedError, Store
    from canary.status import status
except ImportError:
    HAS_PROJECT = False
else:
    HAS_PROJECT = True

DOCUMENTATION = r"""
module: canary_status
short_description: Tell how both tracks are, what is under way, and what was
description:
  - Watches the pods for a moment to see how the requests are split. Changes nothing.
  - Needs the project on C(PYTHONPATH).
options:
  context:
    description: Context of the kubeconfig; the current one when empty.
    type: str
    default: ""
  namespace:
    description: Namespace of the app.
    type: str
    required: true
  seconds:
    description: How long to watch.
    type: float
    default: 3
attributes:
  check_mode:
    support: full
author:
  - The project's contributors
"""

EXAMPLES = r"""
- name: Tell how it stands
  canary_status:
    namespace: breast-cancer
"""

RETURN = r"""
status:
  description: The tracks, the split, what is under way, and the history.
  returned: always
  type: dict
"""


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "context": {"default": ""},
            "namespace": {"required": True},
            "seconds": {"type": "float", "default": 3},
        },
        supports_check_mode=True,
    )
    if not HAS_PROJECT:
        module.fail_json(msg=missing_required_lib("canary"))
    given = module.params
    if not 0 <= given["seconds"] <= MOST_SECONDS:
        module.fail_json(msg=f"seconds: {given['seconds']:g} are not from 0 to {MOST_SECONDS}")
    try:
        cluster = KubernetesCluster(given["context"], given["namespace"])
        images = {track: found.image for track, found in cluster.deployed().items()}
        told = status(cluster, Store(cluster).read(), images, given["seconds"])
    except (RefusedError, UnreachableError, ValueError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, status=told)


if __name__ == "__main__":
    main()

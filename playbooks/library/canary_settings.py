#!/usr/bin/python
from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    from canary.settings import problems
except ImportError:
    HAS_PROJECT = False
else:
    HAS_PROJECT = True

DOCUMENTATION = r"""
module: canary_settings
short_description: Check what a canary's run is given
description:
  - Fails with everything that is wrong. Asks no cluster. Needs the project on C(PYTHONPATH).
options:
  steps:
    description: Pods of the canary and for how many seconds, one step after the other.
    type: list
    elements: dict
    required: true
    suboptions:
      replicas:
        description: Pods of the canary.
        type: int
        required: true
      duration:
        description: Seconds under traffic.
        type: float
        required: true
  rate:
    description: Generated requests a second; 0 for none.
    type: float
    required: true
  url:
    description: Where they go.
    type: str
    required: true
  thresholds:
    description: Limits of the judge that are not to be its defaults.
    type: dict
    required: true
attributes:
  check_mode:
    support: full
author:
  - The project's contributors
"""

EXAMPLES = r"""
- name: Check the settings
  canary_settings:
    steps:
      - {replicas: 1, duration: 60}
    rate: 20
    url: http://127.0.0.1:30000
    thresholds: {}
"""

RETURN = ""


def main() -> None:
    step_options = {
        "replicas": {"type": "int", "required": True},
        "duration": {"type": "float", "required": True},
    }
    module = AnsibleModule(
        argument_spec={
            "steps": {
                "type": "list",
                "elements": "dict",
                "options": step_options,
                "required": True,
            },
            "rate": {"type": "float", "required": True},
            "url": {"required": True},
            "thresholds": {"type": "dict", "required": True},
        },
        supports_check_mode=True,
    )
    if not HAS_PROJECT:
        module.fail_json(msg=missing_required_lib("canary"))
    found = list(problems(**module.params))
    if found:
        module.fail_json(msg="\n".join(found))
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()

#!/usr/bin/python
from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    import msgspec

    from canary import releases
    from canary.cluster import KubernetesCluster, UnreachableError
    from canary.holder import holder, is_alive
except ImportError:
    HAS_PROJECT = False
else:
    HAS_PROJECT = True

DOCUMENTATION = r"""
module: canary_releases
short_description: Read and write what is under way, and the history of releases
description:
  - Both are in a ConfigMap in the namespace. A write fails when somebody else has just written.
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
  action:
    description:
      - V(look) changes nothing.
      - V(begin) takes the run for this playbook; it fails while another playbook holds it.
      - V(move) notes another phase of the run; it fails when somebody has ended the run.
      - V(finish) ends the run, and adds to the history.
    type: str
    choices: [look, begin, move, finish]
    default: look
  force:
    description: Whether V(begin) takes the run from a playbook that still holds it.
    type: bool
    default: false
  run_id:
    description: The run; needed for V(move) and V(finish).
    type: str
  phase:
    description: What the run does now, for V(begin) and V(move).
    type: str
    choices: [testing, waiting, promoting, stopping, rolling back]
    default: testing
  seconds:
    description: The longest that it can take, for V(begin).
    type: int
    default: 3600
  stable_image:
    description: The image that the stable track runs or is to run again; needed for V(begin).
    type: str
  canary_image:
    description: The image that is tried; needed for V(begin).
    type: str
  entry:
    description: The end of the run; needed for V(finish).
    type: dict
    suboptions:
      action:
        description: What was done.
        type: str
        choices: [promoted, rolled back, stopped]
        required: true
      from_image:
        description: What the stable track ran.
        type: str
        required: true
      to_image:
        description: What it runs now.
        type: str
        required: true
      model_versions:
        description: Model versions of the image that was tried.
        type: list
        elements: str
        default: []
      verdict:
        description: Why.
        type: str
        default: ""
  deployed_image:
    description: What the stable track runs, to find out whether it is to be kept, for V(look).
    type: str
    default: ""
  wanted_image:
    description: What a deployment would put in its place, for V(look).
    type: str
    default: ""
  is_explicit:
    description: Whether somebody has asked for exactly that image.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
author:
  - The project's contributors
"""

EXAMPLES = r"""
- name: Note that the promotion begins
  canary_releases:
    namespace: breast-cancer
    action: move
    run_id: "{{ canary_run.run.id }}"
    phase: promoting
"""

RETURN = r"""
run:
  description: What is under way; empty when nothing is.
  returned: always
  type: dict
is_held:
  description: Whether a playbook is still busy with it.
  returned: always
  type: bool
left_over:
  description: What was under way before V(begin).
  returned: always
  type: dict
history:
  description: The entries, the oldest first.
  returned: always
  type: list
  elements: dict
to_roll_back:
  description: The promotion that a rollback would go back behind; empty when there is none.
  returned: always
  type: dict
kept_image:
  description: The image that stays, though another is wanted; empty when it need not.
  returned: always
  type: str
kept_reason:
  description: Why it stays.
  returned: always
  type: str
"""

Object = dict[str, Any]


def stamp(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")


def change(given: Object, before: releases.Releases, now: float) -> releases.Releases:
    """Return what the action makes of the releases."""
    who = holder()
    if given["action"] == "begin":
        run = releases.Run(
            id=f"{datetime.fromtimestamp(now, UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
            started=stamp(now),
            expires=now + given["seconds"],
            holder=who,
            phase=given["phase"],
            stable_image=given["stable_image"],
            canary_image=given["canary_image"],
        )
        return releases.begin(before, run, now, lambda it: is_alive(it) and not given["force"])
    if given["action"] == "move":
        return releases.move(before, given["run_id"], given["phase"])
    if given["action"] == "finish":
        releases.mine(before, given["run_id"])
        return releases.finish(
            before, releases.Entry(when=stamp(now), who=str(who), **given["entry"])
        )
    return before


def answer(given: Object, before: releases.Releases, after: releases.Releases) -> Object:
    kept, reason = releases.kept_image(after, given["deployed_image"], given["wanted_image"])
    if kept and after.run and given["is_explicit"]:
        raise releases.RefusedError(
            f"The canary {after.run.canary_image} is under way: playbooks/promote.yml or"
            " playbooks/rollback.yml first"
        )
    run = after.run
    return {
        "run": plain(run),
        "is_held": bool(run and releases.is_held(run, time.time(), is_alive)),
        "left_over": plain(before.run),
        "history": [plain(entry) for entry in after.history],
        "to_roll_back": plain(releases.to_roll_back(after)),
        "kept_image": "" if given["is_explicit"] else kept,
        "kept_reason": reason,
    }


def plain(struct: msgspec.Struct | None) -> Object:
    found: Object = msgspec.to_builtins(struct) if struct else {}
    return found


def main() -> None:
    entry_options = {
        "action": {"choices": ["promoted", "rolled back", "stopped"], "required": True},
        "from_image": {"required": True},
        "to_image": {"required": True},
        "model_versions": {"type": "list", "elements": "str", "default": []},
        "verdict": {"default": ""},
    }
    module = AnsibleModule(
        argument_spec={
            "context": {"default": ""},
            "namespace": {"required": True},
            "action": {"choices": ["look", "begin", "move", "finish"], "default": "look"},
            "force": {"type": "bool", "default": False},
            "run_id": {},
            "phase": {
                "choices": ["testing", "waiting", "promoting", "stopping", "rolling back"],
                "default": "testing",
            },
            "seconds": {"type": "int", "default": 3600},
            "stable_image": {},
            "canary_image": {},
            "entry": {"type": "dict", "options": entry_options},
            "deployed_image": {"default": ""},
            "wanted_image": {"default": ""},
            "is_explicit": {"type": "bool", "default": False},
        },
        required_if=[
            ("action", "begin", ["stable_image", "canary_image"]),
            ("action", "move", ["run_id"]),
            ("action", "finish", ["run_id", "entry"]),
        ],
        supports_check_mode=True,
    )
    if not HAS_PROJECT:
        module.fail_json(msg=missing_required_lib("canary"))
    given = module.params
    try:
        store = releases.Store(KubernetesCluster(given["context"], given["namespace"]))
        before = store.read()
        if module.check_mode or given["action"] == "look":
            after = before
        else:
            after = store.update(lambda found: change(given, found, time.time()))
        result = answer(given, before, after)
    except (releases.RefusedError, UnreachableError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=after != before, **result)


if __name__ == "__main__":
    main()
